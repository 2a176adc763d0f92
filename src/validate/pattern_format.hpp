// Well-known formats of texts that vary too much to be seen from single places: addresses, moments, numbers.
#pragma once

#include <cstdint>
#include <string_view>

namespace etl::validate {

// A set of formats is a sum of these.
namespace format {
inline constexpr std::uint8_t email = 1;
inline constexpr std::uint8_t url = 2;
inline constexpr std::uint8_t ipv4 = 4;
inline constexpr std::uint8_t moment = 8;
inline constexpr std::uint8_t number = 16;
} // namespace format

// Those of `possible` that a text is of.
std::uint8_t formats_of(std::string_view text, std::uint8_t possible) noexcept;

// The regular expression of one format, without anchors. It is true of a text where formats_of() has the format.
const char* regex_of(std::uint8_t format) noexcept;

} // namespace etl::validate
