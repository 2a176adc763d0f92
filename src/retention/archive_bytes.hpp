// Eight bytes at a time: whether one of them ends a run of characters that stand for themselves in a JSON string.
// (The tricks are those of S. E. Anderson, "Bit Twiddling Hacks".)
#pragma once

#include <cstdint>

namespace etl {

constexpr std::uint64_t each(unsigned char byte) noexcept
{
    return 0x0101010101010101U * byte;
}

// Not 0 where one of eight bytes is 0.
constexpr std::uint64_t zero_among(std::uint64_t bytes) noexcept
{
    return (bytes - each(1)) & ~bytes & each(0x80);
}

// Whether one of eight bytes needs an escape within a JSON string: below 0x20, a quote, a backslash.
constexpr bool needs_escape(std::uint64_t bytes) noexcept
{
    const std::uint64_t control = (bytes - each(0x20)) & ~bytes & each(0x80);
    return (control | zero_among(bytes ^ each('"')) | zero_among(bytes ^ each('\\'))) != 0;
}

constexpr bool needs_escape(char c) noexcept
{
    return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

} // namespace etl
