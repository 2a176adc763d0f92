// Rows on their way to asof_best. Where a row is noted depends on four places in memory, each of which the one before
// it leads to, and which rows that come in no order find outside of the cache. So a row is led to them step by step,
// with other rows between the steps, and what it will look at next is asked for in time (S. Chen, A. Ailamaki,
// P. B. Gibbons, T. C. Mowry, "Improving hash join performance through prefetching", 2004).
#pragma once

#include "feature/asof_best.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl::feature {

class asof_queue {
  public:
    // The index and the target outlive the object.
    asof_queue(std::pmr::memory_resource* memory, const asof_index& index, asof_best& to)
        : index_{index}, to_{to}, waiting_{}, bytes_{memory}
    {
        bytes_.resize(length);
    }

    void add(const asof_record& row, std::span<const std::byte> bytes)
    {
        step();
        const std::size_t place = (added_ - 1) % length;
        waiting_[place].row = row;
        bytes_[place].assign(bytes.begin(), bytes.end());
        index_.approach_directory(row.key);
    }

    // Offers what waits.
    void finish()
    {
        for (std::size_t i = 0; i < length; ++i) {
            step();
            waiting_[(added_ - 1) % length] = {};
        }
        added_ = 0;
    }

  private:
    static constexpr std::size_t length = 32; // more than the steps of a row take
    static constexpr std::size_t rows_between = 6;

    struct waiting {
        asof_record row; // without a key where there is none
        label_range labels;
        asof_places places;
    };

    // Every row that waits may take a step. The oldest one arrives, and leaves its place.
    void step()
    {
        ++added_;
        if (waiting* at = reached(1)) {
            index_.approach_group(at->row.key);
        }
        if (waiting* at = reached(2)) {
            at->labels = index_.find(at->row.key);
            index_.approach_labels(at->labels);
        }
        if (waiting* at = reached(3)) {
            at->places = to_.places_of(at->row, at->labels);
            to_.approach_places(at->places);
        }
        if (waiting* at = reached(4)) {
            to_.approach_rows(at->places);
        }
        if (waiting* at = reached(5)) {
            const std::size_t place = static_cast<std::size_t>(at - waiting_.data());
            to_.offer(at->row, bytes_[place], at->places);
            at->row.has_key = 0;
        }
    }

    waiting* reached(std::size_t steps) noexcept
    {
        const std::size_t ago = 1 + steps * rows_between;
        waiting* at = added_ > ago ? &waiting_[(added_ - 1 - ago) % length] : nullptr;
        return at != nullptr && at->row.has_key != 0 ? at : nullptr;
    }

    const asof_index& index_;
    asof_best& to_;
    std::array<waiting, length> waiting_;
    std::pmr::vector<std::pmr::vector<std::byte>> bytes_;
    std::size_t added_ = 0;
};

} // namespace etl::feature
