// Quantiles: exact while few, within the certain error on hostile orders and divisions after that; forged states.
#include "sketch/quantiles.hpp"
#include "sketch/quantiles_reader.hpp"

#include "unit/vector_buffer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace {

using etl::quantiles;
using etl::quantiles_reader;
using etl::test::vector_buffer;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

using values = std::vector<double>;

vector_buffer growing(std::span<const double> numbers, int kept = quantiles::default_kept)
{
    vector_buffer state;
    quantiles made{state, kept};
    for (const double number : numbers) {
        made.add(number);
    }
    return state;
}

vector_buffer packed(vector_buffer state)
{
    vector_buffer stored;
    quantiles::pack(state.bytes(), stored);
    EXPECT_NO_THROW(quantiles::check(stored.bytes()));
    return stored;
}

quantiles_reader reader_of(const values& numbers, int kept = quantiles::default_kept)
{
    return {packed(growing(numbers, kept)).bytes(), etl::never_poll};
}

// What may be wrong at most, by the formula that is documented, and what is wrong.
double promised(std::size_t n, int kept)
{
    return (2 + std::log2(static_cast<double>(n) / kept)) / (2.0 * kept);
}

void expect_within_error(vector_buffer state, values numbers, int kept, const std::string& what)
{
    const vector_buffer stored = packed(state);
    const quantiles_reader found{vector_buffer{stored}.bytes(), etl::never_poll};
    std::sort(numbers.begin(), numbers.end());
    const auto n = static_cast<double>(numbers.size());
    ASSERT_EQ(found.count(), numbers.size()) << what;
    EXPECT_EQ(found.least(), numbers.front()) << what;
    EXPECT_EQ(found.greatest(), numbers.back()) << what;
    EXPECT_LE(found.rank_error(), promised(numbers.size(), kept)) << what;
    const double allowed = found.rank_error() * n;
    for (int i = 0; i <= 200; ++i) {
        const double fraction = i / 200.0;
        const double value = *found.at(fraction);
        const double rank = std::max(1.0, std::ceil(fraction * n));
        const auto [first, last] = std::equal_range(numbers.begin(), numbers.end(), value);
        ASSERT_NE(first, last) << what << ": " << value << " is no value of the column";
        EXPECT_LE(static_cast<double>(first - numbers.begin()) + 1, rank + allowed) << what << " at " << fraction;
        EXPECT_GE(static_cast<double>(last - numbers.begin()), rank - allowed) << what << " at " << fraction;
        EXPECT_NEAR(*found.up_to(value) * n, static_cast<double>(last - numbers.begin()), allowed + 1e-6) << what;
    }
}

// Orders and shapes that sketches are weak at.
std::map<std::string, values> hostile(std::size_t n)
{
    values sorted(n);
    std::iota(sorted.begin(), sorted.end(), 1.0);
    std::map<std::string, values> made{{"sorted", sorted}, {"reversed", {sorted.rbegin(), sorted.rend()}}};
    values zigzag;
    for (std::size_t i = 0; i < n; ++i) {
        zigzag.push_back(i % 2 == 0 ? sorted[i / 2] : sorted[n - 1 - i / 2]);
    }
    made["zigzag"] = zigzag;
    values organ = sorted;
    std::reverse(organ.begin() + static_cast<std::ptrdiff_t>(n / 2), organ.end());
    made["up and down"] = organ;
    std::mt19937_64 random{5};
    values shuffled = sorted;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    made["shuffled"] = shuffled;
    values ties;
    for (std::size_t i = 0; i < n; ++i) {
        ties.push_back(random() % 3 == 0 ? 7 : static_cast<double>(random() % 5));
    }
    made["ties"] = ties;
    values outliers;
    for (std::size_t i = 0; i < n; ++i) {
        outliers.push_back(std::exp(static_cast<double>(random() % 700)) * (i % 2 == 0 ? 1 : -1));
    }
    made["outliers"] = outliers;
    values blocks;
    for (std::size_t i = 0; i < n; ++i) { // each block of 64 has the values of the whole range, always in this order
        blocks.push_back(static_cast<double>(i % 64 * n + i / 64));
    }
    made["blocks"] = blocks;
    return made;
}

TEST(Quantiles, AreExactWhileFew)
{
    const quantiles_reader found = reader_of({4, 1, 3, 2});
    EXPECT_EQ(found.at(0), 1);
    EXPECT_EQ(found.at(0.5), 2.5);
    EXPECT_EQ(found.at(0.1), 1 + 0.1 * 3 - 0.0);
    EXPECT_EQ(found.at(1), 4);
    EXPECT_EQ(found.rank_error(), 0);
    EXPECT_EQ(found.up_to(0.5), 0);
    EXPECT_EQ(found.up_to(2), 0.5);
    EXPECT_EQ(found.up_to(2.5), 0.5);
    EXPECT_EQ(found.up_to(4), 1);
    EXPECT_EQ(found.up_to(nan), 1);
    values many(2048);
    std::iota(many.begin(), many.end(), 0.0);
    std::shuffle(many.begin(), many.end(), std::mt19937_64{1});
    const quantiles_reader full = reader_of(many);
    EXPECT_TRUE(full.is_exact());
    EXPECT_EQ(full.at(0.25), 511.75);
    many.push_back(5000);
    EXPECT_FALSE(reader_of(many).is_exact());
}

TEST(Quantiles, OfNoneOneAndSpecials)
{
    EXPECT_EQ(reader_of({}).at(0.5), std::nullopt);
    EXPECT_EQ(reader_of({}).least(), std::nullopt);
    EXPECT_EQ(reader_of({}).up_to(1), std::nullopt);
    EXPECT_EQ(reader_of({}).rank_error(), 0);
    EXPECT_EQ(reader_of({5}).at(0.3), 5);
    EXPECT_FALSE(std::signbit(*reader_of({-0.0}).at(0)));
    const quantiles_reader with_nan = reader_of({nan, 1, 2, nan});
    EXPECT_EQ(with_nan.count(), 4U);
    EXPECT_EQ(with_nan.at(0), 1);
    EXPECT_TRUE(std::isnan(*with_nan.at(0.5)));
    EXPECT_TRUE(std::isnan(*with_nan.at(1)));
    EXPECT_TRUE(std::isnan(*with_nan.greatest()));
    EXPECT_EQ(with_nan.up_to(infinity), 0.5);
    EXPECT_TRUE(std::isnan(*reader_of({nan}).least()));
    const quantiles_reader infinite = reader_of({-infinity, 0, infinity, infinity});
    EXPECT_EQ(infinite.at(0), -infinity);
    EXPECT_EQ(infinite.at(0.9), infinity);
    EXPECT_EQ(reader_of({-1.7e308, 1.7e308}).at(0.5), 0);
    for (const double fraction : {-0.1, 1.1, nan, infinity}) {
        EXPECT_THROW((void)infinite.at(fraction), etl::error);
    }
}

TEST(Quantiles, KeepTheirPromiseOnHostileOrders)
{
    for (const int kept : {64, 256}) {
        for (const auto& [what, numbers] : hostile(12'000)) {
            expect_within_error(growing(numbers, kept), numbers, kept, what);
        }
    }
    for (const auto& [what, numbers] : hostile(40'000)) {
        expect_within_error(growing(numbers), numbers, quantiles::default_kept, what);
    }
}

// Parts of all sizes, merged one after the other, in pairs, and into a large one.
TEST(Quantiles, KeepTheirPromiseInAnyDivision)
{
    std::mt19937_64 random{9};
    for (const auto& [what, numbers] : hostile(6'000)) {
        for (const std::size_t longest : {1U, 65U, 700U, 4'000U}) {
            std::vector<vector_buffer> parts;
            for (std::size_t at = 0; at < numbers.size();) {
                const std::size_t count = std::min<std::size_t>(1 + random() % longest, numbers.size() - at);
                parts.push_back(growing(std::span{numbers}.subspan(at, count), 64));
                at += count;
            }
            vector_buffer chain;
            for (vector_buffer& part : parts) {
                quantiles::merge(chain, part.bytes());
            }
            expect_within_error(chain, numbers, 64, what + " chained from " + std::to_string(longest));
            while (parts.size() > 1) {
                std::vector<vector_buffer> pairs;
                for (std::size_t i = 0; i < parts.size(); i += 2) {
                    if (i + 1 < parts.size()) {
                        quantiles::merge(parts[i], parts[i + 1].bytes());
                    }
                    pairs.push_back(parts[i]);
                }
                parts = pairs;
            }
            expect_within_error(parts[0], numbers, 64, what + " paired from " + std::to_string(longest));
        }
    }
}

TEST(Quantiles, FewValuesAreTheSameInAnyDivision)
{
    std::mt19937_64 random{11};
    values numbers(1000);
    std::ranges::generate(numbers, [&] { return static_cast<double>(random() % 300) / 7; });
    vector_buffer whole = packed(growing(numbers));
    std::shuffle(numbers.begin(), numbers.end(), random);
    vector_buffer merged = packed(growing(std::span{numbers}.first(300)));
    quantiles::merge(merged, growing(std::span{numbers}.subspan(300)).bytes());
    vector_buffer stored = packed(merged);
    EXPECT_TRUE(std::ranges::equal(stored.bytes(), whole.bytes()));
    EXPECT_EQ(whole.size(), 56 + 8000U);
}

TEST(Quantiles, StoredStatesGrowOn)
{
    values numbers(5000);
    std::iota(numbers.begin(), numbers.end(), 0.0);
    vector_buffer state = packed(growing(std::span{numbers}.first(3000), 64));
    quantiles grown{state, 64};
    for (const double number : std::span{numbers}.subspan(3000)) {
        grown.add(number);
    }
    expect_within_error(state, numbers, 64, "grown from a stored state");
}

TEST(Quantiles, StaySmall)
{
    values numbers(300'000);
    std::iota(numbers.begin(), numbers.end(), 0.0);
    EXPECT_LE(packed(growing(numbers)).size(), 80'000U);
    EXPECT_EQ(packed(growing({})).size(), 56U);
}

TEST(Quantiles, RefuseOtherNumbersOfKeptValues)
{
    for (const int kept : {0, -2, 62, 65, 131074, std::numeric_limits<int>::max()}) {
        vector_buffer none;
        EXPECT_THROW((quantiles{none, kept}), etl::error) << kept;
    }
    vector_buffer state = growing(values{1}, 64);
    EXPECT_THROW((quantiles{state, 66}), etl::error);
    EXPECT_THROW(quantiles::merge(state, growing(values{1}, 66).bytes()), etl::error);
}

TEST(Quantiles, GiveEdgesOfEqualDepth)
{
    values numbers(1000);
    std::iota(numbers.begin(), numbers.end(), 1.0);
    EXPECT_EQ(reader_of(numbers).edges(4), (values{1, 250, 500, 750, 1000}));
    EXPECT_EQ(reader_of({1, 1, 1, 1, 2}).edges(3), (values{1, 2}));
    EXPECT_EQ(reader_of({3, nan}).edges(3), (values{3, std::nextafter(3, 4)}));
    EXPECT_EQ(reader_of({infinity}).edges(1), (values{std::numeric_limits<double>::max(), infinity}));
    EXPECT_EQ(reader_of({-infinity, 5}).edges(1), (values{-infinity, 5}));
    EXPECT_THROW((void)reader_of(numbers).edges(0), etl::error);
    EXPECT_EQ(reader_of(numbers).edges(100'000), numbers);
    EXPECT_THROW((void)reader_of(numbers).edges(100'001), etl::error);
    EXPECT_THROW((void)reader_of(numbers).edges(std::numeric_limits<int>::max()), etl::error);
    EXPECT_THROW((void)reader_of({nan}).edges(2), etl::error);
}

int polls = 0;

TEST(Quantiles, AreReadWithPolls)
{
    values numbers(100'000);
    std::iota(numbers.begin(), numbers.end(), 1.0);
    polls = 0;
    const quantiles_reader reader{packed(growing(numbers, quantiles::most_kept)).bytes(), [] { ++polls; }};
    EXPECT_GT(polls, 100'000 / 4096);
    polls = 0;
    EXPECT_EQ(reader.edges(50'000).size(), 50'001U);
    EXPECT_EQ(polls, 50'000 / 4096);
}

void expect_refused(vector_buffer state, std::size_t at, std::vector<std::uint8_t> bytes, const char* what)
{
    for (const std::uint8_t byte : bytes) {
        state.data()[at++] = std::byte{byte};
    }
    EXPECT_THROW(quantiles::check(state.bytes()), etl::error) << what;
}

void put(vector_buffer& to, auto value)
{
    const std::size_t at = to.size();
    to.resize(at + sizeof value);
    etl::store(to.data() + at, value);
}

// A state of one value at level 0 and, at each of the four highest levels, of values that stand for 2^62: together 2^64
// more than the one that its header counts.
vector_buffer wrapping()
{
    constexpr std::uint16_t levels = 57;
    constexpr std::uint16_t is_packed = 1;
    constexpr std::uint32_t upper = 32 + 64 + 128 + 256;
    vector_buffer made;
    put(made, etl::load<std::uint64_t>(packed(growing(values{1}, 512)).data())); // magic and version
    put(made, std::uint64_t{1});
    put(made, std::uint64_t{0});
    put(made, 1.0);
    put(made, 1.0);
    put(made, std::uint32_t{512});
    put(made, std::uint32_t{1});
    put(made, upper);
    put(made, levels);
    put(made, is_packed);
    put(made, std::uint64_t{0});
    put(made, std::uint64_t{0});
    for (std::uint32_t level = levels; level > 0; --level) {
        put(made, level > 53 ? std::uint32_t{32} << (levels - level) : std::uint32_t{0});
    }
    for (std::uint32_t i = 0; i <= upper; ++i) {
        put(made, 1.0);
    }
    return made;
}

TEST(Quantiles, RefuseForgedBytes)
{
    vector_buffer good = packed(growing(values{1, 2, 3}));
    expect_refused(good, 0, {0}, "magic");
    expect_refused(good, 4, {2}, "version");
    expect_refused(good, 8, {4}, "count");
    expect_refused(good, 23, {0x80}, "NaNs");
    expect_refused(good, 30, {0xf8, 0x7f}, "NaN as the least");
    expect_refused(good, 38, {0, 0}, "a greatest below the values");
    expect_refused(good, 40, {1}, "an odd number of kept values");
    expect_refused(good, 44, {2}, "fewer values than there are");
    expect_refused(good, 48, {1}, "values above that are not there");
    expect_refused(good, 52, {1}, "a level that is not there");
    expect_refused(good, 53, {200}, "too many levels");
    expect_refused(good, 54, {2}, "a form that is none");
    expect_refused(good, 62, {0x08, 0x40}, "values out of order");
    values numbers(1000);
    std::iota(numbers.begin(), numbers.end(), 0.0);
    vector_buffer high = packed(growing(numbers, 64));
    expect_refused(high, 63, {1}, "an error above the number of values");
    expect_refused(high, 72, {200}, "a level with more values than there are");
    expect_refused(high, 75, {1}, "a level with too many values");
    EXPECT_THROW(quantiles::check({}), etl::error);
    EXPECT_THROW(quantiles::check(wrapping().bytes()), etl::error);
    EXPECT_THROW(quantiles::check(good.bytes().first(good.size() - 1)), etl::error);
}

} // namespace
