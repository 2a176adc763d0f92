// Values: their lengths, their JSON and the order of floats.
#include "validate/field.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace etl::validate {
namespace {

TEST(json_string, escapes_what_json_wants_escaped)
{
    EXPECT_EQ(json_string("", 100), "\"\"");
    EXPECT_EQ(json_string("plain", 100), "\"plain\"");
    EXPECT_EQ(json_string("a\"b\\c", 100), "\"a\\\"b\\\\c\"");
    EXPECT_EQ(json_string("\n\t\x01\x1f\x7f", 100), "\"\\u000a\\u0009\\u0001\\u001f\x7f\"");
    EXPECT_EQ(json_string("é日", 100), "\"é日\"");
}

TEST(json_string, cuts_between_characters)
{
    EXPECT_EQ(json_string("abcd", 4), "\"abcd\"");
    EXPECT_EQ(json_string("abcde", 4), "\"abcd…\"");
    EXPECT_EQ(json_string("éé", 3), "\"é…\"");
    EXPECT_EQ(json_string("日本", 5), "\"日…\"");
    EXPECT_EQ(json_string("日本", 2), "\"…\"");
    EXPECT_EQ(json_string("日", 3), "\"日\"");
    EXPECT_EQ(json_string("\"\"\"", 2), "\"\\\"\\\"…\"") << "the limit is of the text, not of its JSON";
}

TEST(utf8_length, counts_characters)
{
    EXPECT_EQ(utf8_length(""), 0U);
    EXPECT_EQ(utf8_length("abc"), 3U);
    EXPECT_EQ(utf8_length("é日😀"), 3U);
    EXPECT_EQ(utf8_length("e\u0301"), 2U) << "a combining accent is a character of its own";
}

TEST(compare_reals, orders_as_postgresql_does)
{
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    constexpr double infinity = std::numeric_limits<double>::infinity();
    EXPECT_EQ(compare_reals(1, 2), -1);
    EXPECT_EQ(compare_reals(2, 1), 1);
    EXPECT_EQ(compare_reals(0.0, -0.0), 0);
    EXPECT_EQ(compare_reals(nan, nan), 0);
    EXPECT_EQ(compare_reals(nan, infinity), 1);
    EXPECT_EQ(compare_reals(infinity, nan), -1);
    EXPECT_EQ(compare_reals(-infinity, infinity), -1);
}

TEST(row_position, orders_by_table_then_block_then_offset)
{
    EXPECT_LT((row_position{1, 9, 9}), (row_position{2, 0, 0}));
    EXPECT_LT((row_position{1, 1, 9}), (row_position{1, 2, 0}));
    EXPECT_LT((row_position{1, 1, 1}), (row_position{1, 1, 2}));
}

TEST(field, padding_belongs_to_patterns_only)
{
    field value;
    value.text = std::string_view{"ab  "}.substr(0, 2);
    value.padding = 2;
    EXPECT_EQ(value.text, "ab");
    EXPECT_EQ(value.padded_text(), "ab  ");
}

} // namespace
} // namespace etl::validate
