// The first n entries: against sorting, in any split, by parts, and from forged bytes.
#include "sketch/top_n.hpp"
#include "sketch/top_n_parts.hpp"

#include "unit/memory_run_store.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace {

using etl::top_entry;
using etl::top_n;

// Entries whose value is one number.
class by_number final : public etl::entry_order {
  public:
    int compare(const top_entry& a, const top_entry& b) const override
    {
        const auto left = etl::load<std::uint64_t>(a.value());
        const auto right = etl::load<std::uint64_t>(b.value());
        return static_cast<int>(left > right) - static_cast<int>(left < right);
    }
};

using pair = std::pair<std::uint64_t, std::uint64_t>; // code and value

void add(top_n& to, const pair& row)
{
    if (to.wants(row.first)) {
        top_entry& made = to.append(row.first, 0, sizeof row.second, false);
        etl::store(top_n::value_of(made), row.second);
        to.settle(by_number{}, etl::never_poll);
    }
}

std::vector<pair> contents(const top_n& of)
{
    std::vector<pair> made;
    for (const top_entry* entry : of.sorted(by_number{}, etl::never_poll, std::pmr::get_default_resource())) {
        made.emplace_back(entry->code, etl::load<std::uint64_t>(entry->value()));
    }
    return made;
}

std::vector<pair> random_rows(std::mt19937_64& random, std::size_t count, std::uint64_t codes)
{
    std::vector<pair> rows(count);
    for (pair& row : rows) {
        row = {random() % codes, random() % 1000};
    }
    return rows;
}

std::vector<pair> first(std::vector<pair> rows, std::size_t n)
{
    std::ranges::sort(rows);
    rows.resize(std::min(rows.size(), n));
    return rows;
}

TEST(TopN, IsTheHeadOfTheSortedRows)
{
    std::mt19937_64 random{1};
    for (const std::uint32_t n : {0u, 1u, 2u, 3u, 10u, 100u}) {
        for (const std::uint64_t codes : {1u, 7u, 1000000u}) {
            const auto rows = random_rows(random, 500, codes);
            top_n kept{std::pmr::get_default_resource(), n};
            for (const pair& row : rows) {
                add(kept, row);
                ASSERT_LE(kept.rows(), std::max(2 * n, 1u));
            }
            EXPECT_EQ(contents(kept), first(rows, n)) << n << " of " << codes;
        }
    }
}

TEST(TopN, MergedInAnySplitIsTheWhole)
{
    std::mt19937_64 random{2};
    for (int round = 0; round < 50; ++round) {
        const auto n = static_cast<std::uint32_t>(random() % 20);
        const auto rows = random_rows(random, random() % 200, 1 + random() % 50);
        top_n parts[] = {{std::pmr::get_default_resource(), n}, {std::pmr::get_default_resource(), n}};
        for (const pair& row : rows) {
            add(parts[random() % 2], row);
        }
        parts[0].merge(parts[1], by_number{}, etl::never_poll);
        EXPECT_EQ(contents(parts[0]), first(rows, n));
    }
}

TEST(TopN, KeepsEntriesOfAnySizeAndNull)
{
    const auto no_order = [](std::size_t bytes) { return std::string(bytes, 'x'); };
    top_n kept{std::pmr::get_default_resource(), 3};
    for (std::uint64_t code = 9; code > 0; --code) {
        const std::string value = no_order(code * 7 % 30);
        top_entry& made = kept.append(code, 5, value.size(), code % 2 == 0);
        std::copy_n(reinterpret_cast<const std::byte*>("order"), 5, top_n::order_of(made));
        if (code % 2 != 0) {
            std::copy_n(reinterpret_cast<const std::byte*>(value.data()), value.size(), top_n::value_of(made));
        }
        kept.settle(by_number{}, etl::never_poll);
    }
    const auto found = kept.sorted(by_number{}, etl::never_poll, std::pmr::get_default_resource());
    ASSERT_EQ(found.size(), 3u);
    EXPECT_FALSE(found[0]->is_null());
    EXPECT_TRUE(found[1]->is_null());
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(found[2]->value()), 21), no_order(21));
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(found[2]->order()), 5), "order");
}

struct keyed {
    std::uint64_t key;
    pair row;
    std::size_t extra; // words behind the value
};

void set_aside(etl::part_writer& to, const keyed& row)
{
    const etl::fingerprint key = etl::fingerprint_of(static_cast<std::int64_t>(row.key), etl::number_kind::integer);
    const etl::fingerprint turned{key.high, key.low}; // parts are chosen by the upper half
    std::uint64_t* place = etl::add_row(to, turned, 3 + row.extra + 1);
    new (place) top_entry{row.row.first, static_cast<std::uint32_t>(3 + row.extra), 2};
    place[2] = row.row.second;
    std::fill_n(place + 3, row.extra, row.key);
    place[3 + row.extra] = row.key;
}

// Knows the most memory that was in use at once.
class measured_memory final : public std::pmr::memory_resource {
  public:
    std::size_t most() const { return most_; }

  private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override
    {
        used_ += bytes;
        most_ = std::max(most_, used_);
        return std::pmr::get_default_resource()->allocate(bytes, alignment);
    }
    void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override
    {
        used_ -= bytes;
        std::pmr::get_default_resource()->deallocate(memory, bytes, alignment);
    }
    bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

    std::size_t used_ = 0;
    std::size_t most_ = 0;
};

std::map<std::uint64_t, std::vector<pair>>
selected(etl::run_store& store, const etl::part_chunks& chunks, std::uint32_t n, std::size_t budget,
         std::pmr::memory_resource* memory = std::pmr::get_default_resource())
{
    std::map<std::uint64_t, std::vector<pair>> made;
    const by_number order;
    etl::key_groups groups{memory, store, chunks, n, order, budget, etl::never_poll};
    for (auto found = groups.next(); !found.empty(); found = groups.next()) {
        const auto key = etl::load<std::uint64_t>(found[0].row->keys());
        EXPECT_FALSE(made.contains(key));
        for (const auto& item : found) {
            EXPECT_EQ(etl::load<std::uint64_t>(item.row->keys()), key);
            made[key].emplace_back(item.code, etl::load<std::uint64_t>(item.row->entry().value()));
        }
    }
    return made;
}

TEST(TopNParts, SelectsTheHeadOfEveryKey)
{
    std::mt19937_64 random{3};
    for (const std::size_t budget : {std::size_t{1} << 30, std::size_t{1}}) {
        etl::test::memory_run_store store;
        etl::part_writer parts{std::pmr::get_default_resource(), store};
        std::map<std::uint64_t, std::vector<pair>> rows;
        for (int i = 0; i < 20000; ++i) {
            const std::uint64_t key = random() % 2 == 0 ? 7 : random() % 3000;
            const keyed row{key, {random() % 100, random() % 1000}, i % 500 == 0 ? 1500 : random() % 9};
            set_aside(parts, row);
            rows[key].push_back(row.row);
        }
        for (auto& [key, of_key] : rows) {
            of_key = first(of_key, 5);
        }
        EXPECT_EQ(selected(store, parts.finish(), 5, budget), rows);
    }
}

TEST(TopNParts, KeepsWithinItsBudget)
{
    constexpr std::size_t budget = std::size_t{1} << 18;
    for (const std::uint64_t keys : {std::uint64_t{10}, std::uint64_t{80'000}}) {
        etl::test::memory_run_store store;
        etl::part_writer parts{std::pmr::get_default_resource(), store};
        for (std::uint64_t i = 0; i < 80'000; ++i) {
            set_aside(parts, {i % keys, {i * 7919 % 80'000, 0}, 0});
        }
        const auto& chunks = parts.finish();
        measured_memory memory;
        const auto found = selected(store, chunks, 3, budget, &memory);
        EXPECT_EQ(found.size(), keys);
        EXPECT_LT(memory.most(), budget + chunks.size() * sizeof(etl::part_chunk)) << keys;
    }
}

TEST(TopNParts, OfNoRowsIsNothing)
{
    etl::test::memory_run_store store;
    etl::part_writer parts{std::pmr::get_default_resource(), store};
    EXPECT_TRUE(parts.finish().empty());
    EXPECT_TRUE(selected(store, parts.finish(), 5, 1000).empty());
}

std::pmr::vector<std::byte> stored(std::uint32_t n, std::size_t entries)
{
    std::pmr::vector<std::byte> made;
    etl::byte_writer to{made};
    etl::write_top_n_header(to, {true, 6, n, "pg_catalog", "text", "pg_catalog", "int8", "", ""}, entries);
    for (std::size_t i = 0; i < entries; ++i) {
        etl::write_top_n_entry(to, {i % 2 == 1, "order", i % 2 == 1 ? "" : "value"});
    }
    return made;
}

void expect_refused(std::span<const std::byte> bytes)
{
    EXPECT_THROW(etl::check_top_n(bytes, etl::never_poll), etl::error);
}

TEST(TopNReader, ReadsWhatWasWritten)
{
    const auto bytes = stored(9, 3);
    etl::check_top_n(bytes, etl::never_poll);
    etl::top_n_reader from{bytes};
    EXPECT_EQ(from.header().n, 9u);
    EXPECT_TRUE(from.header().ascending);
    EXPECT_EQ(from.header().order_type, "int8");
    ASSERT_EQ(from.entries(), 3u);
    EXPECT_EQ(from.next().value, "value");
    EXPECT_TRUE(from.next().is_null);
}

TEST(TopNReader, RefusesForgedBytes)
{
    const auto good = stored(9, 3);
    for (std::size_t size = 0; size < good.size(); ++size) {
        expect_refused(std::span{good}.first(size));
    }
    auto longer = good;
    longer.push_back({});
    expect_refused(longer);
    expect_refused(stored(2, 3));
    expect_refused(stored(top_n::max_n + 1, 3));
    auto other = good;
    other[4] = std::byte{2};
    expect_refused(other);
}

} // namespace
