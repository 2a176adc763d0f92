// Rows to be deduplicated in one scan: what is needed to decide which of them stay, set aside by key and decided later.
//
// A row is 32 bytes: the fingerprint of its keys, its place in the order that decides, and where it lies. Rows go into
// parts by their keys (core/part_writer.hpp), so that a part's keys lie in the cache while they are compared.
#pragma once

#include "core/error.hpp"
#include "core/part_writer.hpp"
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

// How many rows are expected decides on the number of parts.
part_layout layout_for(std::uint64_t expected) noexcept;

inline void add_row(part_writer& to, const keyed_row& row)
{
    new (to.add(part_of(row.key, to.parts()), sizeof row)) keyed_row{row};
}

// A row that does not stay: its number in its group, from 2, and the places of it and of the row that stays.
struct loser {
    std::uint64_t nth;
    std::uint64_t place;
    std::uint64_t kept;
};

// Decides chunk by chunk; memory is that of the keys of one part.
class losers {
  public:
    losers(std::pmr::memory_resource* memory, run_store& store, part_chunks chunks, poll_fn poll);

    // The next losers, in no order; empty at the end. Good until the next call.
    std::span<const loser> next();

  private:
    struct group {
        keyed_row kept;
        std::uint64_t rows; // 0 for no group
    };

    bool next_part();
    std::span<const keyed_row> read(const part_chunk& from);
    group& group_of(const fingerprint& key) noexcept;
    void enter(const keyed_row& row);
    void grow();

    run_store& store_;
    part_chunks chunks_; // by part
    poll_fn poll_;
    std::size_t at_ = 0;             // of the chunk that is looked at next
    std::size_t part_end_ = 0;       // of the chunks of its part
    std::pmr::vector<group> groups_; // a hash table of 2^n places
    std::size_t used_ = 0;
    std::pmr::vector<keyed_row> rows_;
    std::pmr::vector<loser> found_;
};

} // namespace etl::dedupe
