// Where the plain part of a JSON string ends, eight bytes at a time: most of a document is strings.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace etl::validate::schema {

inline constexpr std::uint64_t every_byte = 0x0101010101010101;
inline constexpr std::uint64_t high_bits = 0x8080808080808080;

// Marks the bytes of a word that are zero; exact up to the first one.
constexpr std::uint64_t zero_bytes(std::uint64_t word)
{
    return (word - every_byte) & ~word & high_bits;
}

// Marks the bytes at which the plain part of a string ends: a quote, a backslash, a control character.
constexpr std::uint64_t special_bytes(std::uint64_t word)
{
    return zero_bytes(word ^ (every_byte * '"')) | zero_bytes(word ^ (every_byte * '\\')) |
           ((word - every_byte * 0x20) & ~word & high_bits);
}

static_assert(std::endian::native == std::endian::little, "plain_end() finds the first byte of a word at its low end");

// Where the run of plain characters ends that starts here.
inline const char* plain_end(const char* at, const char* end)
{
    while (end - at >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, sizeof word);
        const std::uint64_t special = special_bytes(word);
        if (special != 0) {
            return at + std::countr_zero(special) / 8;
        }
        at += 8;
    }
    while (at != end && *at != '"' && *at != '\\' && static_cast<unsigned char>(*at) >= 0x20) {
        ++at;
    }
    return at;
}

} // namespace etl::validate::schema
