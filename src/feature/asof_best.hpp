// For each of some labels the best of the rows that it may be joined to: the nearest in time, of those the one that was
// created last, and of those the one whose bytes the caller ranks highest.
//
// Rows come in any order. A row that may be joined backward is noted at the first label that it serves only, for it
// serves all later ones of its key: the answer of a label is the best that is noted up to it. Forward it is the
// other way round. So a row costs a search, and memory is one row a label, however many rows come. Forward, among rows
// that had to be known, a row serves a stretch of labels with two ends: that is noted in a segment tree.
#pragma once

#include "core/error.hpp"
#include "feature/asof_index.hpp"
#include "feature/asof_records.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl::feature {

// Which of two rows of the same moments is better.
class row_ranking {
  public:
    // Above zero where a is better, below zero where b is, zero where they are equal.
    virtual int compare(std::span<const std::byte> a, std::span<const std::byte> b) = 0;

  protected:
    ~row_ranking() = default;
};

// A row that was noted, with its bytes behind it.
struct noted_row {
    std::int64_t time;
    std::int64_t known;
    std::int64_t created;
    std::uint32_t bytes;
    std::uint32_t room;
    std::uint32_t places; // where it is noted
    std::uint32_t zero;

    std::span<const std::byte> row() const noexcept { return {reinterpret_cast<const std::byte*>(this + 1), bytes}; }
};

// Where a row is to be noted: the labels that it serves.
struct asof_places {
    label_range backward;
    label_range forward;
};

class asof_best {
  public:
    // For the labels of a range. The index, the ranking and the memory outlive the object.
    asof_best(std::pmr::memory_resource* memory, const asof_index& index, label_range labels, row_ranking& ranking);
    ~asof_best() { clear(); }
    asof_best(const asof_best&) = delete;
    asof_best& operator=(const asof_best&) = delete;

    void offer(const asof_record& row, std::span<const std::byte> bytes)
    {
        offer(row, bytes, places_of(row, index_.find(row.key)));
    }

    // The same in steps, for asof_queue: the labels of the row's key lead to the places, and these to rows.
    asof_places places_of(const asof_record& row, label_range of_key) const noexcept;
    void approach_places(const asof_places& of) const noexcept;
    void approach_rows(const asof_places& of) const noexcept;
    void offer(const asof_record& row, std::span<const std::byte> bytes, const asof_places& at);

    // Bytes of the rows that are noted.
    std::size_t row_bytes() const noexcept { return row_bytes_; }

    // Calls f(const fingerprint& key, const noted_row&) for each row, at least once. Not after settle().
    template <class F>
    void each(F&& f) const
    {
        for (std::uint32_t number = 0; number < index_.groups(); ++number) {
            const label_range of = index_.group(number);
            for (const auto* places : {&backward_, &forward_}) {
                for (std::uint32_t i = of.first; i < of.last && i < places->size(); ++i) {
                    __builtin_prefetch((*places)[std::min<std::size_t>(i + 8, places->size() - 1)]);
                    if (const noted_row* row = (*places)[i]) {
                        f(index_.key(number), *row);
                    }
                }
            }
        }
    }

    // Forgets all rows.
    void clear() noexcept;

    // After the last row: gives every label its answers. Only answer() may be called then.
    void settle(poll_fn poll);

    // Brings what answer() will read into the cache: soon, for a label that comes later, and for one that comes next.
    void approach(std::uint32_t later, std::uint32_t next) const noexcept;

    // The answer of a label whose row must not be before `first` nor after `last`; nullptr where there is none.
    const noted_row* answer(std::uint32_t label, std::int64_t first, std::int64_t last) const noexcept;

  private:
    enum class direction { backward, forward };

    bool is_better(direction in, const noted_row& a, const noted_row& b);
    bool is_better(direction in, const asof_record& a, std::span<const std::byte> bytes, const noted_row& b);
    void note(direction in, noted_row*& place, const asof_record& row, std::span<const std::byte> bytes,
              noted_row*& made);
    void note_in_tree(label_range of, const asof_record& row, std::span<const std::byte> bytes, noted_row*& made);
    noted_row* make(const asof_record& row, std::span<const std::byte> bytes);
    void fill(noted_row& to, const asof_record& row, std::span<const std::byte> bytes);
    void drop(noted_row*& place) noexcept;
    void take_better(direction in, noted_row*& place, noted_row* other);
    label_range within(label_range of) const noexcept;

    std::pmr::memory_resource* memory_;
    const asof_index& index_;
    label_range labels_;
    row_ranking& ranking_;
    bool has_tree_;
    std::pmr::vector<noted_row*> backward_;
    std::pmr::vector<noted_row*> forward_; // by label, or the tree: the leaves from the number of labels on
    std::size_t row_bytes_ = 0;
};

} // namespace etl::feature
