// Sorting the entries of distinct sets.
//
// An entry is 8 bytes (a number that a bijection has spread over all 64 bits) or 16 (a fingerprint). Both are spread
// evenly, so the leading bits of an entry tell nearly where it belongs: one pass deals the entries out to buckets of a
// few, and an insertion sort orders each bucket where it lies, in the cache. What is larger than the room for that is
// first parted in place by eight bits at a time (the American flag sort of McIlroy, Bostic and McIlroy, "Engineering
// Radix Sort", 1993), so that no more than 16 MB are needed beside the entries, however many they are. Entries that
// somebody has chosen to share their leading bits cost comparisons, and nothing else.
#pragma once

#include "core/error.hpp"
#include "sketch/fingerprint.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>

namespace etl {

constexpr bool precedes(std::uint64_t left, std::uint64_t right) noexcept
{
    return left < right;
}

constexpr bool precedes(const fingerprint& left, const fingerprint& right) noexcept
{
    return left.low != right.low ? left.low < right.low : left.high < right.high;
}

inline constexpr std::size_t usual_scratch = std::size_t{16} << 20;

// Sorts the entries and drops what repeats. How many are left, at the front.
std::size_t sort_distinct(std::span<std::uint64_t> entries, std::pmr::memory_resource& memory, poll_fn poll,
                          std::size_t scratch_bytes = usual_scratch);
std::size_t sort_distinct(std::span<fingerprint> entries, std::pmr::memory_resource& memory, poll_fn poll,
                          std::size_t scratch_bytes = usual_scratch);

// The same in any order, which is faster: equal entries share a bucket.
std::size_t drop_repeated(std::span<std::uint64_t> entries, std::pmr::memory_resource& memory, poll_fn poll,
                          std::size_t scratch_bytes = usual_scratch);
std::size_t drop_repeated(std::span<fingerprint> entries, std::pmr::memory_resource& memory, poll_fn poll,
                          std::size_t scratch_bytes = usual_scratch);

} // namespace etl
