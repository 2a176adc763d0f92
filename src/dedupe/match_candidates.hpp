// The candidate pairs of all blocking rules over rows in memory.
#pragma once

#include "dedupe/match_blocks.hpp"
#include "dedupe/match_rows.hpp"

#include <algorithm>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

class match_candidates {
  public:
    // windows: one for each rule, 0 for one with keys.
    match_candidates(std::span<const value_type> types, std::span<const std::uint32_t> windows, bool links,
                     std::pmr::memory_resource* memory)
        : rows_{types, links, memory}, rules_{memory}
    {
        rules_.reserve(windows.size());
        for (const std::uint32_t window : windows) {
            rules_.emplace_back(window, memory);
        }
    }

    match_rows& rows() noexcept { return rows_; }
    const match_rows& rows() const noexcept { return rows_; }
    std::pmr::vector<match_blocks>& rules() noexcept { return rules_; }
    const std::pmr::vector<match_blocks>& rules() const noexcept { return rules_; }

    // After all rows are there.
    void close(std::uint64_t max_block, poll_fn poll)
    {
        for (match_blocks& rule : rules_) {
            rule.close(rows_, max_block, poll);
        }
    }

    // Leaves out all rules but those of the numbers, from 0 and ascending; others are refused.
    void keep_rules(std::span<const std::int64_t> numbers)
    {
        std::pmr::vector<match_blocks> kept{rules_.get_allocator()};
        std::int64_t next = 0;
        for (const std::int64_t number : numbers) {
            if (number < next || number >= static_cast<std::int64_t>(rules_.size())) {
                throw error(sqlstate::invalid_parameter_value,
                            "there is no rule " + std::to_string(number) + " to keep");
            }
            kept.push_back(std::move(rules_[static_cast<std::size_t>(number)]));
            next = number + 1;
        }
        rules_ = std::move(kept);
    }

    // Calls f(a, b, is_new) for each pair of a rule, of a share of its blocks; is_new where no earlier rule finds it.
    template <class F>
    void each_pair(std::size_t rule, double share, std::uint64_t seed, poll_fn poll, F&& f) const
    {
        poller stop{poll};
        rules_[rule].each_pair(share, seed, stop, [&](row_number one, row_number other) {
            const auto pair = rows_.as_pair(one, other);
            if (pair) {
                const bool is_old = std::any_of(rules_.begin(), rules_.begin() + static_cast<std::ptrdiff_t>(rule),
                                                [&](const match_blocks& r) { return r.finds(one, other); });
                f(pair->first, pair->second, !is_old);
            }
        });
    }

    std::size_t memory_bytes() const noexcept
    {
        std::size_t bytes = rows_.memory_bytes();
        for (const match_blocks& rule : rules_) {
            bytes += rule.memory_bytes();
        }
        return bytes;
    }

  private:
    match_rows rows_;
    std::pmr::vector<match_blocks> rules_;
};

} // namespace etl::dedupe
