// An exact multiset of keys in bounded memory: which values there are, and how many rows have each.
//
// Keys are added in any order and read back in ascending order, equal ones joined, whatever their number: that answers
// uniqueness, distinct counts, value counts, and every quantile. Three stages:
//
//   hot      a small hash table of keys that come again and again; a column of few values never gets past it
//   pending  keys as they came, unsorted, 8 or 16 bytes each
//   settled  sorted and joined: keys of one row (8 or 16 bytes), and keys of several with their number (8 more)
//
// When pending is as large as settled it is sorted, joined and merged with settled, in linear time. Where there is a
// run_store and both together outgrow the budget, they are merged into a run there instead. Many small runs are merged
// into a large one. Memory stays below twice the budget (plus 64 kB) while keys are added, and below twice the
// budget plus 16 kB for each run while they are read. Without a store there is no bound but memory.
//
// Merging adds everything that another multiset holds; its runs are taken over by reference. So the same rows make the
// same multiset in however many parts, and in whatever order, they come.
#pragma once

#include "core/byte_io.hpp"
#include "core/error.hpp"
#include "core/run_store.hpp"
#include "sketch/hot_keys.hpp"
#include "sketch/run_merge.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory_resource>
#include <span>
#include <type_traits>
#include <vector>

namespace etl {

template <class Key>
class sorted_runs {
  public:
    using entry = key_rows<Key>; // { Key key; std::uint64_t rows; }

    static constexpr std::size_t no_budget = std::numeric_limits<std::size_t>::max();

    // `store` and `memory` outlive the object. poll is called within everything that takes long, add() included.
    explicit sorted_runs(std::pmr::memory_resource* memory, std::size_t budget = no_budget, run_store* store = nullptr,
                         poll_fn poll = never_poll);
    sorted_runs(sorted_runs&&) noexcept = default;
    sorted_runs(const sorted_runs&) = delete;
    sorted_runs& operator=(const sorted_runs&) = delete;

    void add(Key key)
    {
        ++rows_;
        if (!hot_.is_on() || !hot_.add(key)) {
            append(key);
        }
    }

    // The same key for several rows.
    void add(Key key, std::uint64_t rows);

    // Adds what the other holds; the other stays as it is.
    void merge(const sorted_runs& other);

    // Rows added, in memory and in runs.
    std::uint64_t rows() const noexcept { return rows_; }
    bool has_runs() const noexcept { return !runs_.empty(); }

    // Bytes held in memory, vectors' spare room included.
    std::size_t memory_bytes() const noexcept;

    // Calls f(entry) for every key in ascending order, rows > 0. An f that returns bool ends the walk by false.
    template <class F>
    void each(F&& f)
    {
        run_merge<Key> all = start_merge();
        for (auto batch = all.next(); !batch.empty(); batch = all.next()) {
            for (const entry& found : batch) {
                if constexpr (std::is_void_v<std::invoke_result_t<F&, const entry&>>) {
                    f(found);
                } else if (!f(found)) {
                    return;
                }
            }
        }
    }

    // Sorts and joins what is pending. The functions below and each() do it by themselves.
    void settle();

    // Moves all that is in memory into a run, so that the flat form is a few bytes. Nothing where there is no store.
    void spill();

    // The flat form. References to runs are only of use to processes that share the store.
    std::size_t flat_size();
    void write(byte_writer& to);

    // The same, but what is large goes to the store first, where there is one: so a worker's state stays small on its
    // way to the leader.
    void write_small(byte_writer& to);

    // Reads a flat form into an empty object. Its bytes are a stranger's: runs are refused where it has no store.
    void read(byte_reader& from);

  private:
    void append(Key key)
    {
        if (pending_.size() == pending_room_) {
            make_room();
        }
        pending_.push_back(key);
    }
    void append(entry added);
    void drain_hot();
    void make_room();
    void keep_hot(std::uint64_t came);
    void set_pending_limit() noexcept;
    void sort_pending();
    void make_settled();
    void settle_with(const key_lists<Key>& more);
    void write_memory(key_lists<Key> more = {});
    void write_run(std::span<const run> runs, std::span<const key_lists<Key>> lists);
    void compact_runs();
    run_merge<Key> start_merge();
    key_lists<Key> settled() const noexcept { return {settled_, settled_several_}; }
    key_lists<Key> pending() const noexcept { return {pending_, pending_several_}; }

    hot_keys<Key> hot_;
    std::pmr::vector<Key> pending_;
    std::pmr::vector<entry> pending_several_; // keys that were added with several rows
    std::pmr::vector<Key> settled_;           // ascending: keys of one row
    std::pmr::vector<entry> settled_several_; // ascending: keys of two and more; none of them is in settled_
    std::pmr::vector<run> runs_;
    std::uint64_t rows_ = 0;
    std::size_t pending_limit_ = 0;    // keys
    std::size_t pending_room_ = 0;     // what pending_ has room for, at most the limit
    std::uint64_t rows_when_full_ = 0; // rows_ when pending_ was full last
    bool hot_failed_ = false;          // it was on, and most keys were others
    std::size_t budget_;
    run_store* store_;
    poll_fn poll_;
};

extern template class sorted_runs<fingerprint>;
extern template class sorted_runs<std::uint64_t>;

} // namespace etl
