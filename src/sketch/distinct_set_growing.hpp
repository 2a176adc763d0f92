// A set of distinct values while it grows.
//
// Values are appended; only when the room is used up is what repeats dropped, all at once and within the cache. That is
// much cheaper than to look each value up as it comes, and sets of different rows are put together by laying one
// behind the other.
//
// Then the room doubles unless half of it became free, and where little had repeated it doubles the next time without
// a look. So the room of values that come one by one is at most six times what the distinct ones need, and four times
// from 16 MB on; a set that is added gets what it takes, rounded up to a power of two.
//
// A running count, as of a window function, asks after every row. When a set is counted the second time it gets an
// index: from then on each value is looked up, and no count sorts anything.
//
// A set is small, because there may be one for each of a million groups: a few entries have their place within it.
// It is trivial, and owns its memory only in so far as it asks a resource for it and gives it back as it grows.
#pragma once

#include "sketch/distinct_set.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>

namespace etl {

// Where a growing set finds its memory, always the same, and how it is stopped.
struct set_surroundings {
    std::pmr::memory_resource& memory;
    poll_fn poll;
};

class growing_set {
  public:
    explicit growing_set(const set_kind& kind) noexcept
        : entries_{room_}, capacity_{static_cast<std::uint32_t>(sizeof room_ / kind.width)}, kind_{kind}
    {
    }
    growing_set(const growing_set&) = delete;
    growing_set& operator=(const growing_set&) = delete;

    const set_kind& kind() const noexcept { return kind_; }

    // Adds an entry, which has the set's width, if that takes no more than to append it.
    template <class Entry>
    bool append(const Entry& entry) noexcept
    {
        if (count_ == capacity_ || slots_ != nullptr) [[unlikely]] {
            return false;
        }
        store(entries_ + std::size_t{count_} * sizeof(Entry), entry);
        ++count_;
        return true;
    }

    // Adds an entry, whatever it takes.
    template <class Entry>
    void add(const Entry& entry, const set_surroundings& in)
    {
        if (slots_ != nullptr) {
            look_up(entry, in);
        } else if (!append(entry)) {
            make_room(1, in);
            append(entry);
        }
    }

    // Adds all entries of a flat set of the same kind.
    void add_all(const distinct_set& from, const set_surroundings& in);

    // How many values there are.
    std::uint64_t count(const set_surroundings& in);

    // Makes it a closed set when it is written.
    void close(const set_surroundings& in);

    // The flat form: open unless close() came after the last value.
    std::size_t flat_size(const set_surroundings& in);
    void write(std::byte* to, poll_fn poll) const;

  private:
    template <class Entry>
    std::span<Entry> as() noexcept
    {
        return {reinterpret_cast<Entry*>(entries_), count_};
    }
    std::size_t bytes() const noexcept { return std::size_t{count_} * kind_.width; }
    bool is_closed() const noexcept { return is_sorted_ && distinct_ == count_ && slots_ == nullptr; }

    void drop_repeated(const set_surroundings& in);
    void keep(std::size_t left);
    void make_room(std::uint32_t wanted, const set_surroundings& in);
    void grow(std::uint64_t capacity, const set_surroundings& in);

    std::size_t slot_count() const noexcept;
    void add_index(const set_surroundings& in);
    void drop_index(const set_surroundings& in);
    template <class Entry>
    void look_up(const Entry& entry, const set_surroundings& in);
    template <class Entry>
    std::size_t find_slot(const Entry& entry);

    std::byte* entries_;
    std::uint32_t* slots_ = nullptr; // the index: places of entries, counted from 1
    std::uint32_t count_ = 0;
    std::uint32_t capacity_;
    std::uint32_t distinct_ = 0; // so many in front are distinct
    set_kind kind_;
    bool is_sorted_ = true;   // and ascend
    bool grows_next_ = false; // the next time that the room is used up, without a look at what repeats
    bool was_counted_ = false;
    alignas(std::uint64_t) std::byte room_[40];
};

} // namespace etl
