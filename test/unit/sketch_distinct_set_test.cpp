// The set of distinct values: against std::set, over growth and wrap-around, merges of any split, and forged bytes.
#include "sketch/distinct_set.hpp"

#include "unit/vector_buffer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using etl::distinct_set;
using etl::fingerprint;
using etl::test::vector_buffer;

constexpr std::size_t header_size = 24;
constexpr std::size_t count_at = 8;
constexpr std::size_t slots_at = 16;
constexpr std::size_t zero_at = 20;

fingerprint number(std::int64_t value)
{
    return fingerprint_of(value, etl::number_kind::integer);
}

vector_buffer set_of(const std::vector<fingerprint>& values)
{
    vector_buffer buffer;
    distinct_set set{buffer};
    for (const auto value : values) {
        set.insert(value);
    }
    return buffer;
}

template <class T>
vector_buffer with(vector_buffer buffer, std::size_t at, T value)
{
    etl::store(buffer.data() + at, value);
    return buffer;
}

void expect_refused(vector_buffer forged)
{
    try {
        distinct_set::check(forged.bytes(), etl::never_poll);
        FAIL() << "forged bytes were taken";
    } catch (const etl::error& e) {
        EXPECT_STREQ(e.sqlstate(), etl::sqlstate::invalid_binary_representation);
        EXPECT_STREQ(e.what(), "invalid value for type etl.distinct_set");
    }
}

TEST(Fingerprint, NumbersOfDifferentKindsDiffer)
{
    EXPECT_NE(number(0), fingerprint_of(std::int64_t{0}, etl::number_kind::timestamptz));
    EXPECT_FALSE(number(0).is_zero());
    EXPECT_EQ(number(-1), number(-1));
}

TEST(Fingerprint, IsPartOfTheLayout)
{
    // Stored states hold these: they never change within a layout version.
    const auto text = etl::fingerprint_of(std::string_view{"0x00000000000000000000000000000000000000ff"});
    EXPECT_EQ(text, (fingerprint{0x5d957e3affb4d87b, 0x09c444daa1c5d63a}));
    const auto empty = etl::fingerprint_of(std::string_view{});
    EXPECT_EQ(empty, (fingerprint{0xc4bebee5db35fdd3, 0x0065b0696f355e57}));
    EXPECT_EQ(number(42), (fingerprint{0xa759ea27d4727622, 1}));
}

TEST(Fingerprint, EveryByteOfAUuidCounts)
{
    std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
    std::byte uuid[16] = {};
    EXPECT_TRUE(etl::fingerprint_of_uuid(uuid).is_zero()); // the one value that needs holds_zero
    for (std::byte& one : uuid) {
        for (int value = 1; value < 256; ++value) {
            one = static_cast<std::byte>(value);
            const auto print = etl::fingerprint_of_uuid(uuid);
            EXPECT_TRUE(seen.emplace(print.low, print.high).second);
        }
        one = std::byte{0};
    }
}

TEST(DistinctSet, StartsSmallAndEmpty)
{
    vector_buffer buffer;
    const distinct_set set{buffer};
    EXPECT_EQ(set.count(), 0u);
    EXPECT_EQ(buffer.size(), header_size + 6 * sizeof(fingerprint));
    distinct_set::check(buffer.bytes(), etl::never_poll);
}

TEST(DistinctSet, InsertSaysWhetherTheValueIsNew)
{
    vector_buffer buffer;
    distinct_set set{buffer};
    EXPECT_TRUE(set.insert(number(7)));
    EXPECT_FALSE(set.insert(number(7)));
    EXPECT_TRUE(set.insert(fingerprint{0, 0}));
    EXPECT_FALSE(set.insert(fingerprint{0, 0}));
    EXPECT_EQ(set.count(), 2u);
    EXPECT_TRUE(distinct_set::contains(buffer.bytes(), number(7)));
    EXPECT_TRUE(distinct_set::contains(buffer.bytes(), fingerprint{0, 0}));
    EXPECT_FALSE(distinct_set::contains(buffer.bytes(), number(8)));
}

TEST(DistinctSet, EqualsAStdSetOnRandomValues)
{
    std::mt19937_64 random{1};
    vector_buffer buffer;
    distinct_set set{buffer};
    std::set<std::int64_t> oracle;
    for (int i = 0; i < 20000; ++i) {
        const auto value = static_cast<std::int64_t>(random() % 9000);
        EXPECT_EQ(set.insert(number(value)), oracle.insert(value).second);
    }
    EXPECT_EQ(set.count(), oracle.size());
    EXPECT_EQ(distinct_set::count(buffer.bytes()), oracle.size());
    distinct_set::check(buffer.bytes(), etl::never_poll);
}

// Fingerprints chosen so that clusters are long, run over the end of the table and part when it grows.
TEST(DistinctSet, GrowsInPlaceUnderEveryCrowding)
{
    constexpr std::uint64_t last_home = distinct_set::max_slots - 1; // in a table of any size
    std::mt19937_64 random{2};
    for (int round = 0; round < 400; ++round) {
        const std::uint64_t homes = 1 + random() % 12;
        const std::uint64_t step = std::uint64_t{1} << (random() % 9);
        vector_buffer buffer;
        distinct_set set{buffer};
        std::set<std::pair<std::uint64_t, std::uint64_t>> oracle;
        for (int i = 0; i < 300; ++i) {
            const fingerprint value{last_home - random() % homes * step, 1 + random() % 200};
            EXPECT_EQ(set.insert(value), oracle.emplace(value.low, value.high).second);
        }
        ASSERT_EQ(set.count(), oracle.size());
        ASSERT_NO_THROW(distinct_set::check(buffer.bytes(), etl::never_poll));
        for (const auto& [low, high] : oracle) {
            ASSERT_TRUE(distinct_set::contains(buffer.bytes(), fingerprint{low, high}));
        }
    }
}

TEST(DistinctSet, MergeOfEverySplitCountsTheWhole)
{
    std::mt19937_64 random{3};
    std::vector<fingerprint> values{fingerprint{0, 0}};
    for (int i = 0; i < 500; ++i) {
        values.push_back(number(static_cast<std::int64_t>(random() % 300)));
    }
    const std::uint64_t whole = [&] {
        auto all = set_of(values);
        return distinct_set::count(all.bytes());
    }();
    for (std::size_t split = 0; split <= values.size(); split += 25) {
        const auto middle = values.begin() + static_cast<std::ptrdiff_t>(split);
        auto left = set_of({values.begin(), middle});
        auto right = set_of({middle, values.end()});
        const std::vector<std::byte> before{right.bytes().begin(), right.bytes().end()};
        distinct_set{left}.merge(right.bytes(), etl::never_poll);
        EXPECT_EQ(distinct_set::count(left.bytes()), whole);
        distinct_set::check(left.bytes(), etl::never_poll);
        EXPECT_TRUE(std::ranges::equal(before, right.bytes())) << "merge has changed its second argument";
    }
}

TEST(DistinctSet, MergeGrowsToWhatIsNewAndNoFurther)
{
    std::vector<fingerprint> values;
    for (int i = 0; i < 3000; ++i) {
        values.push_back(number(i));
    }
    auto one = set_of(values);
    auto same = set_of(values);
    const auto size = one.size();
    distinct_set{one}.merge(same.bytes(), etl::never_poll);
    EXPECT_EQ(one.size(), size);
    vector_buffer empty;
    distinct_set{empty}.merge(same.bytes(), etl::never_poll);
    EXPECT_EQ(empty.size(), size);
}

TEST(DistinctSet, MergeIsStoppedByThePoll)
{
    std::vector<fingerprint> values;
    for (int i = 0; i < 10000; ++i) {
        values.push_back(number(i));
    }
    auto from = set_of(values);
    vector_buffer into;
    distinct_set set{into};
    const auto stop = [] { throw etl::error("57014", "canceling"); };
    EXPECT_THROW(set.merge(from.bytes(), stop), etl::error);
    EXPECT_THROW(distinct_set::check(from.bytes(), stop), etl::error);
}

TEST(DistinctSet, RefusesForgedBytes)
{
    std::vector<fingerprint> values;
    for (int i = 0; i < 20; ++i) {
        values.push_back(number(i));
    }
    const auto good = set_of(values);
    ASSERT_EQ(good.size(), header_size + 48 * sizeof(fingerprint));

    expect_refused(vector_buffer{});
    for (const std::size_t size : {1ul, 7ul, 8ul, 23ul, 24ul, good.size() - 1, good.size() + 16, good.size() * 2}) {
        auto cut = good;
        cut.resize(size);
        expect_refused(cut);
    }
    expect_refused(with(good, 0, std::uint32_t{0}));
    expect_refused(with(good, 4, std::uint32_t{2}));
    for (const std::uint32_t slots : {0u, 1u, 3u, 24u, 47u, 49u, 64u, 96u, 0x80000000u, 0xffffffffu}) {
        expect_refused(with(good, slots_at, slots));
    }
    for (const std::uint64_t count : {std::uint64_t{0}, std::uint64_t{19}, std::uint64_t{21}, ~std::uint64_t{0}}) {
        expect_refused(with(good, count_at, count));
    }
    expect_refused(with(good, zero_at, 1u)); // one value more than counted
    expect_refused(with(good, zero_at, 2u));
}

TEST(DistinctSet, RefusesForgedSlots)
{
    vector_buffer buffer;
    const distinct_set set{buffer};
    const auto slot = [](std::size_t i) { return header_size + i * sizeof(fingerprint); };
    const auto counted = with(buffer, count_at, std::uint64_t{2});
    const fingerprint at_home_in_1{1, 5};

    distinct_set::check(with(with(counted, slot(1), at_home_in_1), slot(2), fingerprint{1, 6}).bytes(),
                        etl::never_poll);
    expect_refused(with(with(counted, slot(1), at_home_in_1), slot(2), at_home_in_1));      // twice
    expect_refused(with(with(counted, slot(1), at_home_in_1), slot(3), fingerprint{1, 6})); // behind a gap
    auto full = with(buffer, count_at, std::uint64_t{6});
    for (std::size_t i = 0; i < 6; ++i) {
        full = with(full, slot(i), fingerprint{i, 9});
    }
    expect_refused(full); // a search would never end
    expect_refused(with(full, count_at, std::uint64_t{4}));
}

} // namespace
