// The rows of a part in the order of (key, time), for several readers that go through them at paces of their own.
//
// A part that fits into the budget is loaded and sorted in memory. A larger one, of a key that has very many rows, is
// sorted in pieces; the pieces are merged into one run of the store, and the readers go through that block by block.
// In both cases a reader sees an array of rows with their keys and times beside them, so that it need not look at
// each row; now and then it is a new one.
#pragma once

#include "feature/row_parts.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl::feature {

class sorted_rows;

// A row and what it is sorted by; no row is where an array of them ends.
struct sorted_row {
    fingerprint key{};
    std::int64_t at = 0;
    const row_head* row = nullptr;
};

// One walk through the rows of a part. Good as long as its sorted_rows shows that part.
class row_reader {
  public:
    explicit row_reader(sorted_rows& of);

    // Its row is nullptr at the end; good until next().
    const sorted_row& operator*() const noexcept { return *at_; }
    const sorted_row* operator->() const noexcept { return at_; }
    void next()
    {
        if ((++at_)->row == nullptr) {
            refill();
        }
    }

    // Tells the processor that the rows after this one will be looked at soon.
    void prefetch() const noexcept
    {
        const auto* soon = reinterpret_cast<const std::byte*>(at_[rows_ahead].row);
        __builtin_prefetch(soon);
        __builtin_prefetch(soon + 64);
    }

    static constexpr std::size_t rows_ahead = 8; // an array of rows ends in so many without a row, and one

  private:
    friend class sorted_rows;
    row_reader(sorted_rows& of, const run& from, std::size_t block_bytes);
    void refill();

    sorted_rows* of_;
    run from_{}; // empty where the rows lie in memory
    std::size_t block_bytes_ = 0;
    std::uint64_t offset_ = 0; // in the run, of what is read next
    std::pmr::vector<std::byte> block_;
    std::pmr::vector<sorted_row> rows_;
    const sorted_row* at_;
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

    void load_piece(std::size_t end);
    std::size_t read_chunk(const part_chunk& from);
    void sort_piece();
    void sort_bucket(std::span<sorted_row> bucket);
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
    std::pmr::vector<sorted_row> rows_; // of it, and the end
    run merged_{};                      // the part, if it did not fit
};

} // namespace etl::feature
