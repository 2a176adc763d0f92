// Suite documents: what is read from both shapes of Great Expectations, and what is refused with which words.
#include "core/error.hpp"
#include "validate/suite.hpp"

#include <gtest/gtest.h>

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
};

refusal refused(const std::string& text)
{
    try {
        parse_suite(text);
    } catch (const error& e) {
        return {e.sqlstate(), e.what(), e.detail()};
    }
    return {"", "accepted: " + text, ""};
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
            {"type": "expect_column_values_to_be_between", "severity": "critical",
             "kwargs": {"column": "price", "min_value": 0, "max_value": 9.5, "strict_min": true, "mostly": 0.9}},
            {"type": "expect_column_values_to_be_in_set",
             "kwargs": {"column": "state", "value_set": ["a", 2, true, null]}}
        ]})");
    EXPECT_EQ(read.name, "orders");
    ASSERT_EQ(read.expectations.size(), 3U);
    EXPECT_EQ(read.expectations[0].kind, expectation_kind::not_be_null);
    const expectation& between = read.expectations[1];
    EXPECT_EQ(between.column, "price");
    EXPECT_EQ(between.min_value, "0");
    EXPECT_EQ(between.max_value, "9.5");
    EXPECT_TRUE(between.strict_min);
    EXPECT_FALSE(between.strict_max);
    EXPECT_EQ(between.mostly, 0.9);
    EXPECT_EQ(read.expectations[2].value_set, (std::vector<std::string>{"a", "2", "true"}));
    EXPECT_EQ(read.columns(), (std::vector<std::string>{"id", "price", "state"}));
}

TEST(suite, reads_the_older_shape)
{
    const suite read = parse_suite(R"({
        "expectation_suite_name": "orders", "data_asset_type": null, "ge_cloud_id": null,
        "expectations": [
            {"expectation_type": "expect_column_values_to_match_regex", "kwargs": {"column": "w", "regex": "^a"}},
            {"expectation_type": "expect_column_value_lengths_to_equal", "kwargs": {"column": "w", "value": 3}},
            {"expectation_type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
            {"expectation_type": "expect_column_pair_values_A_to_be_greater_than_B",
             "kwargs": {"column_A": "b", "column_B": "a", "or_equal": true, "ignore_row_if": "never"}}
        ]})");
    EXPECT_EQ(read.name, "orders");
    ASSERT_EQ(read.expectations.size(), 4U);
    EXPECT_EQ(read.expectations[0].regex, "^a");
    EXPECT_EQ(read.expectations[1].length, 3);
    EXPECT_FALSE(read.expectations[2].is_row_level());
    const expectation& pair = read.expectations[3];
    EXPECT_EQ(pair.type, "expect_column_pair_values_a_to_be_greater_than_b");
    EXPECT_TRUE(pair.or_equal);
    EXPECT_EQ(pair.ignored, ignore_row::never);
    EXPECT_TRUE(pair.is_row_level());
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
    EXPECT_FALSE(read.min_value.has_value());
    EXPECT_FALSE(read.strict_min);
    EXPECT_EQ(read.mostly, 1.0);
}

TEST(suite, keeps_the_text_of_literals)
{
    auto minimum = [](const std::string& literal) {
        return parsed("values_to_be_between", R"({"column": "c", "min_value": )" + literal + "}").min_value;
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
}

TEST(suite, labels_name_the_columns)
{
    EXPECT_EQ(parsed("values_to_match_regex", R"({"column": "w", "regex": "a"})").label(),
              "expect_column_values_to_match_regex(w)");
    EXPECT_EQ(parsed("pair_values_a_to_be_greater_than_b", R"({"column_A": "x", "column_B": "y"})").label(),
              "expect_column_pair_values_a_to_be_greater_than_b(x, y)");
}

TEST(suite, refuses_what_is_no_suite)
{
    for (const char* text : {"", "x", "{", "[1,", "{\"expectations\": [}", "{\"expectations\": [1e999]}", "\"\\ud800\"",
                             "{\"expectations\": []} x", "NaN"}) {
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

TEST(suite, refuses_an_unknown_expectation_and_lists_the_known)
{
    const refusal found = refused(document("values_to_be_pretty", R"({"column": "c"})"));
    EXPECT_EQ(found.message, "unknown expectation \"expect_column_values_to_be_pretty\"");
    EXPECT_EQ(found.detail,
              "The known expectations are expect_column_values_to_not_be_null, expect_column_values_to_be_unique, "
              "expect_column_values_to_be_in_set, expect_column_values_to_be_between, "
              "expect_column_values_to_match_regex, expect_column_value_lengths_to_equal, "
              "expect_column_pair_values_a_to_be_greater_than_b.");
}

TEST(suite, refuses_an_unknown_argument_and_lists_the_known)
{
    const refusal found = refused(document("values_to_be_between", R"({"column": "c", "min": 1})"));
    EXPECT_EQ(found.message, "expect_column_values_to_be_between has no argument \"min\"");
    EXPECT_EQ(found.detail, "Its arguments are column, min_value, max_value, strict_min, strict_max, mostly.");
    EXPECT_EQ(refused(document("pair_values_a_to_be_greater_than_b", R"({"column": "c"})")).detail,
              "Its arguments are column_A, column_B, or_equal, ignore_row_if, mostly.");
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
        {"values_to_be_in_set", R"({"column": "c", "value_set": []})", "\"value_set\""},
        {"values_to_be_in_set", R"({"column": "c", "value_set": [[1]]})", "\"value_set\""},
        {"values_to_be_between", R"({"column": "c", "min_value": []})", "\"min_value\""},
        {"values_to_be_between", R"({"column": "c", "min_value": {"$PARAMETER": "now"}})", "\"min_value\""},
        {"values_to_be_between", R"({"column": "c", "min_value": 1, "strict_min": 1})", "\"strict_min\""},
        {"values_to_match_regex", R"({"column": "c", "regex": 1})", "\"regex\""},
        {"values_to_match_regex", R"({"column": "c", "regex": ""})", "\"regex\""},
        {"value_lengths_to_equal", R"({"column": "c", "value": "3"})", "\"value\""},
        {"value_lengths_to_equal", R"({"column": "c", "value": 3.5})", "\"value\""},
        {"value_lengths_to_equal", R"({"column": "c", "value": -1})", "\"value\""},
        {"value_lengths_to_equal", R"({"column": "c", "value": 1e10})", "\"value\""},
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

TEST(rename_suite, writes_the_current_shape_and_keeps_the_rest)
{
    EXPECT_EQ(rename_suite(R"({"expectation_suite_name": "old", "meta": {"notes": ["é"]}, "expectations": [
                  {"expectation_type": "expect_column_values_to_be_unique", "kwargs": {"column": "c"},
                   "meta": {"a": 1}}]})",
                           "new"),
              R"({"name":"new","meta":{"notes":["é"]},"expectations":[)"
              R"({"type":"expect_column_values_to_be_unique","kwargs":{"column":"c"},"meta":{"a":1}}]})");
}

TEST(rename_suite, reads_as_before)
{
    const std::string from = document("values_to_be_between", R"({"column": "c", "max_value": 1.5, "mostly": 0.25})");
    const suite before = parse_suite(from);
    const suite after = parse_suite(rename_suite(from, "other \"name\""));
    EXPECT_EQ(after.name, "other \"name\"");
    ASSERT_EQ(after.expectations.size(), 1U);
    EXPECT_EQ(after.expectations[0].kwargs, before.expectations[0].kwargs);
    EXPECT_EQ(after.expectations[0].label(), before.expectations[0].label());
    EXPECT_EQ(rename_suite(rename_suite(from, "x"), "x"), rename_suite(from, "x"));
}

} // namespace
} // namespace etl::validate
