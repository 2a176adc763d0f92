#include "sketch/sorted_runs.hpp"

#include "unit/memory_run_store.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <vector>

namespace {

using etl::fingerprint;
using etl::sorted_runs;
using etl::test::counting_memory;
using etl::test::memory_run_store;

template <class Key>
Key key_from(std::uint64_t number);
template <>
fingerprint key_from<fingerprint>(std::uint64_t number)
{
    return {etl::detail::mix64(number), number % 3};
}
template <>
std::uint64_t key_from<std::uint64_t>(std::uint64_t number)
{
    return number;
}

template <class Key>
struct by_order {
    bool operator()(const Key& a, const Key& b) const { return etl::is_before(a, b); }
};
template <class Key>
using counted = std::map<Key, std::uint64_t, by_order<Key>>;

// What the runs hold, after each() has been checked to ascend.
template <class Key>
counted<Key> content(sorted_runs<Key>& runs)
{
    counted<Key> found;
    runs.each([&](const auto& entry) {
        EXPECT_TRUE(found.empty() || etl::is_before(found.rbegin()->first, entry.key));
        EXPECT_GT(entry.rows, 0U);
        found.emplace_hint(found.end(), entry.key, entry.rows);
    });
    return found;
}

std::pmr::vector<std::byte> flat(auto& runs)
{
    std::pmr::vector<std::byte> bytes;
    etl::byte_writer to{bytes};
    runs.write(to);
    EXPECT_EQ(bytes.size(), runs.flat_size());
    return bytes;
}

template <class Key>
void read(sorted_runs<Key>& runs, std::span<const std::byte> bytes)
{
    etl::byte_reader from{bytes, "etl.test"};
    runs.read(from);
    from.expect_end();
}

template <class Key>
class SortedRuns : public testing::Test {
};
using keys = testing::Types<fingerprint, std::uint64_t>;
TYPED_TEST_SUITE(SortedRuns, keys);

TYPED_TEST(SortedRuns, OfNothing)
{
    counting_memory memory;
    sorted_runs<TypeParam> runs{&memory};
    EXPECT_EQ(runs.rows(), 0U);
    EXPECT_TRUE(content(runs).empty());
    EXPECT_EQ(memory.now(), runs.memory_bytes());
    sorted_runs<TypeParam> copy{&memory};
    read(copy, flat(runs));
    copy.merge(runs);
    EXPECT_EQ(copy.rows(), 0U);
}

TYPED_TEST(SortedRuns, CountsTheRowsOfEachKey)
{
    sorted_runs<TypeParam> runs{std::pmr::new_delete_resource()};
    runs.add(key_from<TypeParam>(7));
    runs.add(key_from<TypeParam>(0), 3);
    runs.add(key_from<TypeParam>(7));
    runs.add(key_from<TypeParam>(9));
    runs.add(key_from<TypeParam>(9), 0);
    const counted<TypeParam> expected{
        {key_from<TypeParam>(0), 3}, {key_from<TypeParam>(7), 2}, {key_from<TypeParam>(9), 1}};
    EXPECT_EQ(content(runs), expected);
    EXPECT_EQ(content(runs), expected); // reading changes nothing
    EXPECT_EQ(runs.rows(), 6U);
    runs.add(key_from<TypeParam>(9), 5);
    EXPECT_EQ(content(runs).at(key_from<TypeParam>(9)), 6U);
}

TYPED_TEST(SortedRuns, EndsAWalkThatHasSeenEnough)
{
    sorted_runs<TypeParam> runs{std::pmr::new_delete_resource()};
    for (int i = 0; i < 5000; ++i) {
        runs.add(key_from<TypeParam>(static_cast<std::uint64_t>(i)));
    }
    int seen = 0;
    runs.each([&](const auto&) { return ++seen < 700; });
    EXPECT_EQ(seen, 700);
}

// Random keys of `distinct` values in several parts, each read back or merged, against a map.
template <class Key>
void compare_with_map(std::mt19937_64& random, std::size_t rows, std::uint64_t distinct, std::size_t budget)
{
    memory_run_store store;
    counting_memory memory;
    counted<Key> expected;
    {
        sorted_runs<Key> whole{&memory, budget, &store};
        const std::size_t parts = 1 + random() % 4;
        for (std::size_t part = 0; part < parts; ++part) {
            sorted_runs<Key> some{&memory, budget, &store};
            const std::uint64_t spread = 1 + random() % distinct;
            for (std::size_t i = 0; i < rows; ++i) {
                const Key key = key_from<Key>(random() % spread);
                const std::uint64_t of_key = random() % 50 == 0 ? random() % 4 : 1;
                of_key == 1 ? some.add(key) : some.add(key, of_key);
                if (of_key > 0) {
                    expected[key] += of_key;
                }
            }
            switch (random() % 4) {
            case 0:
                some.settle();
                break;
            case 1:
                some.spill();
                break;
            case 2: {
                sorted_runs<Key> copy{&memory, budget, &store};
                read(copy, flat(some));
                whole.merge(copy);
                continue;
            }
            default:
                break;
            }
            whole.merge(some);
        }
        std::uint64_t all = 0;
        for (const auto& [key, of_key] : expected) {
            all += of_key;
        }
        ASSERT_EQ(whole.rows(), all);
        ASSERT_EQ(content(whole), expected);
        sorted_runs<Key> copy{&memory, budget, &store};
        read(copy, flat(whole));
        ASSERT_EQ(copy.rows(), all);
        ASSERT_EQ(content(copy), expected);
    }
    ASSERT_EQ(memory.now(), 0U);
}

TYPED_TEST(SortedRuns, HoldWhatWasAddedHoweverItCame)
{
    std::mt19937_64 random{7};
    for (int i = 0; i < 150; ++i) {
        const std::size_t rows = random() % (i % 10 == 0 ? 60000 : 3000);
        const std::uint64_t distinct = std::uint64_t{1} << random() % 40;
        const std::size_t budget = i % 5 == 0 ? sorted_runs<TypeParam>::no_budget : 1000 + random() % 100000;
        compare_with_map<TypeParam>(random, rows, distinct, budget);
        ASSERT_FALSE(this->HasFailure()) << "round " << i;
    }
}

TYPED_TEST(SortedRuns, StayWithinTwiceTheBudget)
{
    constexpr std::size_t budget = 1 << 20;
    constexpr std::uint64_t rows = 500'000;
    std::mt19937_64 random{7};
    for (const std::uint64_t distinct : {rows * 1000, rows, rows / 2, rows / 10, rows / 50}) {
        memory_run_store store;
        counting_memory memory;
        sorted_runs<TypeParam> runs{&memory, budget, &store};
        for (std::uint64_t i = 0; i < rows; ++i) {
            runs.add(key_from<TypeParam>(i % 2 == 0 ? i % distinct : random() % distinct));
        }
        EXPECT_LE(memory.most(), 2 * budget + 65536) << distinct;
        std::uint64_t found = 0;
        runs.each([&](const auto& entry) { found += entry.rows; });
        EXPECT_EQ(found, rows);
        EXPECT_LE(memory.most(), 2 * budget + 65536 + store.files() * 16384) << distinct;
    }
}

TYPED_TEST(SortedRuns, OfFewValuesStaySmall)
{
    counting_memory memory;
    sorted_runs<TypeParam> runs{&memory};
    for (std::uint64_t i = 0; i < 1'000'000; ++i) {
        runs.add(key_from<TypeParam>(i % 100));
    }
    EXPECT_LE(memory.most(), 100'000U);
    EXPECT_EQ(content(runs).size(), 100U);
}

TYPED_TEST(SortedRuns, MergeManySmallRunsIntoOne)
{
    memory_run_store store;
    std::uint64_t expected = 0;
    sorted_runs<TypeParam> runs{std::pmr::new_delete_resource(), 2000, &store};
    for (std::uint64_t i = 0; i < 700'000; ++i) {
        runs.add(key_from<TypeParam>(etl::detail::mix64(i)));
        ++expected;
    }
    EXPECT_LT(store.files(), 300U);
    std::uint64_t found = 0;
    runs.each([&](const auto& entry) { found += entry.rows; });
    EXPECT_EQ(found, expected);
}

// As parallel workers do: their runs stay where they are, and only their names travel.
TYPED_TEST(SortedRuns, PassTheirRunsOnByReference)
{
    memory_run_store store;
    sorted_runs<TypeParam> worker{std::pmr::new_delete_resource(), 100'000, &store};
    for (std::uint64_t i = 0; i < 50'000; ++i) {
        worker.add(key_from<TypeParam>(i));
    }
    worker.spill();
    EXPECT_TRUE(worker.has_runs());
    const auto bytes = flat(worker);
    EXPECT_LT(bytes.size(), 1000U);

    sorted_runs<TypeParam> leader{std::pmr::new_delete_resource(), 100'000, &store};
    read(leader, bytes);
    leader.merge(worker);
    std::uint64_t twice = 0;
    leader.each([&](const auto& entry) { twice += entry.rows == 2; });
    EXPECT_EQ(twice, 50'000U);

    sorted_runs<TypeParam> elsewhere{std::pmr::new_delete_resource()};
    EXPECT_THROW(read(elsewhere, bytes), etl::error);
    sorted_runs<TypeParam> without{std::pmr::new_delete_resource()};
    EXPECT_THROW(without.merge(worker), etl::error);
}

TYPED_TEST(SortedRuns, SpillNothingWithoutAStore)
{
    sorted_runs<TypeParam> runs{std::pmr::new_delete_resource()};
    runs.add(key_from<TypeParam>(1));
    runs.spill();
    EXPECT_FALSE(runs.has_runs());
    EXPECT_EQ(content(runs).size(), 1U);
}

TYPED_TEST(SortedRuns, AreStoppedByThePoll)
{
    struct stop {};
    sorted_runs<TypeParam> runs{std::pmr::new_delete_resource(), sorted_runs<TypeParam>::no_budget, nullptr,
                                [] { throw stop{}; }};
    const auto add_many = [&] {
        for (std::uint64_t i = 0; i < 100'000; ++i) {
            runs.add(key_from<TypeParam>(etl::detail::mix64(i)));
        }
    };
    EXPECT_THROW(add_many(), stop);
}

// Between two polls lie no more keys than some tenths of a millisecond take.
TYPED_TEST(SortedRuns, SortWithManyPolls)
{
    static std::uint64_t polls = 0;
    constexpr std::uint64_t many = 1'000'000;
    const auto polls_of = [&](auto number_of) {
        std::vector<TypeParam> keys;
        for (std::uint64_t i = 0; i < many; ++i) {
            keys.push_back(key_from<TypeParam>(number_of(i)));
        }
        polls = 0;
        etl::sort_keys(std::span{keys}, [] { ++polls; });
        EXPECT_TRUE(etl::is_ascending(std::span<const TypeParam>{keys}, etl::never_poll));
        return polls;
    };
    EXPECT_GT(polls_of([](std::uint64_t i) { return etl::detail::mix64(i); }), 100U) << "spread";
    EXPECT_GT(polls_of([](std::uint64_t i) { return i % 2; }), 100U) << "of two values";
    EXPECT_GT(polls_of([](std::uint64_t) { return 1; }), 10U) << "of one value";
}

TYPED_TEST(SortedRuns, RefuseADamagedRun)
{
    memory_run_store store;
    sorted_runs<TypeParam> runs{std::pmr::new_delete_resource(), 100'000, &store};
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        runs.add(key_from<TypeParam>(i));
    }
    runs.spill();
    etl::store(store.file(1).data(), std::uint32_t{100'000});
    EXPECT_THROW(runs.each([](const auto&) {}), etl::error);
    etl::store(store.file(1).data(), std::uint64_t{0});
    EXPECT_THROW(runs.each([](const auto&) {}), etl::error);
}

TYPED_TEST(SortedRuns, SurviveAnyDamageOfARun)
{
    std::mt19937_64 random{3};
    for (int i = 0; i < 2000; ++i) {
        memory_run_store store;
        sorted_runs<TypeParam> runs{std::pmr::new_delete_resource(), 100'000, &store};
        for (std::uint64_t j = 0; j < 600; ++j) {
            runs.add(key_from<TypeParam>(j % 400));
        }
        runs.spill();
        auto& bytes = store.file(1);
        bytes[random() % bytes.size()] ^= static_cast<std::byte>(1 + random() % 255);
        bytes[random() % 8] ^= static_cast<std::byte>(random() % 4);
        try {
            runs.each([](const auto&) {});
        } catch (const etl::error&) { // it was the head of a block
        }
    }
}

// rows in runs, runs, single keys, several
template <class Key>
std::pmr::vector<std::byte> forged(std::uint64_t in_runs, std::vector<etl::run> runs, std::vector<std::uint64_t> single,
                                   std::vector<std::pair<std::uint64_t, std::uint64_t>> several)
{
    std::pmr::vector<std::byte> bytes;
    etl::byte_writer to{bytes};
    const auto key = [](std::uint64_t number) {
        if constexpr (sizeof(Key) == 8) {
            return number;
        } else {
            return fingerprint{number, 0};
        }
    };
    to.value(in_runs);
    to.count(runs.size());
    to.values(std::span<const etl::run>{runs});
    to.count(single.size());
    for (const auto number : single) {
        to.value(Key{key(number)});
    }
    to.count(several.size());
    for (const auto& [number, rows] : several) {
        to.value(Key{key(number)});
        to.value(rows);
    }
    return bytes;
}

TYPED_TEST(SortedRuns, RefuseForgedBytes)
{
    const auto refused = [](const std::pmr::vector<std::byte>& bytes) {
        sorted_runs<TypeParam> runs{std::pmr::new_delete_resource()};
        try {
            read(runs, bytes);
        } catch (const etl::error& e) {
            return std::string_view{e.sqlstate()} == etl::sqlstate::invalid_binary_representation;
        }
        return false;
    };
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    EXPECT_FALSE(refused(forged<TypeParam>(0, {}, {1, 2, 5}, {{0, 2}, {3, 7}})));
    EXPECT_TRUE(refused(forged<TypeParam>(0, {}, {2, 1}, {})));
    EXPECT_TRUE(refused(forged<TypeParam>(0, {}, {1, 1}, {})));
    EXPECT_TRUE(refused(forged<TypeParam>(0, {}, {}, {{2, 2}, {1, 2}})));
    EXPECT_TRUE(refused(forged<TypeParam>(0, {}, {}, {{2, 2}, {2, 2}})));
    EXPECT_TRUE(refused(forged<TypeParam>(0, {}, {}, {{2, 1}})));
    EXPECT_TRUE(refused(forged<TypeParam>(0, {}, {}, {{2, 0}})));
    EXPECT_TRUE(refused(forged<TypeParam>(0, {}, {2}, {{2, 2}})));
    EXPECT_TRUE(refused(forged<TypeParam>(0, {}, {1}, {{2, most}})));
    EXPECT_TRUE(refused(forged<TypeParam>(0, {}, {}, {{2, most}, {3, most}})));
    EXPECT_TRUE(refused(forged<TypeParam>(5, {}, {}, {})));
    EXPECT_TRUE(refused(forged<TypeParam>(5, {{1, 1}}, {}, {})));
    EXPECT_TRUE(refused(forged<TypeParam>(0, {{1, 1}}, {}, {})));
    auto bytes = forged<TypeParam>(0, {}, {1, 2, 5}, {{0, 2}, {3, 7}});
    while (!bytes.empty()) {
        bytes.pop_back();
        EXPECT_TRUE(refused(bytes)) << bytes.size();
    }
}

TYPED_TEST(SortedRuns, SortKeysOfEveryShape)
{
    std::mt19937_64 random{11};
    for (int i = 0; i < 200; ++i) {
        std::vector<TypeParam> sorted(random() % (i % 20 == 0 ? 100'000 : 500));
        const auto mask = random() & random();
        const auto shift = random() % 64;
        for (auto& key : sorted) {
            if constexpr (sizeof(TypeParam) == 8) {
                key = (random() & mask) << shift;
            } else {
                key = {(random() & mask) << shift, random() % 4};
            }
        }
        auto expected = sorted;
        std::sort(expected.begin(), expected.end(), by_order<TypeParam>{});
        etl::sort_keys(std::span{sorted}, etl::never_poll);
        ASSERT_EQ(sorted, expected);
    }
}

TEST(KeyOrder, SortsKeysOfHalfTheSize)
{
    std::mt19937_64 random{12};
    for (const std::uint64_t mask : {0xffffffffU, 0xff00U, 3U, 0x80000001U, 0U}) {
        std::vector<std::uint32_t> sorted(50'000);
        for (auto& key : sorted) {
            key = static_cast<std::uint32_t>(random() & mask);
        }
        auto expected = sorted;
        std::sort(expected.begin(), expected.end());
        etl::sort_keys(std::span{sorted}, etl::never_poll);
        ASSERT_EQ(sorted, expected);
    }
}

TEST(KeyOrder, OfDoublesIsTheNumbers)
{
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const std::vector<double> ascending{-infinity, -1e300, -1.5, -1e-320, 0.0, 1e-320, 1.5, 1e300, infinity, NAN};
    for (std::size_t i = 1; i < ascending.size(); ++i) {
        EXPECT_LT(etl::key_of(ascending[i - 1]), etl::key_of(ascending[i]));
    }
    for (const double value : ascending) {
        const double back = etl::double_of_key(etl::key_of(value));
        EXPECT_TRUE(back == value || (std::isnan(back) && std::isnan(value)));
    }
    EXPECT_EQ(etl::key_of(-0.0), etl::key_of(0.0));
    EXPECT_LT(etl::key_of(std::int64_t{-5}), etl::key_of(std::int64_t{3}));
    EXPECT_EQ(etl::integer_of_key(etl::key_of(std::int64_t{-5})), -5);
}

} // namespace
