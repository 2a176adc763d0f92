// Sets of distinct values: flat and growing, against std::set; merges of any split, set operations, forged bytes.
#include "sketch/distinct_set.hpp"
#include "sketch/distinct_set_growing.hpp"
#include "sketch/distinct_set_sort.hpp"

#include "unit/vector_buffer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory_resource>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using etl::distinct_set;
using etl::fingerprint;
using etl::growing_set;
using etl::set_kind;
using etl::set_operation;
using etl::test::vector_buffer;

constexpr set_kind numbers{20, 8, false};
constexpr set_kind texts{25, 16, false};
constexpr std::size_t width_at = 12;
constexpr std::size_t flags_at = 13;
constexpr std::size_t unused_at = 14;

struct ascending {
    template <class Entry>
    bool operator()(const Entry& left, const Entry& right) const
    {
        return etl::precedes(left, right);
    }
};

const etl::set_surroundings in{*std::pmr::new_delete_resource(), etl::never_poll};

// A growing set whose memory is given back at the end: it lies in a resource of its own, as it does in a context.
class scoped_set {
  public:
    explicit scoped_set(const set_kind& kind) : set{kind} {}
    std::pmr::monotonic_buffer_resource memory;
    etl::set_surroundings in{memory, etl::never_poll};
    growing_set set;

    vector_buffer flat()
    {
        vector_buffer made;
        made.resize(set.flat_size(in));
        set.write(made.data(), in.poll);
        return made;
    }
    vector_buffer closed()
    {
        set.close(in);
        return flat();
    }
};

// An entry that a number stands for.
template <class Entry>
Entry entry_of(std::uint64_t number);
template <>
std::uint64_t entry_of(std::uint64_t number)
{
    return etl::spread(number);
}
template <>
fingerprint entry_of(std::uint64_t number)
{
    return {etl::spread(number / 3), number}; // three share each low half
}

template <class Entry>
constexpr set_kind kind_of = sizeof(Entry) == 8 ? numbers : texts;

template <class Entry>
vector_buffer set_of(const std::vector<Entry>& entries)
{
    scoped_set made{kind_of<Entry>};
    for (const Entry& entry : entries) {
        made.set.add(entry, made.in);
    }
    return made.closed();
}

template <class Entry>
vector_buffer set_of_all(const std::set<Entry, ascending>& entries)
{
    return set_of(std::vector<Entry>{entries.begin(), entries.end()});
}

template <class Entry>
std::vector<Entry> drawn(std::mt19937_64& random, std::size_t count, std::uint64_t below)
{
    std::vector<Entry> made;
    for (std::size_t i = 0; i < count; ++i) {
        made.push_back(entry_of<Entry>(random() % below));
    }
    return made;
}

bool are_equal(vector_buffer left, vector_buffer right)
{
    return std::ranges::equal(left.bytes(), right.bytes());
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

void stop()
{
    throw etl::error("57014", "canceling");
}

TEST(Fingerprint, IsPartOfTheLayout)
{
    // Stored states hold these: they never change within a layout version.
    const auto text = etl::fingerprint_of(std::string_view{"0x00000000000000000000000000000000000000ff"});
    EXPECT_EQ(text, (fingerprint{0x5d957e3affb4d87b, 0x09c444daa1c5d63a}));
    const auto empty = etl::fingerprint_of(std::string_view{});
    EXPECT_EQ(empty, (fingerprint{0xc4bebee5db35fdd3, 0x0065b0696f355e57}));
    EXPECT_EQ(etl::spread(42), 0xa759ea27d4727622);
    EXPECT_EQ(etl::spread(0), 0u);
}

TEST(Fingerprint, EveryByteOfAUuidCounts)
{
    std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
    std::byte uuid[16] = {};
    for (std::byte& one : uuid) {
        for (int value = 1; value < 256; ++value) {
            one = static_cast<std::byte>(value);
            const auto print = etl::fingerprint_of_uuid(uuid);
            EXPECT_TRUE(seen.emplace(print.low, print.high).second);
        }
        one = std::byte{0};
    }
}

template <class Entry>
class Entries : public testing::Test {
};
using entry_types = testing::Types<std::uint64_t, fingerprint>;
TYPED_TEST_SUITE(Entries, entry_types);

// Every way through the sorter: a few, one pass, two, parted in place first.
TYPED_TEST(Entries, AreSortedAndDistinctWhateverTheirNumber)
{
    std::mt19937_64 random{1};
    for (const std::size_t count : {0ul, 1ul, 2ul, 24ul, 25ul, 100ul, 8191ul, 8192ul, 70'000ul}) {
        const auto entries = drawn<TypeParam>(random, count, count * 3 / 4 + 1);
        auto expected = entries;
        std::ranges::sort(expected, ascending{});
        expected.erase(std::unique(expected.begin(), expected.end()), expected.end());

        for (const std::size_t scratch : {std::size_t{1024}, etl::usual_scratch}) {
            auto sorted = entries;
            sorted.resize(etl::sort_distinct(std::span{sorted}, in.memory, in.poll, scratch));
            EXPECT_TRUE(sorted == expected) << count;
            auto kept = entries;
            kept.resize(etl::drop_repeated(std::span{kept}, in.memory, in.poll, scratch));
            std::ranges::sort(kept, ascending{});
            EXPECT_TRUE(kept == expected) << count;
        }
    }
}

TYPED_TEST(Entries, ThatShareTheirLeadingBitsAreSortedToo)
{
    std::mt19937_64 random{2};
    for (const std::size_t count : {1'000ul, 50'000ul}) {
        std::vector<TypeParam> entries;
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint64_t chosen = 0xabcdef0000000000 | random() % count;
            if constexpr (sizeof(TypeParam) == 8) {
                entries.push_back(chosen);
            } else {
                entries.push_back({7, chosen});
            }
        }
        const std::set<TypeParam, ascending> oracle{entries.begin(), entries.end()};
        auto kept = entries;
        EXPECT_EQ(etl::drop_repeated(std::span{kept}, in.memory, in.poll), oracle.size());
        entries.resize(etl::sort_distinct(std::span{entries}, in.memory, in.poll));
        EXPECT_TRUE(std::ranges::equal(entries, oracle));
    }
}

TYPED_TEST(Entries, OfOneValueAreOneEntry)
{
    std::vector<TypeParam> entries(20'000, entry_of<TypeParam>(5));
    EXPECT_EQ(etl::sort_distinct(std::span{entries}, in.memory, in.poll, 1024), 1u);
}

TYPED_TEST(Entries, AreSortedUntilThePollStopsIt)
{
    std::mt19937_64 random{3};
    auto entries = drawn<TypeParam>(random, 200'000, 1'000'000'000);
    EXPECT_THROW(etl::sort_distinct(std::span{entries}, in.memory, stop), etl::error);
    EXPECT_THROW(etl::drop_repeated(std::span{entries}, in.memory, stop), etl::error);
}

TYPED_TEST(Entries, GrowLikeAStdSet)
{
    std::mt19937_64 random{4};
    for (const std::uint64_t below : {1ul, 3ul, 10ul, 300ul, 20'000ul}) {
        scoped_set grown{kind_of<TypeParam>};
        std::set<TypeParam, ascending> oracle;
        for (int i = 0; i < 5'000; ++i) {
            const auto entry = entry_of<TypeParam>(random() % below);
            grown.set.add(entry, grown.in);
            oracle.insert(entry);
            EXPECT_LE(grown.set.flat_size(grown.in), 16 + (6 * oracle.size() + 40) * sizeof(TypeParam));
        }
        auto open = grown.flat();
        const distinct_set read_open{open.bytes()};
        EXPECT_TRUE(read_open.contains(*oracle.begin(), in.poll));
        EXPECT_EQ(grown.set.count(grown.in), oracle.size());
        auto flat = grown.closed();
        const distinct_set read{flat.bytes()};
        ASSERT_EQ(read.entries(), oracle.size());
        EXPECT_FALSE(read.is_open());
        std::size_t i = 0;
        for (const TypeParam& entry : oracle) {
            EXPECT_EQ(read.entry<TypeParam>(i++), entry);
        }
        EXPECT_NO_THROW(distinct_set::check(flat.bytes(), etl::never_poll));
    }
}

// As under a window function: counted after every value, then closed, then counted on.
TYPED_TEST(Entries, AreCountedAfterEveryOne)
{
    std::mt19937_64 random{5};
    scoped_set grown{kind_of<TypeParam>};
    std::set<TypeParam, ascending> oracle;
    for (int i = 0; i < 9'000; ++i) {
        const auto entry = entry_of<TypeParam>(random() % 3'000);
        grown.set.add(entry, grown.in);
        oracle.insert(entry);
        ASSERT_EQ(grown.set.count(grown.in), oracle.size());
        if (i % 2'000 == 0) {
            EXPECT_TRUE(are_equal(grown.closed(), set_of_all(oracle)));
        }
    }
}

TYPED_TEST(Entries, OfAnySplitMergeIntoTheWhole)
{
    std::mt19937_64 random{6};
    const auto entries = drawn<TypeParam>(random, 5'000, 3'000);
    const auto whole = set_of(entries);
    for (std::size_t split = 0; split <= entries.size(); split += 1'000) {
        const auto middle = entries.begin() + static_cast<std::ptrdiff_t>(split);
        auto left = set_of(std::vector<TypeParam>{entries.begin(), middle});
        scoped_set right{kind_of<TypeParam>}; // handed on open, as a worker does
        for (auto at = middle; at != entries.end(); ++at) {
            right.set.add(*at, right.in);
        }
        auto open = right.flat();
        scoped_set merged{kind_of<TypeParam>};
        merged.set.add_all(distinct_set{left.bytes()}, merged.in);
        merged.set.add_all(distinct_set{open.bytes()}, merged.in);
        EXPECT_TRUE(are_equal(merged.closed(), whole)) << split;
    }
}

TYPED_TEST(Entries, AreUnitedIntersectedAndSubtracted)
{
    std::mt19937_64 random{7};
    for (const std::size_t count : {0ul, 1ul, 10ul, 2'000ul}) {
        const auto one = drawn<TypeParam>(random, count, 3'000);
        const auto two = drawn<TypeParam>(random, 1'500, 3'000);
        const std::set<TypeParam, ascending> left{one.begin(), one.end()};
        const std::set<TypeParam, ascending> right{two.begin(), two.end()};
        auto left_bytes = set_of_all(left);
        auto right_bytes = set_of_all(right);
        const auto expect = [&](set_operation operation, auto&& by_std) {
            std::set<TypeParam, ascending> expected;
            by_std(left.begin(), left.end(), right.begin(), right.end(), std::inserter(expected, expected.end()),
                   ascending{});
            vector_buffer made;
            combine_sets(operation, distinct_set{left_bytes.bytes()}, distinct_set{right_bytes.bytes()}, made, in.poll);
            EXPECT_TRUE(are_equal(made, set_of_all(expected)));
        };
        expect(set_operation::unite, [](auto... x) { std::set_union(x...); });
        expect(set_operation::intersect, [](auto... x) { std::set_intersection(x...); });
        expect(set_operation::subtract, [](auto... x) { std::set_difference(x...); });
        for (const TypeParam& entry : two) {
            const distinct_set read{left_bytes.bytes()};
            EXPECT_EQ(read.contains(entry, in.poll), left.contains(entry));
        }
    }
}

// A union is refused for what it has, not for what both operands have.
TYPED_TEST(Entries, AreUnitedAsFarAsTheUnionHasRoom)
{
    std::mt19937_64 random{9};
    const auto entries = drawn<TypeParam>(random, 100, 1'000'000);
    const std::set<TypeParam, ascending> all{entries.begin(), entries.end()};
    auto bytes = set_of_all(all);
    const distinct_set set{bytes.bytes()};
    const std::size_t size = set.entry_bytes().size();
    vector_buffer made;
    combine_sets(set_operation::unite, set, set, made, in.poll, size);
    EXPECT_TRUE(are_equal(made, bytes));
    vector_buffer refused;
    EXPECT_THROW(combine_sets(set_operation::unite, set, set, refused, in.poll, size - 1), etl::error);
    EXPECT_EQ(refused.size(), 0u);
}

TEST(DistinctSet, TakesEightOrSixteenBytesAValue)
{
    EXPECT_EQ(set_of<std::uint64_t>({1, 2, 2, 3}).size(), 16u + 3 * 8);
    EXPECT_EQ(set_of<fingerprint>({{1, 2}, {1, 2}, {1, 3}}).size(), 16u + 2 * 16);
}

TEST(DistinctSet, TellsItsCountByItsFront)
{
    auto closed = set_of<std::uint64_t>({1, 2, 3});
    EXPECT_EQ(distinct_set::closed_count(closed.bytes().first(16), closed.size()), 3);
    scoped_set open{numbers};
    open.set.add(std::uint64_t{1}, open.in);
    auto flat = open.flat();
    EXPECT_EQ(distinct_set::closed_count(flat.bytes(), flat.size()), -1);
}

TEST(DistinctSet, KeepsItsKind)
{
    scoped_set made{{25, 16, true}};
    made.set.add(fingerprint{1, 2}, made.in);
    auto flat = made.closed();
    EXPECT_EQ(distinct_set{flat.bytes()}.kind(), (set_kind{25, 16, true}));
    EXPECT_NE(distinct_set{flat.bytes()}.kind(), texts);
}

TEST(DistinctSet, IsStoppedByThePoll)
{
    std::mt19937_64 random{8};
    auto large = set_of(drawn<std::uint64_t>(random, 20'000, 1'000'000));
    const distinct_set read{large.bytes()};
    vector_buffer made;
    EXPECT_THROW(combine_sets(set_operation::unite, read, read, made, stop), etl::error);
    EXPECT_THROW(distinct_set::check(large.bytes(), stop), etl::error);
}

TEST(DistinctSet, RefusesForgedBytes)
{
    const auto good = set_of<std::uint64_t>({1, 2, 3});
    const auto wide = set_of<fingerprint>({{1, 2}, {1, 3}});
    EXPECT_NO_THROW(distinct_set::check(set_of<std::uint64_t>({1, 2, 3}).bytes(), etl::never_poll));

    expect_refused(vector_buffer{});
    for (const std::size_t size : {1ul, 7ul, 8ul, 15ul, good.size() - 1, good.size() + 7}) {
        auto cut = good;
        cut.resize(size);
        expect_refused(cut);
    }
    expect_refused(with(good, 0, std::uint32_t{0}));
    expect_refused(with(good, 4, std::uint32_t{2}));
    for (const std::uint8_t width : {0, 1, 4, 7, 9, 15, 17, 24, 255}) {
        expect_refused(with(good, width_at, width));
    }
    expect_refused(with(good, flags_at, std::uint8_t{4}));
    expect_refused(with(good, unused_at, std::uint16_t{1}));
    expect_refused(with(good, 16, std::uint64_t{2})); // twice
    expect_refused(with(good, 16, std::uint64_t{9})); // not in order
    expect_refused(with(wide, 16 + 8, std::uint64_t{3}));
    expect_refused(with(wide, 16, std::uint64_t{2}));
    EXPECT_NO_THROW(distinct_set::check(with(with(good, 16, std::uint64_t{9}), flags_at, std::uint8_t{1}).bytes(),
                                        etl::never_poll)); // an open set has any order
}

} // namespace
