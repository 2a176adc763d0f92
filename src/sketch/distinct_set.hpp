// A set of distinct values as one flat state: what etl.count_distinct counts and etl.distinct_set stores.
//
// Layout, little-endian:
//
//   magic u32, version u32     state_header
//   count u64                  values in the set
//   slots u32                  three times a power of two
//   holds_zero u32             1 when the all-zero fingerprint is in the set: its slot would look empty
//   fingerprint[slots]         open addressing with linear probing; all zero is empty
//
// A fingerprint's home is the slot that its lowest 32 bits name, modulo the number of slots, and it lies there or in
// the first free slot after it, around the end. At most three quarters of the slots are taken, so that every probe
// ends soon. A set starts with six slots, because most groups are small, and doubles. Three times a power of two fills
// a memory context's chunks, which are powers of two, for three quarters; a power of two and the header, for half.
#pragma once

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "sketch/fingerprint.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace etl {

class distinct_set {
  public:
    // 768 MB of slots: the next doubling would pass PostgreSQL's limit for one value.
    static constexpr std::uint32_t max_slots = 3u << 24;
    static constexpr std::uint64_t max_count = std::uint64_t{max_slots} / 4 * 3;

    // Takes the set in the buffer; an empty buffer becomes an empty set.
    explicit distinct_set(flat_buffer& buffer);

    // Adds a value. True when it is new.
    bool insert(fingerprint value);

    // Adds all values of another set, which stays as it is and must not lie in this set's buffer.
    void merge(std::span<const std::byte> other, poll_fn poll);

    std::uint64_t count() const noexcept;

    // The same for a set that is only read.
    static std::uint64_t count(std::span<const std::byte> bytes);
    static bool contains(std::span<const std::byte> bytes, fingerprint value);

    // Proves that bytes from outside are a set with every property named above, or throws. The functions above look
    // only at the header and the length.
    static void check(std::span<const std::byte> bytes, poll_fn poll);

  private:
    void grow(std::uint32_t slots);
    void reserve(std::uint64_t count);

    flat_buffer& buffer_;
};

} // namespace etl
