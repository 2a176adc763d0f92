#include "sketch/decimal_sum.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory_resource>
#include <random>
#include <string>
#include <vector>

namespace {

using etl::decimal;
using etl::decimal_sum;

// A number as PostgreSQL keeps it, from plain notation.
class made_decimal {
  public:
    explicit made_decimal(std::string text)
    {
        negative_ = text.front() == '-';
        text.erase(0, negative_ ? 1 : 0);
        std::size_t point = std::min(text.find('.'), text.size());
        text.erase(point, 1);
        text.insert(0, (4 - point % 4) % 4, '0');
        point += (4 - point % 4) % 4;
        text.append((4 - text.size() % 4) % 4, '0');
        weight_ = static_cast<int>(point / 4) - 1;
        for (std::size_t i = 0; i < text.size(); i += 4) {
            digits_.push_back(static_cast<std::int16_t>(std::stoi(text.substr(i, 4))));
        }
        while (!digits_.empty() && digits_.back() == 0) {
            digits_.pop_back();
        }
        const auto first = std::find_if(digits_.begin(), digits_.end(), [](auto digit) { return digit != 0; });
        weight_ -= static_cast<int>(first - digits_.begin());
        digits_.erase(digits_.begin(), first);
    }

    decimal view() const
    {
        return {negative_ ? decimal::sign::negative : decimal::sign::positive, digits_.empty() ? 0 : weight_,
                std::string_view{reinterpret_cast<const char*>(digits_.data()), digits_.size() * 2}};
    }

  private:
    bool negative_;
    int weight_;
    std::vector<std::int16_t> digits_;
};

decimal_sum sum_of(const std::vector<std::string>& numbers)
{
    decimal_sum sum{std::pmr::new_delete_resource()};
    for (const auto& number : numbers) {
        sum.add(made_decimal{number}.view());
    }
    return sum;
}

decimal special(decimal::sign sign)
{
    return {.is = sign, .weight = 0, .digits = {}};
}

std::pmr::vector<std::byte> flat(const decimal_sum& sum)
{
    std::pmr::vector<std::byte> bytes;
    etl::byte_writer to{bytes};
    sum.write(to);
    return bytes;
}

decimal_sum read(std::span<const std::byte> bytes)
{
    etl::byte_reader from{bytes, "etl.test"};
    decimal_sum sum{std::pmr::new_delete_resource()};
    sum.read(from);
    from.expect_end();
    return sum;
}

TEST(DecimalSum, IsExact)
{
    EXPECT_EQ(sum_of({}).to_string(), "0");
    EXPECT_EQ(sum_of({"0"}).to_string(), "0");
    EXPECT_EQ(sum_of({"0.1", "0.2"}).to_string(), "0.3");
    EXPECT_EQ(sum_of({"1.50", "1.50"}).to_string(), "3");
    EXPECT_EQ(sum_of({"1.50", "1.50"}).to_string(2), "3.00");
    EXPECT_EQ(sum_of({"-0.00001", "0.000001"}).to_string(), "-0.000009");
    EXPECT_EQ(sum_of({"9999", "1"}).to_string(), "10000");
    EXPECT_EQ(sum_of({"-9999.9999", "-0.0001"}).to_string(), "-10000");
    EXPECT_EQ(sum_of({"10000", "-1"}).to_string(), "9999");
    EXPECT_EQ(sum_of({"123456789012345678901234567890.5", "-123456789012345678901234567890"}).to_string(), "0.5");
    const std::string huge = "1" + std::string(131071, '0');
    const std::string tiny = "0." + std::string(16382, '0') + "1";
    EXPECT_EQ(sum_of({tiny, huge}).to_string(), huge + tiny.substr(1));
    EXPECT_EQ(sum_of({huge, tiny, "-" + huge}).to_string(), tiny);
}

TEST(DecimalSum, IsTheSameInAnyOrderAndAnyParts)
{
    std::mt19937_64 random{5};
    constexpr int places = 12;
    for (int round = 0; round < 300; ++round) {
        std::vector<decimal_sum> parts(1 + random() % 4, decimal_sum{std::pmr::new_delete_resource()});
        __int128 expected = 0;
        const std::size_t count = random() % 200;
        for (std::size_t i = 0; i < count; ++i) {
            const auto scaled = static_cast<std::int64_t>(random()) >> random() % 64;
            expected += scaled;
            std::string digits = std::to_string(scaled).substr(scaled < 0);
            digits.insert(0, std::max<std::size_t>(places + 1, digits.size()) - digits.size(), '0');
            digits.insert(digits.size() - places, 1, '.');
            parts[random() % parts.size()].add(made_decimal{(scaled < 0 ? "-" : "") + digits}.view());
        }
        decimal_sum sum{std::pmr::new_delete_resource()};
        for (const auto& part : parts) {
            random() % 2 == 0 ? sum.merge(part) : sum.merge(read(flat(part)));
        }
        std::string text;
        for (__int128 rest = expected < 0 ? -expected : expected; rest != 0 || text.size() <= places; rest /= 10) {
            text += static_cast<char>('0' + static_cast<int>(rest % 10));
        }
        std::reverse(text.begin(), text.end());
        text.insert(text.size() - places, 1, '.');
        ASSERT_EQ(sum.to_string(places), (expected < 0 ? "-" : "") + text);
        ASSERT_EQ(read(flat(sum)).to_string(places), sum.to_string(places));
        ASSERT_DOUBLE_EQ(sum.rounded(), static_cast<double>(expected) / 1e12);
    }
}

TEST(DecimalSum, HasOneFlatFormForEachValue)
{
    EXPECT_EQ(flat(sum_of({"1", "10000", "-1"})), flat(sum_of({"10000"})));
    EXPECT_EQ(flat(sum_of({"0.5", "-0.5"})), flat(sum_of({})));
    EXPECT_EQ(flat(sum_of({})).size(), 9U);
}

TEST(DecimalSum, RoundsToTheNearestDouble)
{
    EXPECT_EQ(sum_of({"0.1", "0.2"}).rounded(), 0.3);
    EXPECT_EQ(sum_of({"-9007199254740993"}).rounded(), -9007199254740992.0);
    EXPECT_EQ(sum_of({"1" + std::string(400, '0')}).rounded(), INFINITY);
    EXPECT_EQ(sum_of({"-1" + std::string(400, '0')}).rounded(), -INFINITY);
    EXPECT_EQ(sum_of({"0." + std::string(400, '0') + "1"}).rounded(), 0);
    EXPECT_EQ(sum_of({}).rounded(), 0);
}

TEST(DecimalSum, IsDividedAndRoundedOnce)
{
    EXPECT_EQ(sum_of({"100000000000000000001", "-100000000000000000000"}).mean(2), 0.5);
    EXPECT_EQ(sum_of({"1"}).mean(3), 1.0 / 3.0);
    EXPECT_EQ(sum_of({"-2"}).mean(3), -2.0 / 3.0);
    EXPECT_EQ(sum_of({"1"}).mean(30000), 1.0 / 30000.0);
    EXPECT_EQ(sum_of({"40000"}).mean(4), 10000.0);
    EXPECT_EQ(sum_of({}).mean(7), 0.0);
    EXPECT_EQ(sum_of({"1"}).mean(std::numeric_limits<std::uint64_t>::max()), 0x1p-64);
    const std::string middle{"9007199254740993"}; // between two doubles, of which the even one is the lower
    EXPECT_EQ(sum_of({middle, middle, middle}).mean(3), 9007199254740992.0);
    EXPECT_EQ(sum_of({middle, middle, middle + '.' + std::string(300, '0') + '1'}).mean(3), 9007199254740994.0);
    decimal_sum infinite = sum_of({"5"});
    infinite.add(special(decimal::sign::infinity));
    EXPECT_EQ(infinite.mean(2), INFINITY);
}

TEST(DecimalSum, TakesSpecialValuesAsPostgresDoes)
{
    decimal_sum sum = sum_of({"5"});
    sum.add(special(decimal::sign::infinity));
    EXPECT_EQ(sum.to_string(), "Infinity");
    EXPECT_EQ(read(flat(sum)).to_string(), "Infinity");
    EXPECT_EQ(sum.rounded(), INFINITY);
    decimal_sum other = sum_of({});
    other.add(special(decimal::sign::negative_infinity));
    EXPECT_EQ(other.to_string(), "-Infinity");
    EXPECT_EQ(other.rounded(), -INFINITY);
    sum.merge(other);
    EXPECT_EQ(sum.to_string(), "NaN");
    EXPECT_FALSE(sum.is_finite());
    EXPECT_TRUE(std::isnan(sum.rounded()));
    decimal_sum nan = sum_of({});
    nan.add(special(decimal::sign::not_a_number));
    EXPECT_EQ(nan.to_string(), "NaN");
}

TEST(DecimalSum, RefusesForgedBytes)
{
    const auto refused = [](int flags, int weight, const std::vector<std::int16_t>& digits) {
        std::pmr::vector<std::byte> bytes;
        etl::byte_writer to{bytes};
        to.value(static_cast<std::uint8_t>(flags));
        to.value(static_cast<std::int32_t>(weight));
        to.value(static_cast<std::uint32_t>(digits.size()));
        to.values(std::span<const std::int16_t>{digits});
        try {
            (void)read(bytes);
        } catch (const etl::error&) {
            return true;
        }
        return false;
    };
    EXPECT_FALSE(refused(8, 2, {1, 0, 9999}));
    EXPECT_TRUE(refused(16, 2, {1, 0, 9999}));
    EXPECT_TRUE(refused(0, 2, {1, 10000, 9999}));
    EXPECT_TRUE(refused(0, 2, {1, -1, 9999}));
    EXPECT_TRUE(refused(0, 2, {0, 1}));
    EXPECT_TRUE(refused(0, 2, {1, 0}));
    EXPECT_TRUE(refused(8, 0, {}));
    EXPECT_TRUE(refused(0, 3, {}));
    EXPECT_TRUE(refused(0, 40000, {1}));
    EXPECT_TRUE(refused(0, -5000, {1}));
    EXPECT_TRUE(refused(0, -4095, {1, 1, 1}));
    EXPECT_TRUE(refused(0, std::numeric_limits<int>::min(), {1}));
    EXPECT_TRUE(refused(0, std::numeric_limits<int>::max(), {1}));
    EXPECT_THROW((void)read(std::span<const std::byte>{}), etl::error);
}

} // namespace
