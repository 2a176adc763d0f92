// Sets that lie elsewhere: found by pieces what std::set has, with few pieces fetched where entries are spread evenly,
// and with not many where somebody has chosen them.
#include "sketch/distinct_set_pieces.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

namespace {

template <class Entry>
class stored final : public etl::set_pieces {
  public:
    explicit stored(const std::vector<Entry>& entries) : set_pieces{entries.size(), sizeof(Entry)}, entries_{entries} {}
    int fetched = 0;

  private:
    std::span<const std::byte> fetch(std::size_t first, std::size_t count) override
    {
        ++fetched;
        EXPECT_LE(first + count, entries_.size());
        EXPECT_LE(count * sizeof(Entry), piece_bytes);
        return std::as_bytes(std::span{entries_}).subspan(first * sizeof(Entry), count * sizeof(Entry));
    }
    const std::vector<Entry>& entries_;
};

TEST(set_pieces, an_empty_set_has_nothing)
{
    const std::vector<std::uint64_t> none;
    stored<std::uint64_t> set{none};
    EXPECT_FALSE(set.contains(std::uint64_t{0}, etl::never_poll));
    EXPECT_EQ(set.fetched, 0);
}

TEST(set_pieces, numbers_are_found_as_in_a_set)
{
    std::mt19937_64 random{1};
    for (const std::size_t size : {1U, 2U, 255U, 256U, 257U, 1000U, 50000U}) {
        std::set<std::uint64_t> expected{0, ~std::uint64_t{0}};
        while (expected.size() < size) {
            expected.insert(random());
        }
        const std::vector<std::uint64_t> entries(expected.begin(), expected.end());
        stored<std::uint64_t> set{entries};
        for (const std::uint64_t entry : entries) {
            ASSERT_TRUE(set.contains(entry, etl::never_poll));
            ASSERT_EQ(set.contains(entry + 1, etl::never_poll), expected.contains(entry + 1));
        }
    }
}

TEST(set_pieces, entries_spread_evenly_take_few_pieces)
{
    std::mt19937_64 random{2};
    std::vector<std::uint64_t> entries(1'000'000);
    std::generate(entries.begin(), entries.end(), random);
    std::sort(entries.begin(), entries.end());
    stored<std::uint64_t> set{entries};
    for (int i = 0; i < 1000; ++i) {
        set.contains(random(), etl::never_poll);
    }
    EXPECT_LT(set.fetched, 8000);
}

TEST(set_pieces, fingerprints_with_equal_leading_bits_are_found)
{
    std::vector<etl::fingerprint> entries;
    for (std::uint64_t i = 0; i < 20000; ++i) {
        entries.push_back({7, i * 2});
    }
    stored<etl::fingerprint> set{entries};
    for (std::uint64_t i = 0; i < 40000; i += 7) {
        set.fetched = 0;
        ASSERT_EQ(set.contains(etl::fingerprint{7, i}, etl::never_poll), i % 2 == 0);
        ASSERT_LT(set.fetched, 20);
    }
    EXPECT_FALSE(set.contains(etl::fingerprint{6, 0}, etl::never_poll));
    EXPECT_FALSE(set.contains(etl::fingerprint{8, 0}, etl::never_poll));
}

} // namespace
