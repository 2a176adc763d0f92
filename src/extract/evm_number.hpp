// Numbers of 256 bits, as words of the ABI hold them, in decimal.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace etl::evm {

// The digits of a big-endian word, exact, with so many of them after a point. Two's complement where signed.
std::string decimal_text(std::span<const std::byte, 32> word, bool is_signed, int places);

// Whether the word is a number of so many bits: filled up with zeros, or with copies of its sign where signed.
bool has_bits(std::span<const std::byte, 32> word, bool is_signed, int bits) noexcept;

} // namespace etl::evm
