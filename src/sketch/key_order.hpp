// The keys that sorted_runs keeps, their order, and how many of them are sorted at once.
//
// A key is a fingerprint, or 64 or 32 bits whose order as an unsigned number is the order wanted. Fingerprints only
// need some order: theirs looks at the low half first, for those 64 bits are evenly spread whatever the values are,
// while the high half of whole numbers is always the same.
#pragma once

#include "core/error.hpp"
#include "sketch/fingerprint.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace etl {

// The key as one unsigned number that has its order.
constexpr unsigned __int128 rank_of(const fingerprint& key) noexcept
{
    return static_cast<unsigned __int128>(key.low) << 64 | key.high;
}
constexpr std::uint64_t rank_of(std::uint64_t key) noexcept
{
    return key;
}

constexpr fingerprint key_of_rank(unsigned __int128 rank) noexcept
{
    return {static_cast<std::uint64_t>(rank >> 64), static_cast<std::uint64_t>(rank)};
}
constexpr std::uint64_t key_of_rank(std::uint64_t rank) noexcept
{
    return rank;
}

template <class Key>
constexpr bool is_before(const Key& a, const Key& b) noexcept
{
    return rank_of(a) < rank_of(b);
}

// Walks over keys in pieces, with a poll after each, so that the loop over a piece stays as fast as it can be.
template <class Key, class F>
void in_pieces(std::span<const Key> keys, poll_fn poll, F&& f)
{
    constexpr std::size_t piece = 65536;
    while (!keys.empty()) {
        const auto next = keys.first(std::min(keys.size(), piece));
        f(next);
        keys = keys.subspan(next.size());
        if (!keys.empty()) {
            poll();
        }
    }
}

template <class Key>
bool is_ascending(std::span<const Key> keys, poll_fn poll);

// Sorts in place, in linear time: buckets by the first byte in which the keys differ, then by the next, then small
// sorts. Keys of few different values cost one pass. Polls within every pass.
void sort_keys(std::span<fingerprint> keys, poll_fn poll);
void sort_keys(std::span<std::uint64_t> keys, poll_fn poll);
void sort_keys(std::span<std::uint32_t> keys, poll_fn poll);

// Numbers as keys, such that the keys' order is the numbers': -infinity … -0 = 0 … infinity, NaN last, as
// PostgreSQL orders float8.
std::uint64_t key_of(double value) noexcept;
double double_of_key(std::uint64_t key) noexcept;
constexpr std::uint64_t key_of(std::int64_t value) noexcept
{
    return static_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << 63);
}
constexpr std::int64_t integer_of_key(std::uint64_t key) noexcept
{
    return static_cast<std::int64_t>(key ^ (std::uint64_t{1} << 63));
}

} // namespace etl
