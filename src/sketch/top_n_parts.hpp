// The first n rows of every key of a query, for tables whose keys are too many to be kept in memory at once: rows are
// set aside by key in one scan, which parallel workers share, and selected part by part.
//
// A row goes into one of 256 parts by its key's fingerprint (core/part_writer.hpp), so that a part's keys lie in the
// cache while they are told apart. Selecting takes the memory of one part, and where that is larger than its budget,
// that of the rows of it that may still be wanted.
#pragma once

#include "core/part_writer.hpp"
#include "sketch/fingerprint.hpp"
#include "sketch/top_n.hpp"

namespace etl {

// How a row begins: its entry with order and value follows, then the keys.
struct parted_row {
    std::uint64_t words; // of the row, with this
    fingerprint key;

    const top_entry& entry() const noexcept { return *reinterpret_cast<const top_entry*>(this + 1); }
    const std::byte* keys() const noexcept
    {
        return reinterpret_cast<const std::byte*>(reinterpret_cast<const std::uint64_t*>(this + 1) + entry().words);
    }
};
static_assert(sizeof(parted_row) == 24);

// Room for a row of so many words behind its header, which is written; to be filled before the next call.
inline std::uint64_t* add_row(part_writer& to, const fingerprint& key, std::size_t words)
{
    const std::size_t all = sizeof(parted_row) / sizeof(std::uint64_t) + words;
    auto* made = new (to.add(part_of(key, to.parts()), all * sizeof(std::uint64_t))) parted_row{all, key};
    return reinterpret_cast<std::uint64_t*>(made + 1);
}

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
    void reserve(std::span<const part_chunk> part);
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
