// Distinct values by key, set aside in parts: against std::set, in any number of processes and with little room.
#include "sketch/distinct_per_key.hpp"

#include "memory_run_store.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <tuple>

namespace {

using etl::fingerprint;

fingerprint print_of(std::uint64_t value)
{
    return {etl::detail::mix64(value), etl::detail::mix64(value + 0x9e3779b97f4a7c15)};
}

// One scanning process: its own buffers, files that all share.
struct scanner {
    scanner(etl::run_store& store, etl::run_store& values_store, std::size_t value_words, bool look_alike,
            std::size_t remembered)
        : key_rows{std::pmr::get_default_resource(), store}, value_rows{std::pmr::get_default_resource(), values_store},
          keys{std::pmr::get_default_resource(), key_rows, remembered, look_alike}, values{value_rows, value_words}
    {
    }

    // A key's words are its number, and what follows.
    void key(std::uint64_t number, std::size_t more, std::uint64_t look)
    {
        std::uint64_t* to = keys.room(1 + more);
        to[0] = number;
        std::fill_n(to + 1, more, look);
        keys.add(print_of(number));
    }
    void value(std::uint64_t key, std::size_t column, std::uint64_t value)
    {
        values.add(print_of(key), column, print_of(value));
    }

    const etl::part_chunks& finish_keys()
    {
        keys.finish();
        return key_rows.finish();
    }

    etl::part_writer key_rows;
    etl::part_writer value_rows;
    etl::key_parts keys;
    etl::value_parts values;
};

// Two stores whose runs are read by one: files of the second have other names.
struct shared_files final : etl::run_store {
    void append(std::span<const std::byte>) override { throw std::logic_error{"only read"}; }
    etl::run finish() override { throw std::logic_error{"only read"}; }
    void read(const etl::run& from, std::uint64_t offset, std::span<std::byte> to) override
    {
        (from.file < 1000 ? keys : values).read({from.file % 1000, from.bytes}, offset, to);
    }
    void remove(const etl::run&) override {}
    void close() noexcept override {}

    void gather(scanner& from, etl::parted_values& to) const
    {
        const auto& of_keys = from.finish_keys();
        to.keys.insert(to.keys.end(), of_keys.begin(), of_keys.end());
        for (etl::part_chunk chunk : from.value_rows.finish()) {
            chunk.from.file += 1000;
            to.values.push_back(chunk);
        }
    }

    etl::test::memory_run_store keys;
    etl::test::memory_run_store values;
};

using counts = std::map<std::uint64_t, std::vector<std::uint64_t>>;

counts counted(shared_files& files, const etl::parted_values& from, std::size_t columns, std::size_t budget)
{
    counts made;
    etl::distinct_counts rows{std::pmr::get_default_resource(), files, from, columns, budget, etl::never_poll};
    for (auto found = rows.next(); found; found = rows.next()) {
        EXPECT_FALSE(made.contains(found->key[0]));
        made[found->key[0]] = {found->counts.begin(), found->counts.end()};
    }
    return made;
}

class distinct_per_key : public testing::TestWithParam<std::tuple<std::size_t, std::size_t, std::size_t>> {};

// Value words, bytes for keys that are remembered, bytes for values that are held at once.
INSTANTIATE_TEST_SUITE_P(Rooms, distinct_per_key,
                         testing::Combine(testing::Values(1, 2), testing::Values(1, 1 << 20),
                                          testing::Values(1, 1 << 20)));

TEST_P(distinct_per_key, CountsWhatASetCounts)
{
    const auto [value_words, remembered, budget] = GetParam();
    std::mt19937_64 random{42};
    shared_files files;
    etl::parted_values all{{}, {}, value_words};
    std::map<std::uint64_t, std::array<std::set<std::uint64_t>, 2>> expected;
    for (int process = 0; process < 3; ++process) {
        scanner scan{files.keys, files.values, value_words, true, remembered};
        for (int i = 0; i < 20000; ++i) {
            const std::uint64_t key = random() % 3 == 0 ? 7 : random() % 5000;
            scan.key(key, key % 50 == 0 ? 1500 : key % 90, key); // some wait, some do not, some fill no block
            auto& of_key = expected[key];
            for (std::size_t column = 0; column < 2; ++column) {
                const std::uint64_t value = random() % (column == 0 ? 100000 : 5);
                if (value != 3) { // as a NULL
                    scan.value(key, column, value);
                    of_key[column].insert(value);
                }
            }
        }
        files.gather(scan, all);
    }
    counts wanted;
    for (const auto& [key, sets] : expected) {
        wanted[key] = {sets[0].size(), sets[1].size()};
    }
    EXPECT_EQ(counted(files, all, 2, budget), wanted);
}

TEST(DistinctPerKey, KeysWithoutValuesCountNone)
{
    shared_files files;
    etl::parted_values all{{}, {}, 1};
    scanner scan{files.keys, files.values, 1, true, 1};
    scan.key(1, 0, 0);
    scan.key(2, 0, 0);
    scan.value(2, 0, 5);
    files.gather(scan, all);
    EXPECT_EQ(counted(files, all, 1, 0), (counts{{1, {0}}, {2, {1}}}));
}

TEST(DistinctPerKey, NothingIsNoKey)
{
    shared_files files;
    etl::parted_values all{{}, {}, 1};
    scanner scan{files.keys, files.values, 1, true, 1};
    files.gather(scan, all);
    EXPECT_TRUE(counted(files, all, 1, 0).empty());
}

// Equal keys that look different: the one whose words come first, in any order of rows.
TEST(DistinctPerKey, TheFirstLookStandsForAll)
{
    for (const auto& looks : {std::array{4, 2, 9}, std::array{9, 4, 2}, std::array{2, 9, 4}}) {
        shared_files files;
        etl::parted_values all{{}, {}, 1};
        scanner scan{files.keys, files.values, 1, false, 1 << 20};
        for (const int look : looks) {
            for (std::uint64_t key = 0; key < 300; ++key) {
                scan.key(key, look == 9 ? 2 : 1, static_cast<std::uint64_t>(look));
                scan.value(key, 0, key);
            }
        }
        files.gather(scan, all);
        etl::distinct_counts rows{std::pmr::get_default_resource(), files, all, 1, 0, etl::never_poll};
        std::size_t keys = 0;
        for (auto found = rows.next(); found; found = rows.next()) {
            EXPECT_EQ(found->key[1], 2U);
            EXPECT_EQ(found->counts[0], 1U);
            ++keys;
        }
        EXPECT_EQ(keys, 300U);
    }
}

TEST(DistinctPerKey, AValueWithoutItsKeyIsAnError)
{
    shared_files files;
    etl::parted_values all{{}, {}, 1};
    scanner scan{files.keys, files.values, 1, true, 1};
    scan.key(1, 0, 0);
    scan.value(1, 1, 5); // of a second column, where there is one
    files.gather(scan, all);
    EXPECT_THROW(counted(files, all, 1, 0), etl::error);
}

TEST(DistinctPerKey, AKeyIsRememberedOnce)
{
    etl::recent_keys keys{std::pmr::get_default_resource(), 1 << 20};
    std::size_t again = 0;
    for (int round = 0; round < 2; ++round) {
        for (std::uint64_t key = 0; key < 10000; ++key) {
            again += keys.met(print_of(key)) ? 1 : 0;
        }
    }
    EXPECT_LE(again, 10000U);
    EXPECT_GT(again, 8000U);
    EXPECT_FALSE(keys.met({0, 0}));
}

} // namespace
