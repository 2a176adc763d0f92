#include "sketch/exact_sum.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace {

using etl::exact_square_sum;
using etl::exact_sum;
using etl::whole_sum;

constexpr double infinity = std::numeric_limits<double>::infinity();

struct sums {
    exact_sum values;
    exact_square_sum squares;
    std::uint64_t n = 0;

    template <class Number>
    void add(Number value)
    {
        values.add(value);
        squares.add(value);
        ++n;
    }
    void merge(const sums& other)
    {
        values.merge(other.values);
        squares.merge(other.squares);
        n += other.n;
    }
    bool operator==(const sums&) const = default;
    double variance() const { return sample_variance(values, squares, n); }
};

template <class Number>
sums of(const std::vector<Number>& numbers)
{
    sums all;
    for (const Number number : numbers) {
        all.add(number);
    }
    return all;
}

// Correctly rounded values of exact rational arithmetic, computed with Python's fractions.
struct known {
    std::vector<double> numbers;
    double sum, squares, mean, variance, population;
};

// A chaotic sequence of doubles of many magnitudes, by exact scaling, so that every program makes the same.
std::vector<double> logistic(int scale)
{
    std::vector<double> numbers;
    double x = 0.3;
    for (int i = 0; i < 1000; ++i) {
        x = 3.99 * x * (1 - x);
        numbers.push_back(std::ldexp(i % 3 != 0 ? x : -x, i % (2 * scale + 1) - scale));
    }
    return numbers;
}

TEST(ExactSum, AgreesWithRationalArithmetic)
{
    const known cases[] = {
        {{1e9 - 1e-3, 1e9, 1e9 + 1e-3, 1e9 + 2e-3},
         0x1.dcd6500001062p+31,
         0x1.bc16d674ee684p+61,
         0x1.dcd6500001062p+29,
         0x1.bf66f93aaaaabp-20,
         0x1.4f8d3aec00000p-20},
        {{0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1},
         0x1.0000000000000p+0,
         0x1.999999999999ap-4,
         0x1.999999999999ap-4,
         0x0.0p+0,
         0x0.0p+0},
        {{1e308, 1e-308, -1e308, 5e-324, 3.0},
         0x1.8000000000000p+1,
         infinity,
         0x1.3333333333333p-1,
         infinity,
         infinity},
        {{5e-324, 1e-323, 1.5e-323}, 0x0.0000000000006p-1022, 0x0.0p+0, 0x0.0000000000002p-1022, 0x0.0p+0, 0x0.0p+0},
        {{1.7e308, -1.7e308, 1.7e308}, 0x1.e42d130773b76p+1023, infinity, 0x1.42c8b75a4d24fp+1022, infinity, infinity},
        {{1e-200, 2e-200, 5e-200}, 0x1.87e92154ef7acp-662, 0x0.0p+0, 0x1.054616389fa73p-663, 0x0.0p+0, 0x0.0p+0},
        {{1e-160, 2e-160, 5e-160, -3e-162},
         0x1.66903ce92a60ap-529,
         0x0.000000000ed32p-1022,
         0x1.66903ce92a60ap-531,
         0x0.0000000002537p-1022,
         0x0.0000000001be9p-1022},
        {logistic(20), 0x1.a02d65cf09426p+22, 0x1.a5d8e15add231p+43, 0x1.aa2a6427f9190p+12, 0x1.af04542e25958p+33,
         0x1.ae95fd0e5b4e7p+33},
        {logistic(500), -0x1.cfadc9d109d28p+496, 0x1.48ec5faac9f92p+993, -0x1.dacea19aa9cd5p+486,
         0x1.50b966ab30ad5p+983, 0x1.5063331c2bc3bp+983},
    };
    for (const auto& c : cases) {
        const sums all = of(c.numbers);
        EXPECT_EQ(all.values.rounded(), c.sum);
        EXPECT_EQ(all.squares.rounded(), c.squares);
        EXPECT_EQ(mean(all.values, all.n), c.mean);
        EXPECT_EQ(all.variance(), c.variance);
        EXPECT_EQ(population_variance(all.values, all.squares, all.n), c.population);
    }
}

TEST(ExactSum, OfWholeNumbersOf64Bits)
{
    const std::vector<std::int64_t> numbers{std::numeric_limits<std::int64_t>::max(),
                                            std::numeric_limits<std::int64_t>::min(), 5, (1LL << 62) + 1,
                                            (1LL << 53) + 1};
    const sums all = of(numbers);
    EXPECT_EQ(all.values.rounded(), 0x1.0080000000000p+62);
    EXPECT_EQ(all.squares.rounded(), 0x1.2000080000000p+127);
    EXPECT_EQ(mean(all.values, all.n), 0x1.9a66666666666p+59);
    EXPECT_EQ(all.variance(), 0x1.199339999999ap+125);
    const sums small_whole = of(std::vector<std::int64_t>{1, -2, 3});
    EXPECT_EQ(small_whole, of(std::vector<double>{1, -2, 3}));
}

TEST(ExactSum, OfNothing)
{
    EXPECT_EQ(exact_sum{}.rounded(), 0);
    EXPECT_TRUE(exact_sum{}.is_finite());
    exact_sum zero;
    zero.add(-0.0);
    EXPECT_EQ(zero, exact_sum{});
}

TEST(ExactSum, OfRoundTripsEveryDouble)
{
    std::mt19937_64 random{1};
    for (int i = 0; i < 20'000; ++i) {
        const auto value = std::bit_cast<double>(random() & ~(i % 10 == 0 ? 0x7ff0000000000000 : 0));
        if (std::isfinite(value)) {
            exact_sum sum;
            sum.add(value);
            ASSERT_EQ(sum.rounded(), value);
            exact_square_sum square;
            square.add(value);
            ASSERT_EQ(square.rounded(), value * value);
        }
    }
}

// a + b is rounded once, by the processor as by the sum.
TEST(ExactSum, OfTwoIsTheProcessorsSum)
{
    std::mt19937_64 random{2};
    for (int i = 0; i < 20'000; ++i) {
        const double a = std::ldexp(static_cast<double>(static_cast<std::int64_t>(random())), int(random() % 140) - 70);
        const double b = std::ldexp(static_cast<double>(static_cast<std::int64_t>(random())), int(random() % 140) - 70);
        exact_sum sum;
        sum.add(a);
        sum.add(b);
        ASSERT_EQ(sum.rounded(), a + b);
    }
}

TEST(ExactSum, IsTheSameInAnyOrderAndAnyParts)
{
    std::mt19937_64 random{3};
    std::vector<double> numbers = logistic(500);
    for (int i = 0; i < 10'000; ++i) {
        numbers.push_back(std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 200) - 100));
        numbers.push_back(-numbers[random() % numbers.size()]);
    }
    const sums expected = of(numbers);
    for (int round = 0; round < 20; ++round) {
        std::shuffle(numbers.begin(), numbers.end(), random);
        std::vector<sums> parts(1 + random() % 5);
        for (const double number : numbers) {
            parts[random() % parts.size()].add(number);
        }
        sums all;
        for (const auto& part : parts) {
            all.merge(part);
        }
        ASSERT_EQ(all, expected);
        ASSERT_EQ(all.values.rounded(), expected.values.rounded());
        ASSERT_EQ(all.variance(), expected.variance());
    }
}

TEST(ExactSum, PassesItsCarriesOnInTime)
{
    exact_sum sum;
    exact_square_sum squares;
    const double value = -std::nextafter(2.0, 0.0) * 0x1p31; // all bits set, at the place that grows a digit fastest
    for (int i = 0; i < 1'000'000; ++i) {
        sum.add(value);
        squares.add(value);
    }
    EXPECT_EQ(sum.rounded(), value * 1e6);
    exact_square_sum one;
    one.add(value);
    EXPECT_EQ(mean(sum, 1'000'000), value);
    EXPECT_EQ(sample_variance(sum, squares, 1'000'000), 0);
}

TEST(ExactSum, TakesSpecialValuesAsPostgresDoes)
{
    sums all = of(std::vector<double>{1, infinity});
    EXPECT_EQ(all.values.rounded(), infinity);
    EXPECT_EQ(all.squares.rounded(), infinity);
    EXPECT_EQ(mean(all.values, 2), infinity);
    EXPECT_TRUE(std::isnan(all.variance()));
    all.merge(of(std::vector<double>{-infinity}));
    EXPECT_TRUE(std::isnan(all.values.rounded()));
    EXPECT_EQ(all.squares.rounded(), infinity);
    EXPECT_EQ(of(std::vector<double>{-infinity, 5}).values.rounded(), -infinity);
    EXPECT_TRUE(std::isnan(of(std::vector<double>{NAN, infinity}).values.rounded()));
    EXPECT_TRUE(std::isnan(of(std::vector<double>{NAN, 1}).squares.rounded()));
    exact_sum beyond;
    beyond.add(1.7e308);
    beyond.add(1.7e308);
    EXPECT_EQ(beyond.rounded(), infinity);
    EXPECT_EQ(mean(beyond, 2), 1.7e308);
}

template <class Sum>
std::pmr::vector<std::byte> flat(const Sum& sum)
{
    std::pmr::vector<std::byte> bytes;
    etl::byte_writer to{bytes};
    sum.write(to);
    return bytes;
}

template <class Sum>
Sum read(std::span<const std::byte> bytes)
{
    etl::byte_reader from{bytes, "etl.test"};
    Sum sum;
    sum.read(from);
    from.expect_end();
    return sum;
}

TEST(ExactSum, SurvivesItsFlatForm)
{
    for (const auto& numbers : {std::vector<double>{},
                                {0.1},
                                {-0.1},
                                {infinity, 2},
                                {NAN},
                                {-5e-324},
                                {1.7e308, 1.7e308},
                                logistic(20),
                                logistic(500)}) {
        const sums all = of(numbers);
        EXPECT_EQ(read<exact_sum>(flat(all.values)), all.values);
        EXPECT_EQ(read<exact_square_sum>(flat(all.squares)), all.squares);
    }
    EXPECT_EQ(flat(of(std::vector<double>{1, 2, -3}).values), flat(exact_sum{}));
    EXPECT_EQ(flat(exact_sum{}).size(), 5U);
}

TEST(ExactSum, RefusesForgedBytes)
{
    const auto refused = [](std::uint8_t flags, std::uint16_t first, const std::vector<std::uint32_t>& digits,
                            bool square) {
        std::pmr::vector<std::byte> bytes;
        etl::byte_writer to{bytes};
        to.value(flags);
        to.value(first);
        to.value(static_cast<std::uint16_t>(digits.size()));
        to.values(std::span<const std::uint32_t>{digits});
        try {
            square ? void(read<exact_square_sum>(bytes)) : void(read<exact_sum>(bytes));
        } catch (const etl::error&) {
            return true;
        }
        return false;
    };
    EXPECT_FALSE(refused(8, 3, {1, 0, 7}, false));
    EXPECT_TRUE(refused(8, 3, {1, 0, 7}, true));
    EXPECT_TRUE(refused(16, 3, {1, 0, 7}, false));
    EXPECT_TRUE(refused(0, 3, {0, 7}, false));
    EXPECT_TRUE(refused(0, 3, {7, 0}, false));
    EXPECT_TRUE(refused(0, 3, {}, false));
    EXPECT_TRUE(refused(8, 0, {}, false));
    EXPECT_TRUE(refused(0, 69, {1}, false));
    EXPECT_TRUE(refused(0, 65535, {1}, false));
    EXPECT_TRUE(refused(0, 68, {0xffffffff}, false));
    EXPECT_TRUE(refused(0, 0, std::vector<std::uint32_t>(70, 1), false));
    EXPECT_THROW(read<exact_sum>(std::span<const std::byte>{}), etl::error);
}

TEST(WholeSum, IsExactBeyond64Bits)
{
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    whole_sum sum;
    EXPECT_EQ(sum.to_string(), "0");
    sum.add(most);
    sum.add(most);
    EXPECT_EQ(sum.to_string(), "18446744073709551614");
    whole_sum other;
    other.add(std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(other.to_string(), "-9223372036854775808");
    sum.merge(other);
    EXPECT_EQ(sum.to_string(), "9223372036854775806");
    EXPECT_EQ(sum.rounded(), 9223372036854775806.0);
    EXPECT_EQ(read<whole_sum>(flat(sum)), sum);
    EXPECT_EQ(read<whole_sum>(flat(other)), other);
}

TEST(WholeSum, RefusesToOverflow)
{
    const auto largest = static_cast<__int128>(~static_cast<unsigned __int128>(0) >> 1);
    whole_sum sum{largest};
    EXPECT_EQ(sum.to_string(), "170141183460469231731687303715884105727");
    EXPECT_EQ(whole_sum{-largest - 1}.to_string(), "-170141183460469231731687303715884105728");
    sum.add(-1);
    sum.add(1);
    EXPECT_THROW(sum.add(1), etl::error);
    EXPECT_THROW(whole_sum{-largest - 1}.merge(whole_sum{-1}), etl::error);
}

} // namespace
