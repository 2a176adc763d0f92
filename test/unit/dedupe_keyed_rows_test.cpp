// Which rows do not stay: against a plain map, in one part and in many, from several writers, and from strange bytes.
#include "dedupe/keyed_rows.hpp"

#include "memory_run_store.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using etl::part_chunks;
using etl::part_writer;
using etl::dedupe::keyed_row;
using etl::dedupe::layout_for;
using etl::dedupe::loser;
using etl::dedupe::losers;

std::pmr::memory_resource* const memory = std::pmr::get_default_resource();

using outcome = std::set<std::pair<std::uint64_t, std::uint64_t>>; // place and place of the row that stays

// Rows of so many keys; half of them tie in their order.
std::vector<keyed_row> random_rows(std::size_t count, std::uint64_t keys)
{
    std::mt19937_64 random{count};
    std::vector<keyed_row> made;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t key = etl::detail::mix64(random() % keys);
        made.push_back({{key, etl::detail::mix64(key)}, random() % 4, i});
    }
    return made;
}

outcome expected(const std::vector<keyed_row>& rows)
{
    std::map<std::uint64_t, keyed_row> kept;
    for (const keyed_row& row : rows) {
        const auto at = kept.emplace(row.key.low, row).first;
        if (std::pair{row.order, row.place} < std::pair{at->second.order, at->second.place}) {
            at->second = row;
        }
    }
    outcome made;
    for (const keyed_row& row : rows) {
        if (kept.at(row.key.low).place != row.place) {
            made.emplace(row.place, kept.at(row.key.low).place);
        }
    }
    return made;
}

// What several writers set aside, each some of the rows.
part_chunks set_aside(etl::test::memory_run_store& store, const std::vector<keyed_row>& rows, std::size_t writers,
                      std::uint64_t expected_rows)
{
    part_chunks all{memory};
    for (std::size_t writer = 0; writer < writers; ++writer) {
        part_writer to{memory, store, layout_for(expected_rows)};
        for (std::size_t i = writer; i < rows.size(); i += writers) {
            add_row(to, rows[i]);
        }
        const part_chunks& chunks = to.finish();
        all.insert(all.end(), chunks.begin(), chunks.end());
    }
    return all;
}

outcome found(etl::test::memory_run_store& store, part_chunks chunks)
{
    losers all{memory, store, std::move(chunks), etl::never_poll};
    outcome made;
    std::map<std::uint64_t, std::set<std::uint64_t>> numbers; // of each group
    for (auto some = all.next(); !some.empty(); some = all.next()) {
        for (const loser& lost : some) {
            EXPECT_TRUE(made.emplace(lost.place, lost.kept).second);
            EXPECT_TRUE(numbers[lost.kept].insert(lost.nth).second);
        }
    }
    for (const auto& [kept, group] : numbers) { // 2, 3, …
        EXPECT_EQ(*group.begin(), 2U);
        EXPECT_EQ(*group.rbegin(), group.size() + 1);
    }
    return made;
}

class decided : public testing::TestWithParam<std::tuple<std::size_t, std::uint64_t, std::size_t, std::uint64_t>> {};

TEST_P(decided, as_by_a_map)
{
    const auto& [count, keys, writers, expected_rows] = GetParam();
    const std::vector<keyed_row> rows = random_rows(count, keys);
    etl::test::memory_run_store store;
    EXPECT_EQ(found(store, set_aside(store, rows, writers, expected_rows)), expected(rows));
}

// More keys than a part's table has room for at first, one key alone, expectations that are far off.
INSTANTIATE_TEST_SUITE_P(rows, decided,
                         testing::Values(std::tuple{0, 1, 1, 0}, std::tuple{1, 1, 1, 0}, std::tuple{2, 1, 2, 0},
                                         std::tuple{20000, 10000, 1, 0}, std::tuple{20000, 100, 3, 20000},
                                         std::tuple{20000, 1, 3, 20000}, std::tuple{20000, 15000, 2, 10000000},
                                         std::tuple{300000, 1000000, 2, 1}));

TEST(keyed_rows, takes_memory_for_its_buffers_only)
{
    etl::test::counting_memory counted;
    etl::test::memory_run_store store;
    part_writer to{&counted, store, layout_for(~std::uint64_t{0})};
    for (std::uint64_t i = 0; i < 1000000; ++i) {
        add_row(to, keyed_row{{i, etl::detail::mix64(i)}, 0, i});
    }
    EXPECT_LT(counted.most(), std::size_t{5} << 20);
}

TEST(keyed_rows, refuses_a_chunk_that_no_writer_makes)
{
    etl::test::memory_run_store store;
    part_chunks chunks = set_aside(store, random_rows(1000, 10), 1, 1000);
    chunks.back().from.bytes = chunks.back().bytes = std::uint64_t{1} << 40;
    EXPECT_THROW(found(store, std::move(chunks)), etl::error);
}

} // namespace
