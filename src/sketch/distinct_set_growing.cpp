#include "sketch/distinct_set_growing.hpp"

#include "sketch/distinct_set_sort.hpp"

#include <algorithm>
#include <bit>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t always_looked_at_bytes = std::size_t{16} << 20;

// Somebody who chooses numbers must not choose what shares a slot.
std::size_t hash_of(const fingerprint& entry)
{
    return print_hash{}(entry);
}

std::size_t hash_of(std::uint64_t entry)
{
    return hash_of(fingerprint{entry, 0});
}

// Calls f(offset, bytes) for pieces of so many bytes, for a whole gigabyte would keep a cancel waiting.
template <class F>
void in_pieces(std::size_t size, poll_fn poll, F&& f)
{
    constexpr std::size_t piece = std::size_t{4} << 20;
    for (std::size_t at = 0; at < size; at += piece) {
        if (at > 0) {
            poll();
        }
        f(at, std::min(piece, size - at));
    }
}

void copy(std::byte* to, const std::byte* from, std::size_t size, poll_fn poll)
{
    in_pieces(size, poll, [=](std::size_t at, std::size_t bytes) { std::memcpy(to + at, from + at, bytes); });
}

void clear(void* to, std::size_t size, poll_fn poll)
{
    in_pieces(size, poll,
              [=](std::size_t at, std::size_t bytes) { std::memset(static_cast<std::byte*>(to) + at, 0, bytes); });
}

} // namespace

void growing_set::add_all(const distinct_set& from, const set_surroundings& in)
{
    if (slots_ != nullptr) {
        with_entry_of(kind_.width, [&]<class Entry>(Entry) {
            poller stop{in.poll};
            for (std::size_t i = 0; i < from.entries(); ++i) {
                look_up(from.entry<Entry>(i), in);
                stop.tick();
            }
        });
        return;
    }
    const auto added = static_cast<std::uint32_t>(from.entries());
    if (added > capacity_ - count_) {
        make_room(added, in);
    }
    const auto bytes_added = from.entry_bytes();
    copy(entries_ + bytes(), bytes_added.data(), bytes_added.size(), in.poll);
    if (count_ == 0 && !from.is_open()) {
        distinct_ = added;
        is_sorted_ = true;
    }
    count_ += added;
}

std::uint64_t growing_set::count(const set_surroundings& in)
{
    if (distinct_ != count_) {
        drop_repeated(in);
        if (was_counted_) {
            add_index(in);
        }
    }
    was_counted_ = true;
    return count_;
}

void growing_set::close(const set_surroundings& in)
{
    drop_index(in);
    if (!is_closed()) {
        keep(with_entry_of(kind_.width,
                           [&]<class Entry>(Entry) { return sort_distinct(as<Entry>(), in.memory, in.poll); }));
        is_sorted_ = true;
    }
}

void growing_set::drop_repeated(const set_surroundings& in)
{
    if (distinct_ != count_) {
        keep(with_entry_of(kind_.width,
                           [&]<class Entry>(Entry) { return etl::drop_repeated(as<Entry>(), in.memory, in.poll); }));
        is_sorted_ = false;
    }
}

void growing_set::keep(std::size_t left)
{
    if (left > distinct_set::max_count(kind_.width)) {
        refuse_set_size(kind_.width);
    }
    count_ = static_cast<std::uint32_t>(left);
    distinct_ = count_;
}

void growing_set::make_room(std::uint32_t wanted, const set_surroundings& in)
{
    if (grows_next_) {
        grows_next_ = false;
    } else {
        const std::uint32_t before = count_;
        drop_repeated(in);
        grows_next_ = count_ > before / 4 * 3 && std::size_t{capacity_} * kind_.width < always_looked_at_bytes;
    }
    const std::uint64_t needed = std::uint64_t{count_} + wanted;
    if (needed > capacity_ || count_ > capacity_ / 2) {
        grow(std::max(needed, std::uint64_t{capacity_} * 2), in);
    }
}

void growing_set::grow(std::uint64_t capacity, const set_surroundings& in)
{
    const std::size_t size = std::bit_ceil(capacity * kind_.width);
    auto* made = static_cast<std::byte*>(in.memory.allocate(size, alignof(std::uint64_t)));
    copy(made, entries_, bytes(), in.poll);
    if (entries_ != room_) {
        in.memory.deallocate(entries_, std::size_t{capacity_} * kind_.width, alignof(std::uint64_t));
    }
    entries_ = made;
    capacity_ = static_cast<std::uint32_t>(size / kind_.width);
}

std::size_t growing_set::flat_size(const set_surroundings& in)
{
    if (bytes() > distinct_set::max_bytes) {
        close(in);
    }
    return distinct_set::header_size + bytes();
}

void growing_set::write(std::byte* to, poll_fn poll) const
{
    distinct_set::write_header(to, kind_, !is_closed());
    copy(to + distinct_set::header_size, entries_, bytes(), poll);
}

// --- the index -------------------------------------------------------------------------------------------------------

std::size_t growing_set::slot_count() const noexcept
{
    return std::bit_ceil(std::size_t{capacity_} * 2);
}

// Of entries that are distinct.
void growing_set::add_index(const set_surroundings& in)
{
    const std::size_t slots = slot_count();
    slots_ = static_cast<std::uint32_t*>(in.memory.allocate(slots * sizeof(std::uint32_t), alignof(std::uint32_t)));
    clear(slots_, slots * sizeof(std::uint32_t), in.poll);
    with_entry_of(kind_.width, [&]<class Entry>(Entry) {
        poller stop{in.poll};
        for (std::uint32_t i = 0; i < count_; ++i) {
            slots_[find_slot(as<Entry>()[i])] = i + 1;
            stop.tick();
        }
    });
}

void growing_set::drop_index(const set_surroundings& in)
{
    if (slots_ != nullptr) {
        in.memory.deallocate(slots_, slot_count() * sizeof(std::uint32_t), alignof(std::uint32_t));
        slots_ = nullptr;
        distinct_ = count_;
        is_sorted_ = false;
    }
}

// Where the entry's place is noted or would be.
template <class Entry>
std::size_t growing_set::find_slot(const Entry& entry)
{
    const std::size_t last = slot_count() - 1;
    std::size_t slot = hash_of(entry) & last;
    while (slots_[slot] != 0 && as<Entry>()[slots_[slot] - 1] != entry) {
        slot = (slot + 1) & last;
    }
    return slot;
}

template <class Entry>
void growing_set::look_up(const Entry& entry, const set_surroundings& in)
{
    std::size_t slot = find_slot(entry);
    if (slots_[slot] != 0) {
        return;
    }
    if (count_ == distinct_set::max_count(kind_.width)) {
        refuse_set_size(kind_.width);
    }
    if (count_ == capacity_) {
        drop_index(in);
        grow(std::uint64_t{capacity_} * 2, in);
        add_index(in);
        slot = find_slot(entry);
    }
    store(entries_ + bytes(), entry);
    slots_[slot] = ++count_;
    distinct_ = count_;
    is_sorted_ = false;
}

template void growing_set::look_up(const std::uint64_t&, const set_surroundings&);
template void growing_set::look_up(const fingerprint&, const set_surroundings&);

} // namespace etl
