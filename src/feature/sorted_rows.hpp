// The rows of a part in the order of (key, time), for several readers that go through them at paces of their own.
//
// A part that fits into the budget is loaded and sorted in memory. A larger one, of a key that has very many rows, is
// sorted in pieces; the pieces are merged into one run of the store, and the readers go through that block by block. In
// both cases a reader sees an array of pointers to rows, now and then a new one.
#pragma once

#include "feature/row_parts.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl::feature {

class sorted_rows;

// One walk through the rows of a part. Good as long as its sorted_rows shows that part.
class row_reader {
  public:
    explicit row_reader(sorted_rows& of);

    // nullptr at the end; good until next().
    const row_head* row() const noexcept { return *at_; }
    void next()
    {
        if (*++at_ == nullptr) {
            refill();
        }
    }

  private:
    friend class sorted_rows;
    row_reader(sorted_rows& of, const run& from, std::size_t block_bytes);
    void refill();

    sorted_rows* of_;
    run from_{}; // empty where the rows lie in memory
    std::size_t block_bytes_ = 0;
    std::uint64_t offset_ = 0; // in the run, of what is read next
    std::pmr::vector<std::byte> block_;
    std::pmr::vector<const row_head*> rows_;
    const row_head* const* at_; // the last pointer is nullptr
};

class sorted_rows {
  public:
    // All chunks of a query. Memory is that of the largest part or the budget, whichever is less, and a block for each
    // reader; a row of more than the budget is held anyway.
    sorted_rows(std::pmr::memory_resource* memory, run_store& store, part_chunks chunks, std::size_t budget,
                poll_fn poll);

    // Shows the next part, which has rows; false at the end.
    bool next_part();

  private:
    friend class row_reader;

    struct item {
        fingerprint key;
        std::int64_t at;
        const row_head* row;
    };

    void load_piece(std::size_t end);
    std::size_t read_chunk(const part_chunk& from);
    void sort_piece();
    void sort_bucket(std::span<item> bucket);
    run write_piece();
    run merge(const std::pmr::vector<run>& pieces);

    std::pmr::memory_resource* memory_;
    run_store& store_;
    part_chunks chunks_; // by part
    std::size_t budget_;
    poll_fn poll_;
    std::size_t at_ = 0;                // of the chunk that is looked at next
    std::pmr::vector<std::byte> bytes_; // of the piece; never shrinks
    std::size_t held_ = 0;              // bytes of it
    std::size_t count_ = 0;             // rows of it
    std::pmr::vector<item> items_;
    std::pmr::vector<const row_head*> rows_;
    run merged_{}; // the part, if it did not fit
};

} // namespace etl::feature
