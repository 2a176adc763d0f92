// Histograms against counting one by one; edges; forged states.
#include "sketch/histogram.hpp"

#include "unit/vector_buffer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace {

using etl::histogram;
using etl::test::vector_buffer;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

using values = std::vector<double>;
using counts = std::vector<std::uint64_t>;

vector_buffer counted(const values& edges, const values& numbers)
{
    vector_buffer state;
    histogram made{state, edges};
    for (const double number : numbers) {
        made.add(number);
    }
    return state;
}

histogram::contents contents_of(const values& edges, const values& numbers)
{
    return histogram::read(counted(edges, numbers).bytes());
}

TEST(Histogram, ABinHasItsLowerEdgeAndTheLastOneBoth)
{
    const auto found = contents_of({0, 10, 20}, {-1, 0, -0.0, 9.9, 10, 19, 20, 20.1, nan, infinity, -infinity});
    EXPECT_EQ(found.rows, (counts{3, 3}));
    EXPECT_EQ(found.below, 2U);
    EXPECT_EQ(found.above, 2U);
    EXPECT_EQ(found.nans, 1U);
    EXPECT_EQ(found.nulls, 0U);
    EXPECT_EQ(found.count(), 11U);
    const auto open = contents_of({-infinity, 0, infinity}, {-infinity, -5, 0, infinity, nan});
    EXPECT_EQ(open.rows, (counts{2, 2}));
    EXPECT_EQ(open.above, 0U);
}

TEST(Histogram, CountsAsOneByOne)
{
    std::mt19937_64 random{3};
    for (int round = 0; round < 100; ++round) {
        values edges;
        double edge = -5;
        for (std::size_t i = 2 + random() % 30; i > 0; --i) {
            edges.push_back(edge += 1 + static_cast<double>(random() % 3));
        }
        values numbers;
        for (int i = 0; i < 500; ++i) {
            numbers.push_back(static_cast<double>(random() % 200) / 2 - 10);
        }
        counts expected(edges.size() - 1);
        std::uint64_t below = 0;
        std::uint64_t above = 0;
        for (const double number : numbers) {
            below += number < edges.front();
            above += number > edges.back();
            for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
                const bool is_last = i + 2 == edges.size();
                expected[i] += number >= edges[i] && (number < edges[i + 1] || (is_last && number == edges[i + 1]));
            }
        }
        const auto found = contents_of(edges, numbers);
        EXPECT_EQ(found.rows, expected);
        EXPECT_EQ(found.below, below);
        EXPECT_EQ(found.above, above);

        const auto half = numbers.begin() + static_cast<std::ptrdiff_t>(random() % numbers.size());
        vector_buffer merged = counted(edges, {numbers.begin(), half});
        histogram::merge(merged, counted(edges, {half, numbers.end()}).bytes());
        vector_buffer whole = counted(edges, numbers);
        EXPECT_TRUE(std::ranges::equal(merged.bytes(), whole.bytes()));
        EXPECT_NO_THROW(histogram::check(merged.bytes()));
    }
}

TEST(Histogram, CountsNull)
{
    vector_buffer state;
    histogram made{state, values{0, 1}};
    made.add_null();
    made.add(1);
    EXPECT_EQ(histogram::read(state.bytes()).nulls, 1U);
    EXPECT_EQ(histogram::read(state.bytes()).count(), 1U);
}

TEST(Histogram, RefusesEdgesThatAreNone)
{
    for (const values& edges : {values{}, {1}, {1, 1}, {2, 1}, {0, nan}, {nan, 0}, {0, -0.0}}) {
        EXPECT_THROW(counted(edges, {}), etl::error);
    }
    EXPECT_THROW(counted(values(histogram::most_edges + 1), {}), etl::error);
}

TEST(Histogram, RefusesOtherEdges)
{
    vector_buffer state = counted({0, 1, 2}, {1});
    EXPECT_NO_THROW((histogram{state, values{-0.0, 1, 2}}));
    EXPECT_THROW((histogram{state, values{0, 1}}), etl::error);
    EXPECT_THROW((histogram{state, values{0, 1, 3}}), etl::error);
    EXPECT_THROW(histogram::merge(state, counted({0, 1, 3}, {}).bytes()), etl::error);
    EXPECT_THROW(histogram::merge(state, counted({0, 1}, {}).bytes()), etl::error);
    try {
        histogram::merge(state, counted({0.5, 1e300}, {}).bytes());
    } catch (const etl::error& refused) {
        EXPECT_EQ(refused.detail(), "One has {0,1,2}, another {0.5,1e+300}.");
    }
}

void expect_refused(vector_buffer state, std::size_t at, std::vector<std::uint8_t> bytes, const char* what)
{
    for (const std::uint8_t byte : bytes) {
        state.data()[at++] = std::byte{byte};
    }
    EXPECT_THROW(histogram::check(state.bytes()), etl::error) << what;
}

// A bin of one more than 2^61 values, and one of 2^61: each merges with few, and not with its like.
TEST(Histogram, MergesNoMoreThanMayBeStored)
{
    vector_buffer half = counted({0, 1, 2}, {0});
    etl::store(half.data() + 72, std::uint64_t{1} << 61);
    vector_buffer other = counted({0, 1, 2}, {-1});
    etl::store(other.data() + 8, (std::uint64_t{1} << 61) + 1);
    vector_buffer whole = half;
    EXPECT_NO_THROW(histogram::merge(whole, half.bytes()));
    EXPECT_NO_THROW(histogram::check(whole.bytes()));
    try {
        histogram::merge(half, other.bytes());
        FAIL();
    } catch (const etl::error& refused) {
        EXPECT_STREQ(refused.sqlstate(), "54000");
    }
}

TEST(Histogram, RefusesForgedBytes)
{
    vector_buffer good = counted({0, 1, 2}, {0, 1});
    EXPECT_NO_THROW(histogram::check(good.bytes()));
    expect_refused(good, 0, {0}, "magic");
    expect_refused(good, 4, {2}, "version");
    expect_refused(good, 15, {0x80}, "a counter beyond bigint");
    expect_refused(good, 40, {2}, "fewer edges");
    expect_refused(good, 40, {1}, "one edge");
    expect_refused(good, 47, {0x80}, "edges without end");
    expect_refused(good, 54, {0, 0x40}, "edges out of order");
    expect_refused(good, 55, {0x80}, "-0 as an edge");
    expect_refused(good, 70, {0xf8, 0x7f}, "NaN as an edge");
    expect_refused(good, 79, {0x40}, "a bin beyond what is counted");
    EXPECT_THROW(histogram::check({}), etl::error);
    EXPECT_THROW(histogram::check(good.bytes().first(good.size() - 1)), etl::error);
}

} // namespace
