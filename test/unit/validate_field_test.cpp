// Values: their lengths, their JSON and the order of floats.
#include "unit/fake_columns.hpp"

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

bool same_print(const char* type, const std::string& a, const std::string& b)
{
    test::fake_type of{type};
    const field left = of.literal(a, "a test");
    const field right = of.literal(b, "a test");
    EXPECT_EQ(compare_fields(of, left, right) == 0, print_of(of, left, 5) == print_of(of, right, 5)) << a << ' ' << b;
    EXPECT_EQ(compare_fields(of, left, right), -compare_fields(of, right, left)) << a << ' ' << b;
    return print_of(of, left, 5) == print_of(of, right, 5);
}

TEST(print_of, is_the_same_for_equal_values)
{
    EXPECT_TRUE(same_print("double precision", "0", "-0.0"));
    EXPECT_TRUE(same_print("double precision", "nan", "-nan"));
    EXPECT_TRUE(same_print("numeric", "1", "1.000"));
    EXPECT_TRUE(same_print("numeric", "0", "-0.00"));
    EXPECT_TRUE(same_print("numeric", "NaN", "NaN"));
    EXPECT_TRUE(same_print("loose", "aB", "Ab"));
    EXPECT_TRUE(same_print("character", "a", "a  "));
    EXPECT_TRUE(same_print("uuid", "1", "1"));
}

TEST(print_of, is_another_for_others)
{
    EXPECT_FALSE(same_print("numeric", "1", "-1"));
    EXPECT_FALSE(same_print("numeric", "1", "10000"));
    EXPECT_FALSE(same_print("numeric", "Infinity", "-Infinity"));
    EXPECT_FALSE(same_print("numeric", "0", "NaN"));
    EXPECT_FALSE(same_print("text", "a", "A"));
    EXPECT_FALSE(same_print("text", "", " "));
    EXPECT_FALSE(same_print("bigint", "0", "-1"));
    const test::fake_type whole{"bigint"};
    EXPECT_NE(print_of(whole, test::integer_field(1), 5), print_of(whole, test::integer_field(1), 6))
        << "a seed makes it another";
}

} // namespace
} // namespace etl::validate
