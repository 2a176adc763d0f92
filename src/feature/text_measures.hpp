// What a text is made of, in numbers.
#pragma once

#include "core/error.hpp"

#include <cstdint>
#include <memory_resource>
#include <string_view>

namespace etl {

// Decimal digits of any script (Unicode's category Nd) in a text in UTF-8.
std::int64_t digit_count(std::string_view text, poll_fn poll);

// Entropy in bits for each character: the sum of -p log2 p over the different characters, p being the share of one (C.
// E. Shannon, "A Mathematical Theory of Communication", 1948). 0 for a text of one character over and over, and for an
// empty one. Characters are code points; a byte that is no UTF-8 counts as one.
double text_entropy(std::string_view text, std::pmr::memory_resource* memory, poll_fn poll);

} // namespace etl
