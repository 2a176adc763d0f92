// Numbers of any size, exactly: order, integers, counts, multiples; and against the machine's integers.
#include "validate/json_schema_number.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace etl::validate::schema {
namespace {

TEST(json_schema_number, order)
{
    const std::vector<std::string> ascending{"-1e400",
                                             "-12345678901234567890123",
                                             "-2",
                                             "-1.00000000000000000001",
                                             "-1",
                                             "-0.1",
                                             "-1e-400",
                                             "0",
                                             "1e-999999999999999999999",
                                             "0.00012",
                                             "0.1",
                                             "0.10000000000000000000000001",
                                             "0.11",
                                             "1",
                                             "1.5",
                                             "9.99",
                                             "10",
                                             "18446744073709551615",
                                             "18446744073709551616",
                                             "972783798187987123879878123.18878137",
                                             "972783798187987123879878123.188781371",
                                             "1e308",
                                             "1e309",
                                             "1e999999999999999999999"};
    for (std::size_t i = 0; i < ascending.size(); ++i) {
        for (std::size_t k = 0; k < ascending.size(); ++k) {
            EXPECT_EQ(decimal{ascending[i]} <=> decimal{ascending[k]}, i <=> k) << ascending[i] << ", " << ascending[k];
            EXPECT_EQ(number_bound{ascending[k]}.compare(ascending[i]), i <=> k);
        }
    }
}

TEST(json_schema_number, equal_spellings)
{
    for (const auto& same : std::vector<std::vector<std::string>>{{"0", "-0", "0.0", "0e5", "-0.000e-7"},
                                                                  {"1", "1.0", "10e-1", "0.1e1", "1E0", "0.001e+3"},
                                                                  {"1200", "1.2e3", "12e2", "1200.00"},
                                                                  {"-0.05", "-5e-2", "-0.0500", "-50e-3"}}) {
        for (const std::string& a : same) {
            for (const std::string& b : same) {
                EXPECT_EQ(decimal{a}, decimal{b}) << a << ", " << b;
                EXPECT_EQ(decimal{a}.hash(), decimal{b}.hash()) << a << ", " << b;
            }
        }
    }
}

TEST(json_schema_number, integers)
{
    for (const char* text : {"0", "-0.0", "1", "1.0", "-5.000", "1e2", "1.5e1", "12345678901234567890123.0", "1e400"}) {
        EXPECT_TRUE(decimal{text}.is_integer()) << text;
    }
    for (const char* text : {"0.5", "1.0001", "1e-1", "15e-2", "12345678901234567890123.1", "1e-400"}) {
        EXPECT_FALSE(decimal{text}.is_integer()) << text;
    }
    EXPECT_EQ(decimal{"3.0"}.as_count(), 3U);
    EXPECT_EQ(decimal{"1.2e3"}.as_count(), 1200U);
    EXPECT_EQ(decimal{"0.0"}.as_count(), 0U);
    EXPECT_EQ(decimal{"999999999999999999"}.as_count(), 999999999999999999U);
    EXPECT_EQ(decimal{"1e99"}.as_count(), UINT64_MAX);
    EXPECT_FALSE(decimal{"-1"}.as_count());
    EXPECT_FALSE(decimal{"1.5"}.as_count());
}

struct multiple {
    const char* number;
    const char* constant;
    bool is;
};

TEST(json_schema_number, multiples)
{
    for (const multiple& each :
         {multiple{"0.0075", "0.0001", true},
          {"0.00751", "0.0001", false},
          {"19.99", "0.01", true},
          {"1234.56", "0.01", true},
          {"0.3", "0.1", true},
          {"4.35", "0.05", true},
          {"4.5", "1.5", true},
          {"35", "1.5", false},
          {"0", "7", true},
          {"0.0", "1e-300", true},
          {"1e308", "0.5", true},
          {"1e308", "0.123456789", false},
          {"12391239123", "1e-8", true},
          {"9007199254740993", "2", false},
          {"9007199254740994", "2", true},
          {"-9", "3", true},
          {"-9.1", "3", false},
          {"100000000000000000000000000000000000001", "3", false},
          {"100000000000000000000000000000000000002", "3", true},
          {"300", "1e2", true},
          {"350", "1e2", false},
          {"5", "10", false},
          {"1e1000000000", "7", false},
          {"1e1000000000", "1024", true},
          {"123456789012345678901234567890123456000", "123456789012345678901234567890123456", true},
          {"123456789012345678901234567890123457000", "123456789012345678901234567890123456", false}}) {
        const auto by = divisor::from(each.constant);
        ASSERT_TRUE(by) << each.constant;
        EXPECT_EQ(by->divides(each.number), each.is) << each.number << " by " << each.constant;
    }
    const std::string longest = "123456789012345678901234567890123457";
    const std::string thrice = longest + longest + longest;
    EXPECT_TRUE(divisor::from(longest)->divides(thrice));
    EXPECT_FALSE(divisor::from(longest)->divides(thrice.substr(0, thrice.size() - 1) + "8"));
    for (std::size_t digits = 1; digits < 100; ++digits) { // of nines, which seven divides six at a time
        EXPECT_EQ(divisor::from("7")->divides(std::string(digits, '9')), digits % 6 == 0) << digits;
        EXPECT_EQ(divisor::from("0.7")->divides("0." + std::string(digits, '9')), false) << digits;
    }
    EXPECT_FALSE(divisor::from("0"));
    EXPECT_FALSE(divisor::from("-1"));
    EXPECT_FALSE(divisor::from("0." + std::string(37, '1')));
}

// A number of thousandths, written in one of many ways.
std::string spelled(std::int64_t thousandths, std::mt19937& random)
{
    const std::string sign = thousandths < 0 ? "-" : "";
    const std::int64_t size = thousandths < 0 ? -thousandths : thousandths;
    switch (random() % 3) {
    case 0:
        return sign + std::to_string(size) + "e-3";
    case 1: {
        const std::string digits = std::to_string(size % 1000);
        return sign + std::to_string(size / 1000) + '.' + std::string(3 - digits.size(), '0') + digits;
    }
    default:
        return sign + "0." + std::string(4, '0') + std::to_string(size) + "E" +
               std::to_string(std::to_string(size).size() + 1);
    }
}

TEST(json_schema_number, against_integers)
{
    std::mt19937 random{1};
    for (int i = 0; i < 20'000; ++i) {
        const std::int64_t range = i % 2 == 0 ? 50 : 5'000'000;
        const auto a = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * range)) - range;
        const auto b = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * range)) - range;
        const std::string left = spelled(a, random);
        const std::string right = spelled(b, random);
        EXPECT_EQ(decimal{left} <=> decimal{right}, a <=> b) << left << ", " << right;
        EXPECT_EQ(decimal{left}.is_integer(), a % 1000 == 0) << left;
        if (b > 0) {
            EXPECT_EQ(divisor::from(right)->divides(left), a % b == 0) << left << ", " << right;
        }
    }
}

} // namespace
} // namespace etl::validate::schema
