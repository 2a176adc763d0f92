// A set of distinct values as one flat value: what etl.distinct_set stores.
//
// Layout, little-endian:
//
//   magic u32, version u32     state_header
//   type u32                   what the values are, see set_kind; 0 where that is not known
//   width u8                   bytes of an entry, 8 or 16
//   flags u8                   1: open; 2: texts as a collation compares them
//   unused u16                 0
//   entry[]                    to the end
//
// An entry of 8 bytes stands for one value and no other (spread() of its bits); one of 16 is a fingerprint. In a closed
// set they ascend, so that equal sets are equal bytes, and union, intersection and difference are one pass. An open set
// has them in any order, some of them more than once: an aggregate under way, which a worker of a parallel plan hands
// on as it is, for putting it in order would have to be done again. Every reader takes both.
#pragma once

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "sketch/fingerprint.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace etl {

// What the values of a set have in common. Sets of different kinds have nothing to do with each other.
struct set_kind {
    std::uint32_t type; // a number of the caller's, 0 for values of which nothing more is known
    std::uint8_t width;
    bool by_collation; // texts that a collation may hold for equal

    friend bool operator==(const set_kind&, const set_kind&) noexcept = default;
};

// The entry of a value of at most 64 bits.
constexpr std::uint64_t spread(std::uint64_t bits) noexcept
{
    return detail::mix64(bits);
}

class distinct_set {
  public:
    static constexpr std::size_t header_size = 16;
    // Just below the 1 GB at which PostgreSQL's values end, with room for the row around the value.
    static constexpr std::size_t max_bytes = 1'024'000'000;
    static constexpr std::uint64_t max_count(std::size_t width) { return max_bytes / width; }

    // Proves that bytes from outside are a set with every property named above, or throws. What follows looks only at
    // the header and the length.
    static void check(std::span<const std::byte> bytes, poll_fn poll);

    // How many values a closed set of so many bytes holds, by its header alone; -1 for an open one.
    static std::int64_t closed_count(std::span<const std::byte> front, std::size_t size);

    // A set that is only read. Throws where the header is none.
    explicit distinct_set(std::span<const std::byte> bytes);

    const set_kind& kind() const noexcept { return kind_; }
    bool is_open() const noexcept { return is_open_; }
    std::size_t entries() const noexcept { return entries_.size() / kind_.width; } // in an open set not the count
    std::span<const std::byte> entry_bytes() const noexcept { return entries_; }
    template <class Entry>
    Entry entry(std::size_t i) const noexcept
    {
        return load<Entry>(entries_.data() + i * sizeof(Entry));
    }

    // Whether the entry is in the set, whose width is its size.
    bool contains(std::uint64_t entry, poll_fn poll) const;
    bool contains(const fingerprint& entry, poll_fn poll) const;

    // Writes the header of a set with so many entries.
    static void write_header(std::byte* to, const set_kind& kind, bool is_open);

  private:
    set_kind kind_;
    bool is_open_;
    std::span<const std::byte> entries_;
};

enum class set_operation : std::uint8_t { unite, intersect, subtract };

// Writes to an empty buffer what the operation makes of two closed sets of one kind. Throws past the largest set.
void combine_sets(set_operation operation, const distinct_set& left, const distinct_set& right, flat_buffer& to,
                  poll_fn poll, std::size_t most_bytes = distinct_set::max_bytes);

// Calls f with an entry of a set of this width, which only tells its type.
template <class F>
auto with_entry_of(std::size_t width, F&& f)
{
    return width == sizeof(std::uint64_t) ? f(std::uint64_t{}) : f(fingerprint{});
}

[[noreturn]] void refuse_set_size(std::size_t width);

} // namespace etl
