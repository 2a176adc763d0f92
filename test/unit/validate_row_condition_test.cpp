// Row conditions: Great Expectations' languages as SQL, and SQL that would not stay within its parentheses.
#include "core/error.hpp"
#include "validate/row_condition.hpp"
#include "validate/sql_text.hpp"

#include <gtest/gtest.h>

namespace etl::validate {
namespace {

struct pair {
    const char* condition;
    const char* sql; // empty: refused
};

std::string sql_of(const json& condition, const char* parser)
{
    try {
        return row_condition_sql(condition, parser);
    } catch (const error& e) {
        EXPECT_STREQ(e.sqlstate(), sqlstate::invalid_parameter_value) << condition;
        return "";
    }
}

template <std::size_t Count>
void expect_all(const pair (&pairs)[Count], const char* parser)
{
    for (const auto& [condition, sql] : pairs) {
        EXPECT_EQ(sql_of(condition, parser), sql) << condition;
    }
}

constexpr pair of_great_expectations[] = {
    {R"(col("price") > 5)", R"("price" > 5)"},
    {R"(col("price")>=-5.5e3)", R"("price" >= -5.5e3)"},
    {R"(col("a") == "x y")", R"("a" = 'x y')"},
    {R"(col('a') != 'it"s')", R"("a" <> 'it"s')"},
    {R"(col("a") != "it's")", R"("a" <> 'it''s')"},
    {R"(col("a") < "\n")", R"("a" < E'\\n')"},
    {R"(col("a-b c.d") <= +1)", R"("a-b c.d" <= 1)"},
    {R"(col("a").notNull())", R"("a" IS NOT NULL)"},
    {R"(col("a").NOTNULL())", R"("a" IS NOT NULL)"},
    {R"(col("a").isNull())", R"("a" IS NULL)"},
    {R"(col("d") >= date("2020-01-31"))", R"("d" >= date '2020-01-31')"},
    {R"(col("a") == 1 & col("b") == 2)", R"("a" = 1 AND "b" = 2)"},
    {R"(col("a") == 1 and (col("b") == 2 or col("c") == 3.))", R"("a" = 1 AND ("b" = 2 OR "c" = 3.0))"},
    {R"(col("a") == 1 | ~(col("b") == True))", R"("a" = 1 OR (NOT (("b" = TRUE))))"},
    {R"(col("a") in ["x", "y"])", R"("a" IN ('x', 'y'))"},
    {R"(col("a") == col("b"))", R"("a" = "b")"},
    {R"(col("a""b") == 1)", ""},
    {R"(price > 5)", ""},
    {R"(col("price"))", ""},
    {R"(col("price") >)", ""},
    {R"(col("price") = 5)", ""},
    {R"(col("price") > 5 5)", ""},
    {R"(col(price) > 5)", ""},
    {R"(sum("price") > 5)", ""},
    {R"(col("price") > 5; DROP TABLE x)", ""},
    {R"(col("price" > 5)", ""},
    {R"((col("price") > 5)", ""},
    {R"(col("price") > 5))", ""},
    {R"(col("price) > 5)", ""},
    {R"(col("a").drop())", ""},
    {"", ""},
};

TEST(row_condition, reads_the_language_of_great_expectations)
{
    expect_all(of_great_expectations, "great_expectations");
    expect_all(of_great_expectations, "great_expectations__experimental__");
}

constexpr pair of_pandas[] = {
    {R"(PClass=="1st")", R"("PClass" = '1st')"},
    {R"(x == 1 and y < 2 or not z > 3)", R"("x" = 1 AND "y" < 2 OR (("z" > 3) IS NOT TRUE))"},
    {R"(w!=0.56 & w<0.8)", R"("w" IS DISTINCT FROM 0.56 AND "w" < 0.8)"},
    {R"(1 < x <= 3)", R"(1 < "x" AND "x" <= 3)"},
    {R"(`my col` == 'a')", R"("my col" = 'a')"},
    {R"(x in ('a', "b",))", R"("x" IN ('a', 'b'))"},
    {R"(x not in [1, -2])", R"((("x" IN (1, -2)) IS NOT TRUE))"},
    {R"(x in [])", "FALSE"},
    {R"(x.isnull() | y.notna())", R"("x" IS NULL OR "y" IS NOT NULL)"},
    {R"(active and x == True)", R"("active" AND "x" = TRUE)"},
    {R"(é == 1)", R"("é" = 1)"},
    {R"(x > y)", R"("x" > "y")"},
    {"price > 0 AND state = 'a'", "price > 0 AND state = 'a'"}, // SQL
    {"x IS NULL", "x IS NULL"},
    {"x BETWEEN 1 AND 2", "x BETWEEN 1 AND 2"},
    {R"(x == "a\nb")", ""},
    {R"(x.str.contains("a") == True)", ""},
    {R"(x + 1 == 2)", ""},
    {R"(x == @y)", ""},
    {R"(len(x) == 2)", ""},
    {R"(x == None)", ""},
    {R"(x ==)", ""},
    {R"(x == "a)", ""},
    {R"(x == 1st)", ""},
};

TEST(row_condition, reads_what_is_sure_of_pandas)
{
    expect_all(of_pandas, "pandas");
    expect_all(of_pandas, "python");
}

constexpr pair of_spark[] = {
    {R"(x == "a" and not y != 2)", R"("x" = 'a' AND (NOT ("y" <> 2)))"},
    {R"(`x` == 1 or y = 2)", R"("x" = 1 OR "y" = 2)"},
    {"x = 1 AND y IS NOT NULL", "x = 1 AND y IS NOT NULL"},
    {R"(x == 1 & y == 2)", ""}, // of bits
};

TEST(row_condition, reads_what_is_sure_of_spark)
{
    expect_all(of_spark, "spark");
}

constexpr pair of_nobody[] = {
    {"price > 0", "price > 0"},
    {"  price > 0 \t", "price > 0"},
    {R"(PClass == "1st")", R"("PClass" = '1st')"},
    {R"(col("x") > 3)", R"("x" > 3)"},
    {R"((col('x') > 3))", R"(("x" > 3))"},
    {R"("PClass" = '1st')", R"("PClass" = '1st')"},
    {"a = '=='", "a = '=='"},
    {"a = '`' -- ==\n", "a = '`' -- ==\n"},
};

TEST(row_condition, guesses_the_language)
{
    expect_all(of_nobody, "");
}

TEST(row_condition, leaves_sql_alone)
{
    EXPECT_EQ(sql_of("a == b", "sql"), "a == b") << "an operator that somebody has made";
    EXPECT_EQ(sql_of("col(\"x\") > 3", "sql"), "col(\"x\") > 3");
}

constexpr pair sound[] = {
    {"a > 1", ""},
    {"f(a, (b)) > c[1]", ""},
    {"a = ')'", ""},
    {"a = 'it''s )'", ""},
    {"a = E'\\')'", ""},
    {"a = e'\\\\'", ""},
    {"a = E'x''\\')'", ""},
    {"ae'\\' = '\\'", ""},
    {"\")\" = 1", ""},
    {"\"a\"\")\" = 1", ""},
    {"a = $$)$$", ""},
    {"a = $x$ $y$ ) $$ $x$", ""},
    {"a$b$c = 1", ""},
    {"a /* ) /* ( */ ; */ = 1", ""},
    {"a -- )\n = 1", ""},
    {"a = 1 --\n", ""},
    {"a - -1 > 2", ""},
    {"a = ';'", ""},
    {"a::int[] @> ARRAY[1]", ""},
    {"U&'\\0041' = a", ""},
    {"1.5e3 > a", ""},
    {"a #>> '{b}' = 'c'", ""},
};

TEST(row_condition, takes_sound_sql)
{
    for (const auto& [condition, unused] : sound) {
        EXPECT_EQ(sql_of(condition, "sql"), condition);
    }
}

constexpr pair hostile[] = {
    {"a) OR (true", "closes a parenthesis that is not open"},
    {"a > 1)", "closes a parenthesis that is not open"},
    {"(a > 1", "has a parenthesis that is not closed"},
    {"a[1 > 1", "has a bracket that is not closed"},
    {"(a[1)]", "closes a parenthesis that is not open"},
    {"a > 1; DROP TABLE x", "has a semicolon"},
    {"a > 1 --", "ends in a comment"},
    {"a > 1 --)", "ends in a comment"},
    {"a > 1 /*", "has a comment without its end"},
    {"a > 1 /* /* */", "has a comment without its end"},
    {"a = '", "has a string without its end"},
    {"a = 'x'' ", "has a string without its end"},
    {"a = E'\\'", "has a string without its end"},
    {"a = E'\\", "has a string without its end"},
    {"a = E'x''\\'", "has a string without its end"},
    {"a = \"x", "has a quoted name without its end"},
    {"a = $$x", "has a string without its end"},
    {"a = $x$x$y$", "has a string without its end"},
    {"a = $1", "has a parameter"},
    {"", "is empty"},
    {" \n ", "is empty"},
};

TEST(row_condition, refuses_hostile_sql)
{
    for (const auto& [condition, why] : hostile) {
        for (const char* parser : {"", "sql", "spark", "pandas"}) {
            try {
                (void)row_condition_sql(condition, parser);
                ADD_FAILURE() << condition;
            } catch (const error& e) {
                EXPECT_EQ(e.what(), std::string{"row_condition "} + why) << condition;
            }
        }
        EXPECT_THROW(checked_sql_condition(condition, "condition"), error) << condition;
    }
}

TEST(row_condition, refuses_deep_conditions)
{
    const std::string parentheses = std::string(100000, '(') + "x == 1" + std::string(100000, ')');
    std::string negations;
    for (int i = 0; i < 100000; ++i) {
        negations += "not ";
    }
    EXPECT_THROW(row_condition_sql(parentheses, "pandas"), error);
    EXPECT_THROW(row_condition_sql(negations + "x == 1", "pandas"), error);
    EXPECT_NO_THROW(row_condition_sql(std::string(40, '(') + "x == 1" + std::string(40, ')'), "pandas"));
}

struct object_pair {
    const char* condition;
    const char* sql;
};

constexpr object_pair objects[] = {
    {R"({"type": "comparison", "column": {"name": "a"}, "operator": "==", "parameter": "it's"})", R"("a" = 'it''s')"},
    {R"({"type": "comparison", "column": "a\"b", "operator": "!=", "parameter": 1.5})", R"("a""b" <> 1.5)"},
    {R"({"type": "comparison", "column": {"name": "a"}, "operator": "<=", "parameter": -3})", R"("a" <= -3)"},
    {R"({"type": "comparison", "column": {"name": "a"}, "operator": "IN", "parameter": [1, "x", true]})",
     R"("a" IN (1, 'x', TRUE))"},
    {R"({"type": "comparison", "column": {"name": "a"}, "operator": "NOT_IN", "parameter": ["\\"]})",
     R"("a" NOT IN (E'\\'))"},
    {R"({"type": "comparison", "column": {"name": "a"}, "operator": "IN", "parameter": []})", "FALSE"},
    {R"({"type": "comparison", "column": {"name": "a"}, "operator": "NOT_IN", "parameter": []})", "TRUE"},
    {R"({"type": "nullity", "column": {"name": "a"}, "is_null": true})", R"("a" IS NULL)"},
    {R"({"type": "and", "conditions": [
            {"type": "nullity", "column": {"name": "a"}, "is_null": false},
            {"type": "or", "conditions": [{"type": "comparison", "column": {"name": "b"}, "operator": ">",
                                           "parameter": 1},
                                          {"type": "pass_through", "pass_through_filter": "c == 2 or d == 3"}]}]})",
     R"(("a" IS NOT NULL AND ("b" > 1 OR ("c" = 2 OR "d" = 3))))"},
    {R"({"type": "and", "conditions": []})", ""},
    {R"({"type": "and"})", ""},
    {R"({"type": "xor"})", ""},
    {R"({})", ""},
    {R"({"type": "comparison", "column": {"name": "a"}, "operator": "LIKE", "parameter": "x"})", ""},
    {R"({"type": "comparison", "column": {"name": "a"}, "operator": "==", "parameter": null})", ""},
    {R"({"type": "comparison", "column": {"name": "a"}, "operator": "==", "parameter": [1]})", ""},
    {R"({"type": "comparison", "column": {"name": 1}, "operator": "==", "parameter": 1})", ""},
    {R"({"type": "comparison", "operator": "==", "parameter": 1})", ""},
    {R"({"type": "comparison", "column": {"name": "a"}, "operator": "IN", "parameter": "x"})", ""},
    {R"({"type": "nullity", "column": {"name": "a"}, "is_null": "yes"})", ""},
    {R"({"type": "pass_through", "pass_through_filter": "a) or (b == 1"})", ""},
    {R"({"type": "pass_through", "pass_through_filter": 1})", ""},
};

TEST(row_condition, reads_the_objects_of_1x)
{
    for (const auto& [condition, sql] : objects) {
        EXPECT_EQ(sql_of(json::parse(condition), "great_expectations"), sql) << condition;
    }
}

TEST(sql_text, quotes)
{
    EXPECT_EQ(sql_name("a\"b"), "\"a\"\"b\"");
    EXPECT_EQ(sql_literal("a'b"), "'a''b'");
    EXPECT_EQ(sql_literal("a\\'b"), "E'a\\\\''b'");
    EXPECT_EQ(sql_literal(""), "''");
}

} // namespace
} // namespace etl::validate
