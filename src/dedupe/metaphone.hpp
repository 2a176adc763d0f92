// The Metaphone code of an English word: L. Philips, "Hanging on the Metaphone", Computer Language, December 1990.
// Letters stand for sounds: X for sh, 0 for th; vowels are kept at the beginning only. The original code has up to 4
// letters. An empty text, or one without a letter from A to Z, has the empty code.
#pragma once

#include <string>
#include <string_view>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

std::string metaphone(std::string_view word, int max_length = 4);

} // namespace etl::dedupe
