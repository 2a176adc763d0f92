// Moments against rational arithmetic, in every order and division; forged states.
#include "sketch/moments.hpp"
#include "sketch/moments_reader.hpp"

#include "unit/vector_buffer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <random>
#include <vector>

namespace {

using etl::moments;
using etl::moments_reader;
using etl::test::vector_buffer;
using enum moments_reader::divisor;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double largest = std::numeric_limits<double>::max();
constexpr double smallest = std::numeric_limits<double>::denorm_min();

using values = std::vector<double>;

vector_buffer growing(const values& numbers)
{
    vector_buffer state;
    moments made{state};
    for (const double number : numbers) {
        made.add(number);
    }
    return state;
}

vector_buffer packed(vector_buffer state)
{
    vector_buffer stored;
    moments::pack(state.bytes(), stored);
    return stored;
}

moments_reader reader_of(const values& numbers)
{
    static std::deque<vector_buffer> states; // which the readers read
    states.push_back(packed(growing(numbers)));
    return moments_reader{states.back().bytes()};
}

bool same(vector_buffer& a, vector_buffer& b)
{
    return std::ranges::equal(a.bytes(), b.bytes());
}

// Correctly rounded values of exact rational arithmetic, computed with Python's fractions; skewness and kurtosis from
// them with 50 digits of decimal arithmetic.
struct known {
    values numbers;
    double sum, mean, sample, population, skewness, kurtosis;
};

TEST(Moments, AgreeWithRationalArithmetic)
{
    const known cases[] = {
        {{1.0, 2.0, 3.0, 4.0, 100.0},
         0x1.b800000000000p+6,
         0x1.6000000000000p+4,
         0x1.dba0000000000p+10,
         0x1.7c80000000000p+10,
         0x1.7f5e90bd608b1p+0,
         0x1.f9467ea76cd2bp-3},
        {{999999999.999, 1000000000.0, 1000000000.001, 1000000000.002},
         0x1.dcd6500001062p+31,
         0x1.dcd6500001062p+29,
         0x1.bf66f93aaaaabp-20,
         0x1.4f8d3aec00000p-20,
         -0x1.0c5206cafc4bbp-14,
         -0x1.5c2a75b9dd5c0p+0},
        {{0.1, 0.2, 0.3, 0.7},
         0x1.4cccccccccccdp+0,
         0x1.4cccccccccccdp-2,
         0x1.1b4e81b4e81b4p-4,
         0x1.a8f5c28f5c28ep-5,
         0x1.aa92b0aeb8ec2p-1,
         -0x1.cdd543e480475p-1},
        {{1000000000000001.0, 1000000000000002.0, 1000000000000004.0, 1000000000000008.0, 999999999999998.0},
         0x1.1c37937e0800dp+52,
         0x1.c6bf526340015p+49,
         0x1.b99999999999ap+3,
         0x1.6147ae147ae14p+3,
         0x1.46f2713bdb153p-2,
         -0x1.b496576e2cd83p-1},
        {{1e-160, 2e-160, 5e-160, -3e-140},
         -0x1.6dd474ddce25fp-464,
         -0x1.6dd474ddce25fp-466,
         0x1.0563c2c92147bp-929,
         0x1.8815a42db1eb9p-930,
         -0x1.279a74590331cp+0,
         -0x1.5555555555555p-1},
        {{-5.5, 2.25, 10000000000.0, -10000000000.0, 3000000000.0},
         0x1.65a0bbf980000p+31,
         0x1.1e1a2ffaccccdp+29,
         0x1.676f48c6bfacbp+65,
         0x1.1f8c3a389956fp+65,
         -0x1.0a6d9179d2098p-2,
         -0x1.3ba48bf12373bp-1},
        {{1.0, 1.0, 1.0, 2.0},
         0x1.4000000000000p+2,
         0x1.4000000000000p+0,
         0x1.0000000000000p-2,
         0x1.8000000000000p-3,
         0x1.279a74590331cp+0,
         -0x1.5555555555555p-1},
        {{19.99, 5.0, 7.49, 250.0, 12.95, 19.99},
         0x1.3b6b851eb851fp+8,
         0x1.a48f5c28f5c29p+5,
         0x1.258a328b6d86fp+13,
         0x1.e93ba9930be0ep+12,
         0x1.c5bc881d3e011p+0,
         0x1.2bb009b1b32e7p+0},
    };
    for (const auto& c : cases) {
        const moments_reader found = reader_of(c.numbers);
        EXPECT_EQ(found.count(), c.numbers.size());
        EXPECT_EQ(found.sum(), c.sum);
        EXPECT_EQ(found.mean(), c.mean);
        EXPECT_EQ(found.variance(sample), c.sample);
        EXPECT_EQ(found.variance(population), c.population);
        EXPECT_NEAR(*found.deviation(sample), std::sqrt(c.sample), std::sqrt(c.sample) * 1e-15);
        EXPECT_NEAR(*found.skewness(), c.skewness, std::abs(c.skewness) * 1e-15);
        EXPECT_NEAR(*found.kurtosis(), c.kurtosis, std::abs(c.kurtosis) * 1e-15);
        EXPECT_EQ(found.least(), *std::ranges::min_element(c.numbers));
        EXPECT_EQ(found.greatest(), *std::ranges::max_element(c.numbers));
    }
}

TEST(Moments, OfValuesAtTheEndsOfTheRange)
{
    const moments_reader huge = reader_of({1e300, -1e300, 3e300});
    EXPECT_EQ(huge.mean(), 1e300);
    EXPECT_DOUBLE_EQ(*huge.deviation(sample), 2e300);
    EXPECT_THROW((void)huge.variance(sample), etl::error);
    EXPECT_NEAR(*huge.skewness(), 0, 1e-15);
    EXPECT_DOUBLE_EQ(*huge.kurtosis(), -1.5);

    const moments_reader over = reader_of({largest, largest});
    EXPECT_THROW((void)over.sum(), etl::error);
    EXPECT_EQ(over.mean(), largest);
    EXPECT_EQ(over.variance(sample), 0);

    const moments_reader tiny = reader_of({smallest, 2 * smallest, 3 * smallest});
    EXPECT_EQ(tiny.mean(), 2 * smallest);
    EXPECT_EQ(tiny.variance(sample), 0);
    EXPECT_EQ(tiny.deviation(sample), smallest);
    EXPECT_EQ(tiny.skewness(), 0);
    EXPECT_DOUBLE_EQ(*tiny.kurtosis(), -1.5);

    const moments_reader both = reader_of({largest, smallest, -largest});
    EXPECT_EQ(both.sum(), smallest);
    EXPECT_DOUBLE_EQ(*both.deviation(population), largest * std::sqrt(2.0 / 3));
}

TEST(Moments, WithoutSpread)
{
    const moments_reader one = reader_of({5});
    EXPECT_EQ(one.variance(sample), std::nullopt);
    EXPECT_EQ(one.deviation(sample), std::nullopt);
    EXPECT_EQ(one.variance(population), 0);
    EXPECT_EQ(one.skewness(), std::nullopt);
    const moments_reader equal = reader_of(values(1000, 0.1));
    EXPECT_EQ(equal.variance(sample), 0);
    EXPECT_EQ(equal.mean(), 0.1);
    EXPECT_EQ(equal.kurtosis(), std::nullopt);
    const moments_reader zeros = reader_of({0.0, -0.0});
    EXPECT_EQ(zeros.sum(), 0);
    EXPECT_FALSE(std::signbit(*zeros.least()));
    EXPECT_EQ(reader_of({}).mean(), std::nullopt);
    EXPECT_EQ(reader_of({}).least(), std::nullopt);
    EXPECT_EQ(reader_of({}).sum(), std::nullopt);
    EXPECT_EQ(reader_of({}).variance(population), std::nullopt);
    EXPECT_EQ(reader_of({}).skewness(), std::nullopt);
}

TEST(Moments, NanAndInfinityCountAsInPostgresql)
{
    const moments_reader high = reader_of({1, infinity});
    EXPECT_EQ(high.sum(), infinity);
    EXPECT_EQ(high.mean(), infinity);
    EXPECT_TRUE(std::isnan(*high.variance(sample)));
    EXPECT_TRUE(std::isnan(*high.kurtosis()));
    EXPECT_EQ(high.greatest(), infinity);
    const moments_reader low = reader_of({-infinity, 1});
    EXPECT_EQ(low.mean(), -infinity);
    EXPECT_EQ(low.least(), -infinity);
    EXPECT_TRUE(std::isnan(*reader_of({infinity, -infinity}).sum()));
    const moments_reader some = reader_of({nan, 1, 2});
    EXPECT_TRUE(std::isnan(*some.mean()));
    EXPECT_TRUE(std::isnan(*some.greatest()));
    EXPECT_EQ(some.least(), 1);
    EXPECT_TRUE(std::isnan(*reader_of({nan}).least()));
    EXPECT_EQ(reader_of({infinity}).variance(sample), std::nullopt);
}

// Values of all kinds, of which every selection is another range of digits.
values drawn(std::mt19937_64& random, std::size_t count)
{
    values numbers;
    for (std::size_t i = 0; i < count; ++i) {
        const auto bits = random();
        switch (random() % 5) {
        case 0:
            numbers.push_back(static_cast<double>(static_cast<std::int64_t>(bits) >> bits % 64));
            break;
        case 1:
            numbers.push_back(
                std::ldexp(static_cast<double>(static_cast<std::int64_t>(bits)), static_cast<int>(bits % 200) - 100));
            break;
        case 2:
            numbers.push_back(static_cast<double>(bits % 100000) / 100);
            break;
        case 3:
            numbers.push_back(bits % 3 == 0 ? 0.0 : -static_cast<double>(bits % 7));
            break;
        default: {
            const double any = std::bit_cast<double>(bits);
            numbers.push_back(std::isnan(any) ? 1 : any);
        }
        }
    }
    return numbers;
}

TEST(Moments, AreTheSameInAnyOrderAndDivision)
{
    std::mt19937_64 random{7};
    for (int round = 0; round < 200; ++round) {
        values numbers = drawn(random, 1 + random() % 80);
        vector_buffer whole = packed(growing(numbers));
        EXPECT_NO_THROW(moments::check(whole.bytes()));
        std::shuffle(numbers.begin(), numbers.end(), random);
        vector_buffer all;
        moments merged{all};
        for (std::size_t at = 0; at < numbers.size();) {
            const std::size_t count = std::min<std::size_t>(random() % (round % 2 == 0 ? 10 : 60), numbers.size() - at);
            const auto first = numbers.begin() + static_cast<std::ptrdiff_t>(at);
            vector_buffer part = growing({first, first + static_cast<std::ptrdiff_t>(count)});
            if (random() % 2 == 0) {
                part = packed(part);
            }
            EXPECT_NO_THROW(moments::check(part.bytes()));
            merged.merge(part.bytes());
            at += count;
            if (at < numbers.size()) {
                merged.add(numbers[at++]);
            }
        }
        EXPECT_NO_THROW(moments::check(all.bytes()));
        vector_buffer stored = packed(all);
        EXPECT_TRUE(same(stored, whole)) << "round " << round;
    }
}

TEST(Moments, StoredStatesGrowOn)
{
    for (const std::size_t count : {3U, 20U, 50U}) {
        const values first(count, -3e20);
        const values second{7, 1e-20, 0, 5, 6, 2.5, 8, 9};
        vector_buffer state = packed(growing(first));
        moments grown{state};
        values both = first;
        for (const double number : second) {
            grown.add(number);
            both.push_back(number);
        }
        vector_buffer stored = packed(state);
        vector_buffer expected = packed(growing(both));
        EXPECT_TRUE(same(stored, expected)) << count;
    }
}

// One value in a cycle, so often that they are summed.
values many(const values& cycle)
{
    values numbers;
    for (std::size_t i = 0; i < 100; ++i) {
        numbers.push_back(cycle[i % cycle.size()]);
    }
    return numbers;
}

TEST(Moments, AreSmall)
{
    EXPECT_EQ(packed(growing({})).size(), 40U);
    EXPECT_EQ(packed(growing({1, 0, 2})).size(), 56U);
    EXPECT_LE(packed(growing(many({1, 2, 1000, 4'000'000'000}))).size(), 120U);
    EXPECT_LE(packed(growing(many({0.01, 19.99, 999.99}))).size(), 200U);
    EXPECT_LE(packed(growing(many({largest, smallest}))).size(), 2800U);
}

void expect_refused(vector_buffer state, std::size_t at, std::vector<std::uint8_t> bytes, const char* what)
{
    for (const std::uint8_t byte : bytes) {
        state.data()[at++] = std::byte{byte};
    }
    EXPECT_THROW(moments::check(state.bytes()), etl::error) << what;
}

TEST(Moments, RefuseForgedBytes)
{
    vector_buffer good = packed(growing(many({1, 2, 3})));
    EXPECT_NO_THROW(moments::check(good.bytes()));
    expect_refused(good, 0, {0}, "magic");
    expect_refused(good, 4, {2}, "version");
    expect_refused(good, 15, {0x80}, "count");
    expect_refused(good, 8, {0}, "no values with sums");
    expect_refused(good, 16, {0, 0, 0, 0, 0, 0, 0xf0, 0xff}, "an infinity that was not added");
    expect_refused(good, 30, {0xf8, 0x7f}, "NaN as the greatest");
    expect_refused(good, 32, {1}, "additions to pass on in a stored state");
    expect_refused(good, 36, {67}, "a digit out of range");
    expect_refused(good, 37, {2}, "more digits than there are");
    expect_refused(good, 38, {8}, "an unknown special");
    expect_refused(good, 39, {0}, "the other form");
    expect_refused(good, 39, {3}, "no form");
    expect_refused(good, good.size() - 1, {0x80}, "a sum below what so many values can have");
    vector_buffer wide = growing(many({1, 2, 3}));
    EXPECT_NO_THROW(moments::check(wide.bytes()));
    expect_refused(wide, wide.size() - 1, {1}, "something in the word behind the sums");
    expect_refused(wide, 40 + 7, {0x7f}, "a digit that could overflow");
    vector_buffer cut{good.bytes().first(good.size() - 1)};
    EXPECT_THROW(moments::check(cut.bytes()), etl::error);
    EXPECT_THROW(moments::check({}), etl::error);
}

TEST(Moments, RefuseForgedLists)
{
    vector_buffer good = packed(growing({1, 2, 3}));
    EXPECT_NO_THROW(moments::check(good.bytes()));
    expect_refused(good, 8, {2}, "more values than are counted");
    expect_refused(good, 36, {1}, "a digit of sums");
    expect_refused(good, 37, {4}, "more values than there are");
    expect_refused(good, 37, {27}, "more values than a list has");
    expect_refused(good, 46, {0, 0}, "0 as a value");
    expect_refused(good, 46, {0xf8, 0x7f}, "NaN as a value");
    expect_refused(good, 46, {0x10, 0x40}, "a value above the greatest");
}

} // namespace
