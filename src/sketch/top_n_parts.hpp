// The first n rows of every key of a query, for tables whose keys are too many to be kept in memory at once: rows are
// set aside by key in one scan, which parallel workers share, and selected part by part.
//
// A row goes into one of 256 parts by its key's fingerprint, so that all rows of a key meet in one part, and a part's
// keys lie in the cache while they are told apart. Each part has a buffer of one block; full blocks go to a run_store.
// So setting aside takes the same memory for any number of rows; selecting takes that of one part, and where a part is
// larger than its budget, that of the rows of it that may still be wanted.
//
// A block is as small as a file is read well, for every process has 256 of them. Their list travels as one value, so
// one scan sets at most about 200 GB aside.
//
// That is the partitioning of a Grace hash join (M. Kitsuregawa, H. Tanaka, T. Moto-oka, "Application of hash to data
// base machine and its architecture", 1983).
#pragma once

#include "core/run_store.hpp"
#include "sketch/fingerprint.hpp"
#include "sketch/top_n.hpp"

namespace etl {

// How a row begins: its entry with order and value follows, then the keys.
struct parted_row {
    std::uint64_t words; // of the row, with this; 0 where a block has no more rows
    fingerprint key;

    const top_entry& entry() const noexcept { return *reinterpret_cast<const top_entry*>(this + 1); }
    const std::byte* keys() const noexcept
    {
        return reinterpret_cast<const std::byte*>(reinterpret_cast<const std::uint64_t*>(this + 1) + entry().words);
    }
};
static_assert(sizeof(parted_row) == 24);

// Rows of one part, side by side in a run.
struct part_chunk {
    run from;
    std::uint64_t offset;
    std::uint64_t words;
    std::uint32_t part;
    std::uint32_t rows;
};
static_assert(sizeof(part_chunk) == 40);

using part_chunks = std::pmr::vector<part_chunk>;

class row_parts {
  public:
    static constexpr std::size_t parts = 256;
    static constexpr std::size_t block_words = 1024;
    static constexpr std::size_t header_words = sizeof(parted_row) / sizeof(std::uint64_t);

    // The store outlives the object.
    row_parts(std::pmr::memory_resource* memory, run_store& store);

    // Room for a row of so many words behind its header, which is written; to be filled before the next call.
    std::uint64_t* add(const fingerprint& key, std::size_t words);

    // Writes what the buffers hold, and returns all chunks. Nothing may be added after it.
    const part_chunks& finish();

  private:
    struct block {
        std::uint32_t words;
        std::uint32_t rows;
    };

    std::uint64_t* room(std::size_t part, std::size_t words);
    void write(std::size_t part, std::span<const std::uint64_t> words, std::uint32_t rows);
    void flush(std::size_t part);
    void write_large();

    run_store& store_;
    std::pmr::vector<std::uint64_t> blocks_; // side by side
    std::pmr::vector<block> held_;           // of each, what is in use
    std::pmr::vector<std::uint64_t> large_;  // a row that fits no block
    std::size_t large_part_ = 0;
    part_chunks chunks_;
    std::uint64_t written_ = 0;
};

class key_groups {
  public:
    struct item {
        std::uint64_t code;
        const parted_row* row;
    };

    // `budget` is in bytes; the order and the store outlive the object.
    key_groups(std::pmr::memory_resource* memory, run_store& store, part_chunks chunks, std::uint32_t n,
               const entry_order& order, std::size_t budget, poll_fn poll);

    // The first n rows of the next key in their order; empty after the last. They are valid until the next call.
    std::span<const item> next();

  private:
    bool next_part();
    void reserve_part();
    std::size_t bytes_with(const part_chunk& next) const noexcept;
    void read(const part_chunk& from);
    void index();
    void find_rows();
    std::uint32_t group_of(const parted_row& row);
    void grow_table();
    std::span<item> select(std::size_t group);
    void compact();

    run_store& store_;
    part_chunks chunks_; // by part
    std::uint32_t n_;
    const entry_order& order_;
    std::size_t budget_;
    poller polls_;
    std::size_t at_ = 0; // of the chunk that is read next
    std::pmr::vector<std::uint64_t> words_;
    std::size_t held_rows_ = 0; // in them
    std::pmr::vector<const parted_row*> rows_;
    std::pmr::vector<std::uint32_t> group_of_row_;
    std::pmr::vector<std::uint32_t> table_;      // of groups, from 1; 0 is free
    std::pmr::vector<const parted_row*> firsts_; // by group
    std::pmr::vector<std::size_t> ends_;         // by group, in items_
    std::pmr::vector<item> items_;               // by group
    std::size_t group_ = 0;                      // that comes next
};

} // namespace etl
