// The little arithmetic of large natural numbers that exact sums need to become one correctly rounded double.
//
// A number is its digits of 32 bits, the lowest first, without zeros at the end.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace etl {

using natural = std::vector<std::uint32_t>;

void trim(natural& number);
natural product(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b);
natural natural_of(unsigned __int128 value);

// a - b, of which a is not the smaller one.
natural difference(natural a, std::span<const std::uint32_t> b);

// Whether a < b, a == b, a > b: below, at, above zero.
int compare(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) noexcept;

// The double nearest to number × 2^exponent / divisor, ties to even; infinite beyond the largest one.
double nearest_double(const natural& number, int exponent, unsigned __int128 divisor = 1);

} // namespace etl
