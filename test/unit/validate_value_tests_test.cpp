// Tests of one column's values, at the values where their answer turns.
#include "unit/one_test.hpp"

#include <gtest/gtest.h>

namespace etl::validate {
namespace {

using test::one_test;
using test::refusal;

TEST(null, is_the_matter_itself)
{
    one_test there{"column_values_to_not_be_null", R"({"column": "t"})"};
    EXPECT_EQ(there.of("t", {nullptr}), verdict::unexpected);
    EXPECT_EQ(there.of("t", {""}), verdict::as_expected);
    one_test absent{"column_values_to_be_null", R"({"column": "p"})"};
    EXPECT_EQ(absent.of("p", {nullptr}), verdict::as_expected);
    EXPECT_EQ(absent.of("p", {"(1,1)"}), verdict::unexpected);
}

TEST(null, is_missing_everywhere_else)
{
    for (const auto& [type, kwargs] :
         {std::pair{"values_to_be_in_set", R"({"column": "i", "value_set": [1]})"},
          {"values_to_not_be_in_set", R"({"column": "i", "value_set": [1]})"},
          {"values_to_be_between", R"({"column": "i", "min_value": 1})"},
          {"value_lengths_to_equal", R"({"column": "t", "value": 0})"},
          {"value_lengths_to_be_between", R"({"column": "t", "min_value": 1})"},
          {"values_to_match_regex", R"({"column": "t", "regex": "a"})"},
          {"values_to_not_match_regex", R"({"column": "t", "regex": "a"})"},
          {"values_to_match_regex_list", R"({"column": "t", "regex_list": ["a"]})"},
          {"values_to_not_match_regex_list", R"({"column": "t", "regex_list": ["a"]})"},
          {"values_to_match_like_pattern", R"({"column": "t", "like_pattern": "a"})"},
          {"values_to_not_match_like_pattern", R"({"column": "t", "like_pattern": "a"})"},
          {"values_to_match_like_pattern_list", R"({"column": "t", "like_pattern_list": ["a"]})"},
          {"values_to_not_match_like_pattern_list", R"({"column": "t", "like_pattern_list": ["a"]})"},
          {"values_to_match_strftime_format", R"({"column": "t", "strftime_format": "%Y"})"},
          {"values_to_be_dateutil_parseable", R"({"column": "t"})"},
          {"values_to_be_json_parseable", R"({"column": "t"})"},
          {"values_to_match_json_schema", R"({"column": "t", "json_schema": {}})"}}) {
        one_test test{std::string{"column_"} + type, kwargs};
        EXPECT_EQ(test.of("", {}), verdict::missing) << type;
    }
}

TEST(set, of_texts)
{
    one_test in{"column_values_to_be_in_set", R"({"column": "t", "value_set": ["", "a", "é", "1", "true"]})"};
    one_test out{"column_values_to_not_be_in_set", R"({"column": "t", "value_set": ["", "a", "é", "1", "true"]})"};
    for (const char* text : {"", "a", "é", "1", "true"}) {
        EXPECT_TRUE(in.keeps('t', text)) << text;
        EXPECT_EQ(out.of("t", {text}), verdict::unexpected) << text;
    }
    for (const char* text : {"A", "a ", "e", "TRUE", "aa"}) {
        EXPECT_EQ(in.of("t", {text}), verdict::unexpected) << text;
        EXPECT_TRUE(out.keeps('t', text)) << text;
    }
}

TEST(set, overlooks_what_the_type_overlooks)
{
    one_test padded{"column_values_to_be_in_set", R"({"column": "c", "value_set": ["b "]})"};
    EXPECT_TRUE(padded.keeps('c', "b"));
    EXPECT_TRUE(padded.keeps('c', "b   "));
    EXPECT_FALSE(padded.keeps('c', " b"));
    one_test loose{"column_values_to_be_in_set", R"({"column": "l", "value_set": ["aB"]})"};
    EXPECT_TRUE(loose.keeps('l', "Ab"));
    EXPECT_FALSE(loose.keeps('l', "a"));
    one_test decimals{"column_values_to_be_in_set", R"({"column": "n", "value_set": [1.50, "NaN", 1e3, "0.000"]})"};
    for (const char* value : {"1.5", "NaN", "1000.00", "0"}) {
        EXPECT_TRUE(decimals.keeps('n', value)) << value;
    }
    EXPECT_FALSE(decimals.keeps('n', "-1.5"));
}

TEST(set, of_numbers)
{
    one_test whole{"column_values_to_be_in_set", R"({"column": "i", "value_set": [3, "-1", 2.0, 3, null]})"};
    for (const char* value : {"3", "-1", "2"}) {
        EXPECT_TRUE(whole.keeps('i', value)) << value;
    }
    EXPECT_FALSE(whole.keeps('i', "0"));
    one_test reals{"column_values_to_be_in_set", R"({"column": "r", "value_set": [0, "nan", 0.1]})"};
    for (const char* value : {"-0.0", "nan", "0.1"}) {
        EXPECT_TRUE(reals.keeps('r', value)) << value;
    }
    EXPECT_FALSE(reals.keeps('r', "inf"));
}

TEST(set, a_fraction_is_no_whole_number)
{
    one_test in{"column_values_to_be_in_set",
                R"({"column": "i", "value_set": [1.5, 2.5e0, 1e3, "Infinity", 1e30, 9007199254740993]})"};
    for (const char* value : {"1", "2", "3", "9223372036854775807", "9007199254740992"}) {
        EXPECT_FALSE(in.keeps('i', value)) << value;
    }
    EXPECT_TRUE(in.keeps('i', "1000"));
    EXPECT_TRUE(in.keeps('i', "9007199254740993"));
}

TEST(set, of_texts_has_texts_alone)
{
    EXPECT_EQ(
        refusal("column_values_to_be_in_set", R"({"column": "t", "value_set": ["a", 1]})"),
        "42804: expect_column_values_to_be_in_set(t) compares value_set with a column of type text, but not all of "
        "it is text");
    EXPECT_TRUE(refusal("column_values_to_be_between", R"({"column": "t", "min_value": 1})").starts_with("42804"));
}

TEST(set, of_many_texts)
{
    std::string members = "\"a0\"";
    for (int i = 1; i < 100; ++i) {
        members += ", \"a" + std::to_string(i) + '"';
    }
    one_test test{"column_values_to_be_in_set", R"({"column": "t", "value_set": [)" + members + "]}"};
    EXPECT_TRUE(test.keeps('t', "a0"));
    EXPECT_TRUE(test.keeps('t', "a99"));
    EXPECT_FALSE(test.keeps('t', "a100"));
}

TEST(set, of_nothing)
{
    for (const char* set : {"[null]", "[]"}) {
        const std::string kwargs = std::string{R"({"column": "t", "value_set": )"} + set + '}';
        EXPECT_FALSE((one_test{"column_values_to_be_in_set", kwargs}.keeps('t', ""))) << set;
        EXPECT_TRUE((one_test{"column_values_to_not_be_in_set", kwargs}.keeps('t', ""))) << set;
    }
    EXPECT_TRUE((one_test{"column_values_to_be_in_set", R"({"column": "t", "value_set": null})"}.keeps('t', "x")))
        << "null is every value";
}

TEST(between, includes_its_bounds_unless_told)
{
    one_test closed{"column_values_to_be_between", R"({"column": "i", "min_value": 1, "max_value": 3})"};
    EXPECT_FALSE(closed.keeps('i', "0"));
    EXPECT_TRUE(closed.keeps('i', "1"));
    EXPECT_TRUE(closed.keeps('i', "3"));
    EXPECT_FALSE(closed.keeps('i', "4"));
    one_test open{"column_values_to_be_between",
                  R"({"column": "i", "min_value": 1, "max_value": 3, "strict_min": true, "strict_max": true})"};
    EXPECT_FALSE(open.keeps('i', "1"));
    EXPECT_TRUE(open.keeps('i', "2"));
    EXPECT_FALSE(open.keeps('i', "3"));
}

TEST(between, needs_one_bound_only)
{
    one_test above{"column_values_to_be_between", R"({"column": "i", "min_value": 0})"};
    EXPECT_TRUE(above.keeps('i', "9223372036854775807"));
    EXPECT_FALSE(above.keeps('i', "-9223372036854775808"));
    one_test below{"column_values_to_be_between", R"({"column": "i", "max_value": 0})"};
    EXPECT_TRUE(below.keeps('i', "-9223372036854775808"));
    EXPECT_FALSE(below.keeps('i', "9223372036854775807"));
}

struct fraction {
    const char* kwargs;
    const char* kept; // of 1, 2, 3
};

TEST(between, fractions_bound_whole_numbers)
{
    for (const auto& [kwargs, kept] : {fraction{R"("min_value": 1.5)", "23"},
                                       {R"("min_value": 1.5, "strict_min": true)", "23"},
                                       {R"("max_value": 1.5)", "1"},
                                       {R"("max_value": 1.5, "strict_max": true)", "1"},
                                       {R"("min_value": 2.0)", "23"},
                                       {R"("min_value": 2.0, "strict_min": true)", "3"},
                                       {R"("max_value": 2.0, "strict_max": true)", "1"},
                                       {R"("min_value": -1.5)", "123"},
                                       {R"("max_value": -0.5)", ""},
                                       {R"("min_value": 1.5, "max_value": 1.7)", ""},
                                       {R"("min_value": 2e0, "max_value": 2e0)", "2"}}) {
        one_test test{"column_values_to_be_between", std::string{R"({"column": "i", )"} + kwargs + '}'};
        std::string found;
        for (const char* value : {"1", "2", "3"}) {
            found += test.keeps('i', value) ? value : "";
        }
        EXPECT_EQ(found, kept) << kwargs;
    }
}

TEST(between, infinite_and_huge_bounds_of_whole_numbers)
{
    for (const char* kwargs :
         {R"("min_value": "-Infinity", "max_value": "Infinity")", R"("min_value": -1e300, "max_value": 1e300)",
          R"("min_value": "-Infinity", "strict_min": true)", R"("max_value": "Infinity", "strict_max": true)",
          R"("max_value": 9223372036854775808)"}) {
        one_test test{"column_values_to_be_between", std::string{R"({"column": "i", )"} + kwargs + '}'};
        for (const char* value : {"-9223372036854775808", "0", "9223372036854775807"}) {
            EXPECT_TRUE(test.keeps('i', value)) << kwargs << ' ' << value;
        }
    }
    for (const char* kwargs : {R"("min_value": "Infinity")", R"("max_value": "-Infinity")", R"("min_value": 1e19)"}) {
        one_test test{"column_values_to_be_between", std::string{R"({"column": "i", )"} + kwargs + '}'};
        for (const char* value : {"-9223372036854775808", "0", "9223372036854775807"}) {
            EXPECT_FALSE(test.keeps('i', value)) << kwargs << ' ' << value;
        }
    }
}

TEST(between, orders_nan_above_all)
{
    for (const char name : {'r', 'n'}) {
        const std::string column = std::string{R"({"column": ")"} + name + R"(", "min_value": 0)";
        one_test closed{"column_values_to_be_between", column + R"(, "max_value": "Infinity"})"};
        EXPECT_TRUE(closed.keeps(name, name == 'r' ? "inf" : "Infinity"));
        EXPECT_FALSE(closed.keeps(name, name == 'r' ? "nan" : "NaN"));
        one_test open{"column_values_to_be_between", column + '}'};
        EXPECT_TRUE(open.keeps(name, name == 'r' ? "nan" : "NaN"));
    }
    one_test zero{"column_values_to_be_between", R"({"column": "r", "min_value": 0})"};
    EXPECT_TRUE(zero.keeps('r', "-0.0"));
}

TEST(between, of_texts_and_other_types)
{
    one_test bytes{"column_values_to_be_between", R"({"column": "t", "min_value": "", "max_value": "b"})"};
    EXPECT_TRUE(bytes.keeps('t', ""));
    EXPECT_TRUE(bytes.keeps('t', "b"));
    EXPECT_FALSE(bytes.keeps('t', "ba"));
    EXPECT_FALSE(bytes.keeps('t', "é"));
    one_test loose{"column_values_to_be_between", R"({"column": "l", "min_value": "b", "max_value": "C"})"};
    EXPECT_TRUE(loose.keeps('l', "B"));
    EXPECT_FALSE(loose.keeps('l', "Z"));
    one_test other{"column_values_to_be_between", R"({"column": "o", "max_value": "5"})"};
    EXPECT_TRUE(other.keeps('o', "5"));
    EXPECT_FALSE(other.keeps('o', "6"));
    EXPECT_EQ(refusal("column_values_to_be_between", R"({"column": "p", "min_value": 1})"),
              "42804: expect_column_values_to_be_between(p) needs a type with an order, but the column is of type "
              "point");
}

TEST(between, refuses_bounds_the_wrong_way_round)
{
    EXPECT_EQ(refusal("column_values_to_be_between", R"({"column": "i", "min_value": 10, "max_value": 9})"),
              "22023: expect_column_values_to_be_between(i): min_value cannot be greater than max_value");
    EXPECT_EQ(refusal("column_values_to_be_between", R"({"column": "i", "min_value": 9, "max_value": 9})"), "accepted");
}

TEST(lengths, count_characters)
{
    one_test two{"column_value_lengths_to_equal", R"({"column": "t", "value": 2})"};
    EXPECT_TRUE(two.keeps('t', "ab"));
    EXPECT_TRUE(two.keeps('t', "é日"));
    EXPECT_FALSE(two.keeps('t', "é"));
    EXPECT_FALSE(two.keeps('t', "abc"));
    one_test none{"column_value_lengths_to_equal", R"({"column": "c", "value": 0})"};
    EXPECT_TRUE(none.keeps('c', "   ")) << "as length() of char(n) has it";
}

TEST(lengths, lie_between_bounds)
{
    one_test closed{"column_value_lengths_to_be_between", R"({"column": "t", "min_value": 1, "max_value": 3})"};
    one_test open{"column_value_lengths_to_be_between",
                  R"({"column": "t", "min_value": 1, "max_value": 3, "strict_min": true, "strict_max": true})"};
    one_test above{"column_value_lengths_to_be_between", R"({"column": "t", "min_value": 1})"};
    one_test below{"column_value_lengths_to_be_between", R"({"column": "t", "max_value": 3})"};
    std::string kept;
    for (const char* text : {"", "1", "22", "333", "4444"}) {
        for (one_test* test : {&closed, &open, &above, &below}) {
            kept += test->keeps('t', text) ? '+' : '-';
        }
        kept += ' ';
    }
    EXPECT_EQ(kept, "---+ +-++ ++++ +-++ --+- ");
}

TEST(order, compares_with_the_value_before)
{
    // The query brings the value before as a column of its own.
    struct wanted {
        const char* type;
        const char* strictly;
        const char* kept; // of 1, 2, 3 after 2
    };
    for (const auto& [type, strictly, kept] : {wanted{"increasing", "false", "23"},
                                               {"increasing", "true", "3"},
                                               {"decreasing", "false", "12"},
                                               {"decreasing", "true", "1"}}) {
        const suite rules = parse_suite(std::string{R"({"expectations": [{"type": "expect_column_values_to_be_)"} +
                                        type + R"(", "kwargs": {"column": "i", "strictly": )" + strictly + "}}]}");
        std::vector<column> columns;
        columns.push_back(test::fake_column("i", "bigint"));
        columns.push_back(test::fake_column(previous_name(rules.expectations[0]), "bigint"));
        const auto test = compile_test(rules.expectations[0], columns_view{columns});
        std::string found;
        for (std::int64_t value : {1, 2, 3}) {
            const std::array row{test::integer_field(value), test::integer_field(2)};
            found += test->test(row) == verdict::as_expected ? std::to_string(value) : "";
        }
        EXPECT_EQ(found, kept) << type << strictly;
        EXPECT_EQ(test->test(std::array{test::integer_field(0), test::null_field()}), verdict::as_expected)
            << "the first value";
        EXPECT_EQ(test->test(std::array{test::null_field(), test::integer_field(2)}), verdict::missing);
    }
    EXPECT_FALSE((one_test{"column_values_to_be_increasing", R"({"column": "i"})"}.exists()))
        << "without the value before there is nothing to test";
    EXPECT_EQ(refusal("column_values_to_be_increasing", R"({"column": "p"})"),
              "42804: expect_column_values_to_be_increasing needs a type with an order, but \"p\" is of type point");
}

TEST(value_tests, refuse_columns_that_do_not_fit)
{
    EXPECT_EQ(refusal("column_values_to_be_null", R"({"column": "x"})"),
              "42703: expect_column_values_to_be_null expects column \"x\", which is not among the given ones");
    EXPECT_EQ(refusal("column_value_lengths_to_equal", R"({"column": "i", "value": 1})"),
              "42804: expect_column_value_lengths_to_equal needs a column of text, but \"i\" is of type bigint");
    EXPECT_EQ(
        refusal("column_values_to_be_in_set", R"({"column": "p", "value_set": [1]})"),
        "42804: expect_column_values_to_be_in_set(p) needs a type with an order, but the column is of type point");
}

} // namespace
} // namespace etl::validate
