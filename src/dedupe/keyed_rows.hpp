// Rows to be deduplicated in one scan: what is needed to decide which of them stay, set aside by key and decided later.
//
// A row is 32 bytes: the fingerprint of its keys, its place in the order that decides, and where it lies. Rows go into
// parts by the upper bits of their keys, so that all rows of a key meet in one part, and a part's keys lie in the cache
// while they are compared. Each part has a buffer of one chunk; full chunks go to a run_store. So memory is the same
// for any number of rows, and what a worker hands to its leader is the list of its chunks:
//
//   magic u32, version u32     state_header
//   chunks, to the end         { run; offset u64; part u32; rows u32 }
//
// That is the partitioning of a Grace hash join (M. Kitsuregawa, H. Tanaka, T. Moto-oka, "Application of hash to data
// base machine and its architecture", 1983).
#pragma once

#include "core/error.hpp"
#include "core/run_store.hpp"
#include "sketch/fingerprint.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl::dedupe {

// Of the rows of a key the one that comes first stays: the lowest order, then the lowest place. No two rows have one
// place.
struct keyed_row {
    fingerprint key;
    std::uint64_t order;
    std::uint64_t place;

    bool is_before(const keyed_row& other) const noexcept
    {
        return order != other.order ? order < other.order : place < other.place;
    }
};
static_assert(sizeof(keyed_row) == 32);

// Rows of one part, side by side in a run.
struct row_chunk {
    run from;
    std::uint64_t offset;
    std::uint32_t part;
    std::uint32_t rows;
};
static_assert(sizeof(row_chunk) == 32);

using row_chunks = std::pmr::vector<row_chunk>;

// The list as bytes, and back from a stranger's.
std::size_t chunks_size(const row_chunks& chunks) noexcept;
void write_chunks(const row_chunks& chunks, std::byte* to) noexcept;
row_chunks read_chunks(std::pmr::memory_resource* memory, std::span<const std::byte> bytes);

// Sets rows aside.
class keyed_rows {
  public:
    static constexpr std::uint32_t chunk_rows = 256;

    // How many rows are expected decides on the number of parts. The store outlives the object.
    keyed_rows(std::pmr::memory_resource* memory, run_store& store, std::uint64_t expected);

    void add(const keyed_row& row)
    {
        const std::uint64_t part = row.key.high >> shift_;
        std::uint32_t& held = held_[part];
        rows_[part * chunk_rows + held] = row;
        if (++held == chunk_rows) {
            write(part);
        }
    }

    // Writes what the buffers hold, and returns all chunks. Nothing may be added after it.
    const row_chunks& finish();

  private:
    void write(std::uint64_t part);

    run_store& store_;
    unsigned shift_;
    std::pmr::vector<keyed_row> rows_; // the buffers, side by side
    std::pmr::vector<std::uint32_t> held_;
    row_chunks chunks_;
    std::uint64_t written_ = 0;
};

// A row that does not stay: its number in its group, from 2, and the places of it and of the row that stays.
struct loser {
    std::uint64_t nth;
    std::uint64_t place;
    std::uint64_t kept;
};

// Decides chunk by chunk; memory is that of the keys of one part.
class losers {
  public:
    losers(std::pmr::memory_resource* memory, run_store& store, row_chunks chunks, poll_fn poll);

    // The next losers, in no order; empty at the end. Good until the next call.
    std::span<const loser> next();

  private:
    struct group {
        keyed_row kept;
        std::uint64_t rows; // 0 for no group
    };

    bool next_part();
    std::span<const keyed_row> read(const row_chunk& from);
    group& group_of(const fingerprint& key) noexcept;
    void enter(const keyed_row& row);
    void grow();

    run_store& store_;
    row_chunks chunks_; // by part
    poll_fn poll_;
    std::size_t at_ = 0;             // of the chunk that is looked at next
    std::size_t part_end_ = 0;       // of the chunks of its part
    std::pmr::vector<group> groups_; // a hash table of 2^n places
    std::size_t used_ = 0;
    std::pmr::vector<keyed_row> rows_;
    std::pmr::vector<loser> found_;
};

} // namespace etl::dedupe
