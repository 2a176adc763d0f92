// Rows that are set aside in parts: found again whole, in memory or in a file, and lists of chunks from strangers.
#include "core/part_writer.hpp"

#include "memory_run_store.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <vector>

namespace {

using etl::part_chunk;
using etl::part_chunks;
using etl::part_layout;
using etl::part_writer;

std::pmr::memory_resource* const memory = std::pmr::get_default_resource();

// Rows are words: the length of all, and a number again and again.
using rows_by_part = std::map<std::uint32_t, std::vector<std::pair<std::uint64_t, std::uint64_t>>>;

void add(part_writer& to, std::uint32_t part, std::uint64_t words, std::uint64_t number)
{
    auto* row = reinterpret_cast<std::uint64_t*>(to.add(part, words * 8));
    row[0] = words;
    std::fill(row + 1, row + words, number);
}

rows_by_part found(part_writer& writer, etl::run_store& store)
{
    rows_by_part made;
    for (const part_chunk& chunk : writer.finish()) {
        std::vector<std::uint64_t> words(chunk.bytes / 8);
        const auto kept = writer.kept(chunk);
        if (kept.empty()) {
            store.read(chunk.from, chunk.offset, std::as_writable_bytes(std::span{words}));
        } else {
            EXPECT_EQ(kept.size(), chunk.bytes);
            std::memcpy(words.data(), kept.data(), kept.size());
        }
        std::uint32_t rows = 0;
        for (std::size_t at = 0; at < words.size(); at += words[at], ++rows) {
            EXPECT_LE(at + words[at], words.size());
            EXPECT_EQ(std::count(&words[at + 1], &words[at] + words[at], words[at + 1]), words[at] - 1);
            made[chunk.part].emplace_back(words[at], words[at + 1]);
        }
        EXPECT_EQ(rows, chunk.rows);
    }
    return made;
}

std::pmr::vector<std::byte> flat(const part_chunks& chunks)
{
    std::pmr::vector<std::byte> made;
    etl::byte_writer to{made};
    etl::write_chunks(to, chunks);
    return made;
}

class set_aside : public testing::TestWithParam<part_layout> {};

TEST_P(set_aside, is_found_again_in_its_order)
{
    etl::test::memory_run_store store;
    part_writer writer{memory, store, GetParam()};
    std::mt19937_64 random{1};
    rows_by_part expected;
    for (std::uint64_t i = 0; i < 20000; ++i) {
        const auto part = static_cast<std::uint32_t>(random() % writer.parts());
        const std::uint64_t words = i % 300 == 0 ? 900 + random() % 400 : 2 + random() % 30;
        add(writer, part, words, i);
        expected[part].emplace_back(words, i);
    }
    EXPECT_EQ(found(writer, store), expected);
}

// One part and many; chunks that rows fill to the end, or hardly one has room in; some or all of them in memory.
INSTANTIATE_TEST_SUITE_P(layouts, set_aside,
                         testing::Values(part_layout{}, part_layout{1, 8192, 0}, part_layout{512, 256, 0},
                                         part_layout{2, 16, 0}, part_layout{1, 8192, 100'000},
                                         part_layout{256, 8192, 100'000}, part_layout{4, 8192, 100'000'000}));

TEST(part_writer, takes_memory_for_its_buffers_only)
{
    etl::test::counting_memory counted;
    etl::test::memory_run_store store;
    part_writer writer{&counted, store};
    for (std::uint64_t i = 0; i < 1'000'000; ++i) {
        add(writer, i % 256, 4, i);
    }
    EXPECT_LT(counted.most(), std::size_t{256} * 8192 + 600'000);
    writer.finish();
    EXPECT_LT(counted.now(), 600'000U);
}

TEST(part_writer, of_no_rows_is_nothing)
{
    etl::test::memory_run_store store;
    part_writer writer{memory, store};
    EXPECT_TRUE(writer.finish().empty());
    EXPECT_EQ(store.files(), 0U);
}

TEST(part_writer, finishes_once)
{
    etl::test::memory_run_store store;
    part_writer writer{memory, store};
    add(writer, 3, 5, 7);
    const auto first = flat(writer.finish());
    EXPECT_EQ(flat(writer.finish()), first);
    EXPECT_EQ(store.files(), 1U);
}

TEST(part_chunks, of_a_part_lie_side_by_side)
{
    part_chunks chunks{memory};
    for (std::uint64_t i = 0; i < 12; ++i) {
        chunks.push_back({{1 + i % 2, 1000}, 100 - i, i, static_cast<std::uint32_t>(i % 3), 1});
    }
    etl::sort_by_part(chunks);
    EXPECT_TRUE(etl::part_from(chunks, 0, 1).empty());
    EXPECT_TRUE(etl::part_from(chunks, 12, 2).empty());
    const auto second = etl::part_from(chunks, 4, 1);
    ASSERT_EQ(second.size(), 4U); // 1, 4, 7, 10
    EXPECT_EQ(etl::bytes_in(second), 22U);
    EXPECT_EQ(second[0].bytes, 10U);
    EXPECT_EQ(second[1].bytes, 4U);
    EXPECT_EQ(second[2].bytes, 7U);
    EXPECT_EQ(second[3].bytes, 1U);
}

TEST(part_chunks, are_read_as_they_were_written)
{
    const part_chunks chunks{{{{7, 100}, 0, 60, 1, 2}, {{7, 100}, 60, 40, 2, 1}}, memory};
    const auto bytes = flat(chunks);
    part_chunks read{memory};
    etl::read_chunks(bytes, read);
    etl::read_chunks(bytes, read); // appends
    ASSERT_EQ(read.size(), 4U);
    EXPECT_EQ(flat({read.begin(), read.begin() + 2}), bytes);
    EXPECT_EQ(flat({read.begin() + 2, read.end()}), bytes);
}

TEST(part_chunks, are_refused_where_nobody_has_written_them)
{
    const part_chunk good{{7, 100}, 60, 40, 2, 1};
    part_chunks read{memory};
    auto bytes = flat({{good}, memory});
    EXPECT_THROW(etl::read_chunks(std::span<const std::byte>{}, read), etl::error);
    EXPECT_THROW(etl::read_chunks(std::span{bytes}.first(bytes.size() - 1), read), etl::error);
    bytes.push_back(std::byte{0});
    EXPECT_THROW(etl::read_chunks(bytes, read), etl::error);
    part_chunk late = good;
    late.offset = 61;
    EXPECT_THROW(etl::read_chunks(flat({{late}, memory}), read), etl::error);
    part_chunk long_one = good;
    long_one.bytes = ~std::uint64_t{0};
    EXPECT_THROW(etl::read_chunks(flat({{long_one}, memory}), read), etl::error);
}

} // namespace
