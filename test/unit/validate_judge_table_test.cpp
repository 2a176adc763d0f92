// Verdicts on the table itself, and the names of types.
#include "unit/validation_run.hpp"

#include "validate/type_names.hpp"

#include <gtest/gtest.h>

namespace etl::validate {
namespace {

using test::judged;

const std::vector<plan_column> columns{{"a", "bigint", ""}};

judged of(const std::string& type, const std::string& kwargs, json facts = nullptr)
{
    return {columns, type, kwargs, {{"1"}, {"2"}, {nullptr}}, {.tell = [&facts](plan& told) {
                told.table =
                    json::parse(R"({"columns": [["a", "bigint"], ["b", "character varying"], ["c", "jsonb"]]})");
                if (!facts.is_null()) {
                    told.facts[0] = facts;
                }
            }}};
}

TEST(judge_table, columns_exist)
{
    EXPECT_TRUE(of("column_to_exist", R"({"column": "b"})").is.success);
    EXPECT_FALSE(of("column_to_exist", R"({"column": "B"})").is.success);
    EXPECT_TRUE(of("column_to_exist", R"({"column": "b", "column_index": 1})").is.success);
    EXPECT_FALSE(of("column_to_exist", R"({"column": "b", "column_index": 2})").is.success);
    EXPECT_EQ(of("column_to_exist", R"({"column": "b"})").observed(), "null");
}

TEST(judge_table, column_count)
{
    EXPECT_EQ(of("table_column_count_to_equal", R"({"value": 3})").answer(), "keeps 3");
    EXPECT_EQ(of("table_column_count_to_equal", R"({"value": 2})").answer(), "breaks 3");
    EXPECT_EQ(of("table_column_count_to_be_between", R"({"min_value": 4})").answer(), "breaks 3");
    EXPECT_EQ(of("table_column_count_to_be_between", R"({"max_value": 3})").answer(), "keeps 3");
}

TEST(judge_table, columns_in_order)
{
    const judged same = of("table_columns_to_match_ordered_list", R"({"column_list": ["a", "b", "c"]})");
    EXPECT_EQ(same.answer(), R"(keeps ["a","b","c"])");
    EXPECT_TRUE(same.is.details.is_null());
    const judged swapped = of("table_columns_to_match_ordered_list", R"({"column_list": ["b", "a"]})");
    EXPECT_FALSE(swapped.is.success);
    EXPECT_EQ(swapped.is.details.dump(), R"({"mismatched":[{"Expected Column Position":0,"Expected":"b","Found":"a"},)"
                                         R"({"Expected Column Position":1,"Expected":"a","Found":"b"},)"
                                         R"({"Expected Column Position":2,"Expected":null,"Found":"c"}]})");
}

TEST(judge_table, columns_as_a_set)
{
    EXPECT_TRUE(of("table_columns_to_match_set", R"({"column_set": ["c", "b", "a"]})").is.success);
    const judged fewer = of("table_columns_to_match_set", R"({"column_set": ["a", "b"]})");
    EXPECT_FALSE(fewer.is.success);
    EXPECT_EQ(fewer.is.details.dump(), R"({"mismatched":{"unexpected":["c"]}})");
    EXPECT_TRUE(of("table_columns_to_match_set", R"({"column_set": ["a", "b"], "exact_match": false})").is.success);
    const judged more = of("table_columns_to_match_set", R"({"column_set": ["a", "d"], "exact_match": false})");
    EXPECT_FALSE(more.is.success);
    EXPECT_EQ(more.is.details["mismatched"]["missing"].dump(), R"(["d"])");
}

TEST(judge_table, row_count)
{
    EXPECT_EQ(of("table_row_count_to_equal", R"({"value": 3})").answer(), "keeps 3");
    EXPECT_EQ(of("table_row_count_to_equal", R"({"value": 4})").answer(), "breaks 3");
    EXPECT_EQ(of("table_row_count_to_be_between", R"({"min_value": 3, "max_value": 3})").answer(), "keeps 3");
    EXPECT_EQ(of("table_row_count_to_be_between", R"({"min_value": 4})").answer(), "breaks 3");
    EXPECT_EQ(of("table_row_count_to_equal_other_table", R"({"other_table_name": "t"})", {{"other", 3}}).answer(),
              R"(keeps {"self":3,"other":3})");
    EXPECT_EQ(of("table_row_count_to_equal_other_table", R"({"other_table_name": "t"})", {{"other", 4}}).answer(),
              R"(breaks {"self":3,"other":4})");
}

TEST(judge_table, what_a_state_alone_does_not_know)
{
    EXPECT_NE(of("table_row_count_to_equal_other_table", R"({"other_table_name": "t"})").is.fault, "");
    const judged nowhere{columns, "column_to_exist", R"({"column": "a"})", {{"1"}}};
    EXPECT_TRUE(nowhere.is.fault.starts_with("expect_column_to_exist(a) is decided by etl.validate() alone"));
}

TEST(judge_table, forged_facts_are_faults)
{
    for (const json& table :
         {json(1), json{{"columns", 1}}, json::parse(R"({"columns": [1]})"), json::parse(R"({"columns": [[1]]})")}) {
        const judged forged{columns,
                            "column_values_to_be_of_type",
                            R"({"column": "a", "type_": "BIGINT"})",
                            {{"1"}},
                            {.tell = [&table](plan& told) { told.table = table; }}};
        EXPECT_NE(forged.is.fault, "") << table;
    }
    EXPECT_NE(of("table_row_count_to_equal_other_table", R"({"other_table_name": "t"})", {{"more", 3}}).is.fault, "");
}

TEST(judge_table, types)
{
    EXPECT_EQ(of("column_values_to_be_of_type", R"({"column": "a", "type_": "BIGINT"})").answer(), R"(keeps "BIGINT")");
    EXPECT_EQ(of("column_values_to_be_of_type", R"({"column": "b", "type_": "TEXT"})").answer(), R"(breaks "VARCHAR")");
    EXPECT_EQ(of("column_values_to_be_in_type_list", R"({"column": "c", "type_list": ["TEXT", "JSON"]})").answer(),
              R"(keeps "JSONB")");
    EXPECT_EQ(of("column_values_to_be_in_type_list", R"({"column": "c", "type_list": null})").answer(),
              R"(keeps "JSONB")");
}

TEST(type_names, are_sqlalchemys)
{
    for (const auto& [type, name] : {std::pair{"integer", "INTEGER"},
                                     {"bigint", "BIGINT"},
                                     {"character varying", "VARCHAR"},
                                     {"character", "CHAR"},
                                     {"timestamp with time zone", "TIMESTAMP"},
                                     {"double precision", "DOUBLE_PRECISION"},
                                     {"real", "REAL"},
                                     {"integer[]", "ARRAY"},
                                     {"jsonb", "JSONB"},
                                     {"int4range", "INT4RANGE"}}) {
        EXPECT_EQ(great_expectations_name(type), name);
    }
}

TEST(type_names, old_and_own_names_mean_them_too)
{
    for (const auto& [type, wanted] : {std::pair{"INTEGER", "INTEGER"},
                                       {"INTEGER", "int64"},
                                       {"SMALLINT", "int"},
                                       {"VARCHAR", "string"},
                                       {"TEXT", "str"},
                                       {"TIMESTAMP", "datetime64"},
                                       {"TIMESTAMP", "datetime64[ns]"},
                                       {"INTEGER", "int4"},
                                       {"DOUBLE_PRECISION", "double precision"},
                                       {"VARCHAR", "varchar(20)"},
                                       {"NUMERIC", "decimal"},
                                       {"timestamp with time zone", "timestamptz"},
                                       {"timestamp with time zone", "TIMESTAMP"},
                                       {"timestamp with time zone", "datetime64[ns, UTC]"},
                                       {"integer", "pg_catalog.int4"},
                                       {"integer[]", "int4[]"},
                                       {"integer[]", "ARRAY"},
                                       {"public.mood", "public.mood"},
                                       {"public.mood", "MOOD"},
                                       {"JSONB", "JSON"},
                                       {"CITEXT", "TEXT"},
                                       {"BOOLEAN", "bool"}}) {
        EXPECT_TRUE(is_type(type, wanted)) << type << ' ' << wanted;
    }
    for (const auto& [type, wanted] : {std::pair{"BIGINT", "INTEGER"},
                                       {"TEXT", "VARCHAR"},
                                       {"INTEGER", "NUMERIC"},
                                       {"JSON", "JSONB"},
                                       {"timestamp without time zone", "timestamptz"},
                                       {"timestamp without time zone", "timestamp with time zone"},
                                       {"timestamp with time zone", "timestamp without time zone"},
                                       {"time without time zone", "timetz"},
                                       {"integer[]", "text[]"},
                                       {"integer", "int4[]"},
                                       {"public.mood", "other.mood"},
                                       {"TEXT", ""},
                                       {"TEXT", "no type"}}) {
        EXPECT_FALSE(is_type(type, wanted)) << type << ' ' << wanted;
    }
}

} // namespace
} // namespace etl::validate
