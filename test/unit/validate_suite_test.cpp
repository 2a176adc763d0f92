// Suite documents: what is read from both shapes of Great Expectations, and what is refused with which words.
#include "core/error.hpp"
#include "validate/arguments.hpp"
#include "validate/suite.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace etl::validate {
namespace {

// A document of one expectation without the leading expect_column_.
std::string document(const std::string& type, const std::string& kwargs)
{
    return R"({"name": "s", "expectations": [{"type": "expect_column_)" + type + R"(", "kwargs": )" + kwargs + "}]}";
}

expectation parsed(const std::string& type, const std::string& kwargs)
{
    return parse_suite(document(type, kwargs)).expectations.at(0);
}

struct refusal {
    std::string sqlstate;
    std::string message;
    std::string detail;
    std::string hint;
};

refusal refused(const std::string& text)
{
    try {
        parse_suite(text);
    } catch (const error& e) {
        return {e.sqlstate(), e.what(), e.detail(), e.hint()};
    }
    return {"", "accepted: " + text, "", ""};
}

std::string message(const std::string& type, const std::string& kwargs)
{
    const refusal found = refused(document(type, kwargs));
    EXPECT_EQ(found.sqlstate, sqlstate::invalid_parameter_value);
    return found.message;
}

std::string nested(int levels)
{
    const auto count = static_cast<std::size_t>(levels);
    return R"({"expectations": [], "meta": )" + std::string(count, '[') + std::string(count, ']') + "}";
}

TEST(suite, reads_the_current_shape)
{
    const suite read = parse_suite(R"({
        "name": "orders", "id": "0b1f", "meta": {"great_expectations_version": "1.3.0"}, "notes": null,
        "expectations": [
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}, "meta": {}, "id": "1"},
            {"type": "expect_column_values_to_be_between", "severity": "warning",
             "kwargs": {"column": "price", "min_value": 0, "max_value": 9.5, "strict_min": true, "mostly": 0.9}},
            {"type": "ExpectColumnValuesToBeInSet",
             "kwargs": {"column": "state", "value_set": ["a", 2, true, null]}}
        ]})");
    EXPECT_EQ(read.name, "orders");
    ASSERT_EQ(read.expectations.size(), 3U);
    EXPECT_STREQ(read.expectations[0].type->name, "expect_column_values_to_not_be_null");
    EXPECT_EQ(read.expectations[0].severity, "critical");
    const expectation& between = read.expectations[1];
    const arguments of_between{between};
    EXPECT_EQ(between.columns, std::vector<std::string>{"price"});
    EXPECT_EQ(of_between.literal("min_value"), "0");
    EXPECT_EQ(of_between.literal("max_value"), "9.5");
    EXPECT_TRUE(of_between.flag("strict_min"));
    EXPECT_FALSE(of_between.flag("strict_max"));
    EXPECT_EQ(between.mostly, 0.9);
    EXPECT_EQ(between.severity, "warning");
    EXPECT_STREQ(read.expectations[2].type->name, "expect_column_values_to_be_in_set");
    EXPECT_EQ(arguments{read.expectations[2]}.literals("value_set"), (std::vector<std::string>{"a", "2", "true"}));
    EXPECT_EQ(read.columns(), (std::vector<std::string>{"id", "price", "state"}));
}

TEST(suite, reads_the_older_shape)
{
    const suite read = parse_suite(R"({
        "expectation_suite_name": "orders", "data_asset_type": null, "ge_cloud_id": null,
        "expectations": [
            {"expectation_type": "expect_column_values_to_match_regex", "kwargs": {"column": "w", "regex": "^a"}},
            {"expectation_type": "expect_column_value_lengths_to_equal", "kwargs": {"column": "w", "value": 3}},
            {"expectation_type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"},
             "meta": {"severity": "info"}},
            {"expectation_type": "expect_column_pair_values_A_to_be_greater_than_B", "meta": {"severity": "very"},
             "kwargs": {"column_A": "b", "column_B": "a", "or_equal": true, "ignore_row_if": "never"}}
        ]})");
    EXPECT_EQ(read.name, "orders");
    ASSERT_EQ(read.expectations.size(), 4U);
    EXPECT_EQ(arguments{read.expectations[0]}.text("regex"), "^a");
    EXPECT_EQ(arguments{read.expectations[1]}.count("value"), 3);
    EXPECT_FALSE(read.expectations[2].is_row_level());
    EXPECT_EQ(read.expectations[2].severity, "info");
    const expectation& pair = read.expectations[3];
    EXPECT_STREQ(pair.type->name, "expect_column_pair_values_a_to_be_greater_than_b");
    EXPECT_TRUE(arguments{pair}.flag("or_equal"));
    EXPECT_EQ(arguments{pair}.text("ignore_row_if"), "never");
    EXPECT_TRUE(pair.is_row_level());
    EXPECT_EQ(pair.severity, "critical") << "a meta of 0.x may hold anything";
    EXPECT_EQ(read.columns(), (std::vector<std::string>{"w", "id", "b", "a"}));
}

TEST(suite, may_be_empty_and_nameless)
{
    const suite read = parse_suite(R"({"expectations": []})");
    EXPECT_EQ(read.name, "");
    EXPECT_TRUE(read.expectations.empty());
    EXPECT_TRUE(read.columns().empty());
}

TEST(suite, takes_null_for_an_argument_that_is_left_out)
{
    const expectation read = parsed("values_to_be_between", R"({"column": "c", "min_value": null, "max_value": 1,
        "strict_min": null, "mostly": null})");
    const arguments given{read};
    EXPECT_FALSE(given.has("min_value"));
    EXPECT_FALSE(given.literal("min_value").has_value());
    EXPECT_FALSE(given.number_if("min_value").has_value());
    EXPECT_FALSE(given.flag("strict_min"));
    EXPECT_TRUE(given.flag("strict_min", true));
    EXPECT_TRUE(given.texts("min_value").empty());
    EXPECT_EQ(read.mostly, 1.0);
}

TEST(suite, takes_null_for_a_set_without_bounds)
{
    EXPECT_FALSE(arguments{parsed("values_to_be_in_set", R"({"column": "c", "value_set": null})")}.has("value_set"));
    EXPECT_NO_THROW(parsed("values_to_be_in_type_list", R"({"column": "c", "type_list": null})"));
    EXPECT_NO_THROW(parsed("values_to_be_in_set", R"({"column": "c", "value_set": []})"));
}

TEST(suite, keeps_the_text_of_literals)
{
    auto minimum = [](const std::string& literal) {
        const expectation read = parsed("values_to_be_between", R"({"column": "c", "min_value": )" + literal + "}");
        return arguments{read}.literal("min_value");
    };
    EXPECT_EQ(minimum("-5"), "-5");
    EXPECT_EQ(minimum("0.1"), "0.1");
    EXPECT_EQ(minimum("true"), "true");
    EXPECT_EQ(minimum("\"2025-01-01\""), "2025-01-01");
    EXPECT_EQ(minimum("\"\""), "");
    EXPECT_EQ(minimum("9223372036854775807"), "9223372036854775807");
    EXPECT_EQ(minimum("\"12345678901234567890.123456789\""), "12345678901234567890.123456789");
    EXPECT_EQ(minimum("10.0"), "10") << "a whole number suits a column of integers";
    EXPECT_EQ(minimum("1e3"), "1000");
    EXPECT_EQ(minimum("-0.0"), "0");
    EXPECT_EQ(minimum("1e300"), "1e+300");
    EXPECT_EQ(minimum("Infinity"), "Infinity");
    EXPECT_EQ(minimum("-Infinity"), "-Infinity");
    EXPECT_EQ(minimum("115792089237316195423570985008687907853269984665640564039457584007913129639935"),
              "115792089237316195423570985008687907853269984665640564039457584007913129639935");
    EXPECT_EQ(minimum("-99999999999999999999"), "-99999999999999999999");
}

TEST(suite, takes_infinity_and_nan_without_quotes)
{
    const suite read = parse_suite(R"({"meta": [NaN, "NaN \" Infinity", -Infinity], "expectations": [
        {"type": "expect_column_stdev_to_be_between", "kwargs": {"column": "c", "min_value": -Infinity,
         "max_value":Infinity}}]})");
    const arguments given{read.expectations[0]};
    EXPECT_EQ(given.number("min_value"), -INFINITY);
    EXPECT_EQ(given.number("max_value"), INFINITY);
    for (const char* text :
         {"{\"expectations\": [], NaN: 1}", "{\"expectations\": [Infinit]}", "{\"expectations\": [NaNs]}",
          "{\"expectations\": [+Infinity]}", "{\"expectations\": [--Infinity]}", "{\"expectations\": [007]}"}) {
        EXPECT_EQ(refused(text).message, "a suite must be a JSON document") << text;
    }
}

TEST(suite, reads_columns_and_order)
{
    const expectation read =
        parsed("values_to_be_increasing", R"({"column": "n", "order_by": ["at", "id"], "strictly": true})");
    EXPECT_EQ(read.columns, (std::vector<std::string>{"n", "at", "id"}));
    EXPECT_EQ(read.ordered_by, 2U);
    EXPECT_EQ(parsed("values_to_be_increasing", R"({"column": "n", "order_by": "at"})").ordered_by, 1U);
    EXPECT_TRUE(parsed("to_exist", R"({"column": "n"})").columns.empty()) << "it asks for it and does not read it";
    EXPECT_EQ(parsed("to_exist", R"({"column": "n"})").label(), "expect_column_to_exist(n)");
}

TEST(suite, reads_conditions)
{
    const suite read = parse_suite(R"x({"expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a", "row_condition": "b > 1"}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a", "row_condition": " b > 1 ",
         "condition_parser": "sql"}},
        {"type": "expect_row_condition", "kwargs": {"condition": "moved >= bought", "row_condition":
         "col(\"state\").notNull()", "condition_parser": "great_expectations__experimental__"}}]})x");
    EXPECT_EQ(read.expectations[0].condition, "b > 1");
    EXPECT_EQ(read.expectations[2].label(), "expect_row_condition(moved >= bought)");
    EXPECT_EQ(read.expectations[2].condition, "\"state\" IS NOT NULL");
    EXPECT_EQ(read.conditions(), (std::vector<std::string>{"b > 1", "\"state\" IS NOT NULL", "moved >= bought"}));
    EXPECT_EQ(read.columns(), std::vector<std::string>{"a"}) << "a condition's columns need not be known";
}

TEST(suite, loads_with_parameters)
{
    const suite read = parse_suite(R"({"expectations": [
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": {"$PARAMETER": "c"},
         "mostly": {"$PARAMETER": "m"}, "max_value": {"$PARAMETER": "x + 1"}}},
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "a", "value_set": [1, {"$PARAMETER": "x"}],
         "row_condition": {"$PARAMETER": "rows"}}},
        {"type": "expect_row_condition", "kwargs": {"condition": {"$PARAMETER": "rule"}}}]})");
    EXPECT_EQ(read.columns(), std::vector<std::string>{"a"});
    EXPECT_TRUE(read.conditions().empty());
    try {
        (void)arguments{read.expectations[0]}.literal("max_value");
        FAIL();
    } catch (const error& e) {
        EXPECT_STREQ(e.what(),
                     "argument \"max_value\" of expect_column_values_to_be_between has a parameter without a value");
    }
}

TEST(suite, labels_name_the_columns)
{
    EXPECT_EQ(parsed("values_to_match_regex", R"({"column": "w", "regex": "a"})").label(),
              "expect_column_values_to_match_regex(w)");
    EXPECT_EQ(parsed("pair_values_a_to_be_greater_than_b", R"({"column_A": "x", "column_B": "y"})").label(),
              "expect_column_pair_values_a_to_be_greater_than_b(x, y)");
    EXPECT_EQ(parse_suite(R"({"expectations": [{"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}}]})")
                  .expectations[0]
                  .label(),
              "expect_table_row_count_to_equal");
}

TEST(suite, refuses_what_is_no_suite)
{
    for (const char* text : {"", "x", "{", "[1,", "{\"expectations\": [}", "{\"expectations\": [1e999]}", "\"\\ud800\"",
                             "{\"expectations\": []} x", "NaN x"}) {
        const refusal found = refused(text);
        EXPECT_EQ(found.sqlstate, sqlstate::invalid_parameter_value) << text;
        EXPECT_EQ(found.message, "a suite must be a JSON document") << text;
        EXPECT_NE(found.detail.find("The parser says: "), std::string::npos) << text;
    }
    EXPECT_EQ(refused("\xC3\xA9").detail.find('\xC3'), std::string::npos) << "no half character in the message";
    for (const char* text : {"1", "null", "[]", "\"x\"", "{}", "{\"expectations\": {}}", "{\"expectations\": null}"}) {
        EXPECT_EQ(refused(text).message, "a suite must be a JSON object with an array \"expectations\"") << text;
    }
    EXPECT_EQ(refused("[]").detail, "The document is of the JSON type array.");
}

TEST(suite, refuses_an_expectation_without_its_parts)
{
    for (const char* text : {"1", "{}", "{\"type\": 1}", "{\"type\": \"\"}", "[\"type\"]", "null"}) {
        const auto found = refused(std::string{"{\"expectations\": ["} + text + "]}");
        EXPECT_EQ(found.message, "expectation 1 of the suite has no \"type\"") << text;
    }
    EXPECT_EQ(message("values_to_be_unique", "[]"),
              "\"kwargs\" of expect_column_values_to_be_unique must be a JSON object");
    EXPECT_EQ(refused(R"({"expectations": [{"type": "expect_column_values_to_be_unique"}]})").message,
              "expect_column_values_to_be_unique needs the argument \"column\"");
}

TEST(suite, refuses_an_unknown_expectation_and_names_the_nearest)
{
    const refusal found = refused(document("values_to_be_betwen", R"({"column": "c"})"));
    EXPECT_EQ(found.message, "unknown expectation \"expect_column_values_to_be_betwen\"");
    EXPECT_EQ(found.detail, "");
    EXPECT_EQ(found.hint, "Did you mean \"expect_column_values_to_be_between\"? SELECT * FROM etl.expectation_types "
                          "lists the known ones.");
    EXPECT_EQ(refused(R"({"expectations": [{"type": "x"}]})").hint,
              "SELECT * FROM etl.expectation_types lists the known ones.");
}

TEST(suite, refuses_an_unknown_argument_and_lists_the_known)
{
    const refusal found = refused(document("values_to_be_unique", R"({"column": "c", "mosty": 1})"));
    EXPECT_EQ(found.message, "expect_column_values_to_be_unique has no argument \"mosty\"");
    EXPECT_EQ(found.detail, "Its arguments are column, mostly, ignore_row_if, row_condition, condition_parser, "
                            "result_format, include_config, catch_exceptions, meta, severity, batch_id, table.");
    EXPECT_EQ(found.hint, "Did you mean \"mostly\"?");
    EXPECT_EQ(refused(document("values_to_be_between", R"({"column": "c", "min": 1})")).hint,
              "Did you mean \"min_value\" or \"strict_min\"?");
    EXPECT_EQ(refused(document("min_to_be_between", R"({"column": "c", "mostly": 1})")).message,
              "expect_column_min_to_be_between has no argument \"mostly\"");
}

TEST(suite, refuses_an_argument_in_the_wrong_place)
{
    const refusal found = refused(R"({"expectations": [{"type": "expect_column_values_to_be_unique",
        "kwargs": {"column": "c"}, "mostly": 0.5}]})");
    EXPECT_EQ(found.message, "\"mostly\" of expect_column_values_to_be_unique stands outside of its \"kwargs\"");
    EXPECT_EQ(refused(R"({"expectations": [{"type": "expect_column_pair_values_to_be_equal",
        "kwargs": {"column_A": "c", "column_a": "d", "column_B": "e"}}]})")
                  .message,
              "expect_column_pair_values_to_be_equal has the argument \"column_A\" in two spellings");
}

TEST(suite, refuses_an_unknown_severity)
{
    const refusal found = refused(R"({"expectations": [{"type": "expect_column_values_to_be_unique",
        "kwargs": {"column": "c"}, "severity": "high"}]})");
    EXPECT_EQ(found.message, "severity must be critical, warning or info");
    EXPECT_EQ(found.detail, "It is \"high\".");
}

TEST(suite, refuses_a_missing_argument)
{
    EXPECT_EQ(message("values_to_be_in_set", R"({"column": "c"})"),
              "expect_column_values_to_be_in_set needs the argument \"value_set\"");
    EXPECT_EQ(message("values_to_match_regex", R"({"column": "c"})"),
              "expect_column_values_to_match_regex needs the argument \"regex\"");
    EXPECT_EQ(message("value_lengths_to_equal", R"({"column": "c", "value": null})"),
              "expect_column_value_lengths_to_equal needs the argument \"value\"");
    EXPECT_EQ(message("pair_values_a_to_be_greater_than_b", R"({"column_A": "c"})"),
              "expect_column_pair_values_a_to_be_greater_than_b needs the argument \"column_B\"");
    EXPECT_EQ(message("values_to_be_between", R"({"column": "c"})"),
              "expect_column_values_to_be_between needs \"min_value\" or \"max_value\" or both");
}

TEST(suite, refuses_arguments_of_the_wrong_type)
{
    const std::vector<std::array<std::string, 3>> cases{
        {"values_to_be_unique", R"({"column": 1})", "\"column\""},
        {"values_to_be_unique", R"({"column": ""})", "\"column\""},
        {"values_to_be_unique", R"({"column": "c", "mostly": "1"})", "\"mostly\""},
        {"values_to_be_unique", R"({"column": "c", "mostly": 1.1})", "\"mostly\""},
        {"values_to_be_unique", R"({"column": "c", "mostly": -0.1})", "\"mostly\""},
        {"values_to_be_in_set", R"({"column": "c", "value_set": "a"})", "\"value_set\""},
        {"values_to_be_in_set", R"({"column": "c", "value_set": [[1]]})", "\"value_set\""},
        {"values_to_be_between", R"({"column": "c", "min_value": []})", "\"min_value\""},
        {"values_to_be_between", R"({"column": "c", "min_value": 1, "strict_min": 1})", "\"strict_min\""},
        {"values_to_match_regex", R"({"column": "c", "regex": 1})", "\"regex\""},
        {"value_lengths_to_equal", R"({"column": "c", "value": "3"})", "\"value\""},
        {"value_lengths_to_equal", R"({"column": "c", "value": 3.5})", "\"value\""},
        {"value_lengths_to_equal", R"({"column": "c", "value": -1})", "\"value\""},
        {"value_lengths_to_equal", R"({"column": "c", "value": 1e17})", "\"value\""},
        {"pair_values_a_to_be_greater_than_b", R"({"column_A": "a", "column_B": "b", "or_equal": "yes"})",
         "\"or_equal\""},
        {"pair_values_a_to_be_greater_than_b", R"({"column_A": "a", "column_B": "b", "ignore_row_if": "often"})",
         "\"ignore_row_if\""},
        {"pair_values_a_to_be_greater_than_b", R"({"column_A": "a", "column_B": "b", "ignore_row_if": 1})",
         "\"ignore_row_if\""},
    };
    for (const auto& [type, kwargs, name] : cases) {
        const std::string found = message(type, kwargs);
        EXPECT_NE(found.find("argument " + name + " of expect_column_" + type + " must be "), std::string::npos)
            << kwargs << " gives: " << found;
    }
}

TEST(suite, says_what_the_wrong_argument_is)
{
    EXPECT_EQ(refused(document("values_to_be_unique", R"({"column": "c", "mostly": 1.1})")).detail, "It is 1.1.");
}

TEST(suite, accepts_mostly_at_both_ends)
{
    EXPECT_EQ(parsed("values_to_be_unique", R"({"column": "c", "mostly": 0})").mostly, 0.0);
    EXPECT_EQ(parsed("values_to_be_unique", R"({"column": "c", "mostly": 1})").mostly, 1.0);
}

TEST(suite, refuses_deep_documents)
{
    EXPECT_NO_THROW(parse_suite(nested(60)));
    const refusal found = refused(nested(100));
    EXPECT_EQ(found.sqlstate, sqlstate::program_limit_exceeded);
    EXPECT_EQ(found.message, "a suite must not nest deeper than 64 levels");
    EXPECT_EQ(refused(nested(1000000)).sqlstate, sqlstate::program_limit_exceeded);
}

TEST(suite, refuses_the_character_that_a_text_cannot_hold)
{
    EXPECT_EQ(message("values_to_match_regex", R"({"column": "c", "regex": "a\u0000b"})"),
              "a suite must not hold the character \\u0000");
    EXPECT_EQ(refused(R"({"expectations": [], "meta": {"a\u0000": 1}})").message,
              "a suite must not hold the character \\u0000");
    EXPECT_NO_THROW(parse_suite(R"({"expectations": [], "meta": "\\u0000"})"));
}

} // namespace
} // namespace etl::validate
