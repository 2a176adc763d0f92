// Fingerprints: 128 bits that stand for a value wherever sets of values are kept.
//
// Whole numbers, moments and UUIDs fit into a fingerprint: theirs is a bijection, so two values never share one.
// Longer values (text, numeric) are hashed with XXH3, whose 128 bits make a chance collision among n values as likely
// as n^2 / 2^129: 2 in 10^24 for the 37 million values that a set holds at most. XXH3 is no cryptographic hash:
// somebody who wants two texts to collide can construct them.
//
// The seed and the mixing constants are part of the layout of stored states: they never change within a version.
#pragma once

#include "core/bytes.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace etl {

struct fingerprint {
    std::uint64_t low;
    std::uint64_t high;

    bool is_zero() const noexcept { return (low | high) == 0; }
    friend bool operator==(const fingerprint&, const fingerprint&) noexcept = default;
};
static_assert(sizeof(fingerprint) == 16, "fingerprints lie side by side in stored states");

// The part of so many in which all that has a key meets: by its upper bits, as tables go by the lower ones.
constexpr std::size_t part_of(const fingerprint& key, std::uint32_t parts) noexcept
{
    return (key.high >> 32) * parts >> 32;
}

// Which family a whole number belongs to, so that a day and a number in one set stay two values. Never zero.
enum class number_kind : std::uint64_t { integer = 1, timestamptz = 2, timestamp = 3, date = 4 };

namespace detail {

inline constexpr std::uint64_t fingerprint_seed = 0x70675f65746c0001; // "pg_etl" and the layout's number

inline const char somewhere = 0; // its address is another in every server

// The finalizer of Steele, Lea and Flood's SplitMix64 ("Fast splittable pseudorandom number generators", 2014): a
// bijection of 64 bits whose every input bit reaches every output bit.
constexpr std::uint64_t mix64(std::uint64_t x) noexcept
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

} // namespace detail

inline fingerprint fingerprint_of(std::span<const std::byte> bytes) noexcept
{
    const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), detail::fingerprint_seed);
    return {hash.low64, hash.high64};
}

inline fingerprint fingerprint_of(std::string_view text) noexcept
{
    return fingerprint_of(std::as_bytes(std::span{text}));
}

constexpr fingerprint fingerprint_of(std::int64_t value, number_kind kind) noexcept
{
    return {detail::mix64(static_cast<std::uint64_t>(value)), static_cast<std::uint64_t>(kind)};
}

// One round of a Feistel network: invertible, and the low half, which picks the slot, depends on all 16 bytes.
inline fingerprint fingerprint_of_uuid(const std::byte* uuid) noexcept
{
    const auto left = load<std::uint64_t>(uuid);
    const auto right = load<std::uint64_t>(uuid + sizeof left);
    return {detail::mix64(left ^ detail::mix64(right)), right};
}

// For hash tables of fingerprints that may be a stranger's: where the library lies in memory, which he does not know,
// keeps him from choosing many that share a slot.
struct print_hash {
    std::size_t operator()(const fingerprint& of) const noexcept
    {
        return detail::mix64(of.low ^ detail::mix64(of.high ^ reinterpret_cast<std::uintptr_t>(&detail::somewhere)));
    }
};

} // namespace etl
