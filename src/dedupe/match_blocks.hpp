// The blocks of one blocking rule over rows in memory: rows with a key in common, or, for a rule that sorts, rows that
// stand near each other.
//
// Of a key of 128 bits 64 are kept. Among a million rows two keys share these once in forty million times; then some
// pairs are compared that the same rule in SQL does not find.
#pragma once

#include "core/error.hpp"
#include "dedupe/match_rows.hpp"

#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

// Whether a block is one of the share that a seed chooses: the same ones here and in SQL.
bool is_sampled(std::uint64_t key, double share, std::uint64_t seed) noexcept;

// What the blocks of a rule are, as etl.blocking_report and a warning tell it.
struct block_counts {
    double pairs = 0; // of the blocks that are not cut
    std::uint64_t cut_blocks = 0;
    double cut_pairs = 0;
    std::uint64_t largest = 0; // rows
};

class match_blocks {
  public:
    // window: 0 for a rule with keys, else how near rows of a rule that sorts must stand.
    explicit match_blocks(std::uint32_t window, std::pmr::memory_resource* memory);

    static constexpr std::size_t bytes_of_key = 16; // before blocks are made of it

    // Room for that many rows with a key each.
    void reserve(std::size_t rows);

    // A key of a row; rows in ascending order. For a rule that sorts, its place from 1.
    void add_key(row_number row, std::uint64_t key) { entries_.push_back({key, row}); }
    void add_place(row_number row, std::int64_t place);

    // Makes blocks of the keys, but of those that have more than max_block rows. After all rows are there.
    void close(const match_rows& rows, std::uint64_t max_block, poll_fn poll);

    const block_counts& counts() const noexcept { return counts_; }

    // Whether the rule finds this pair.
    bool finds(row_number one, row_number other) const noexcept;

    // Calls f(one, other) for each pair that the rule finds, once, of a share of the blocks.
    template <class F>
    void each_pair(double share, std::uint64_t seed, poller& stop, F&& f) const
    {
        for (std::size_t i = 0; i < keys_.size(); ++i) {
            stop.tick();
            if (is_sampled(keys_[i], share, seed)) {
                each_pair_of(static_cast<std::uint32_t>(i), stop, f);
            }
        }
    }

    std::size_t memory_bytes() const noexcept;

  private:
    struct entry {
        std::uint64_t key;
        row_number row;
    };
    static_assert(sizeof(entry) == bytes_of_key);
    using block_number = std::uint32_t;

    std::span<const row_number> members(block_number block) const noexcept
    {
        return {members_.data() + begins_[block], begins_[block + 1] - begins_[block]};
    }
    std::span<const block_number> blocks_of(row_number row) const noexcept;

    // Where rows have several blocks in common, the pair is of the first of them.
    bool is_first_common(block_number block, row_number one, row_number other) const noexcept;

    template <class F>
    void each_pair_of(block_number block, poller& stop, F& f) const
    {
        if (window_ != 0) { // a block is a place
            for (std::size_t next = block + 1; next < keys_.size() && next < block + window_; ++next) {
                stop.tick();
                f(members_[block], members_[next]);
            }
            return;
        }
        const auto rows = members(block);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            for (std::size_t j = i + 1; j < rows.size(); ++j) {
                stop.tick();
                if (!several_ || is_first_common(block, rows[i], rows[j])) {
                    f(rows[i], rows[j]);
                }
            }
        }
    }

    void close_sorted(row_number rows);
    void close_blocks(const match_rows& rows, std::uint64_t max_block, poller& stop);
    void count(std::span<const entry> block, const match_rows& rows, std::uint64_t max_block);
    void assign(row_number rows);

    std::uint32_t window_;
    bool several_ = false; // a row has several blocks
    std::pmr::vector<entry> entries_;
    std::pmr::vector<std::uint64_t> keys_;   // of blocks, for sampling
    std::pmr::vector<std::size_t> begins_;   // of a block's rows in members_
    std::pmr::vector<row_number> members_;   // of a rule that sorts: all rows in its order
    std::pmr::vector<std::size_t> row_ends_; // of a row's blocks in row_blocks_
    std::pmr::vector<block_number> row_blocks_;
    std::pmr::vector<std::uint32_t> places_; // of a rule that sorts: by row, 0 where it has none
    block_counts counts_;
};

} // namespace etl::dedupe
