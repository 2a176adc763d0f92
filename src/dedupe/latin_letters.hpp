// The letters A to Z of a text, which is all that a phonetic code knows.
#pragma once

#include <string>
#include <string_view>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

enum class spaces { drop, keep };
enum class cedilla { is_c, is_s };

// Upper-case letters A to Z. Letters with marks lose them, ligatures and the letters of Northern Europe become what
// they are written as in English (ß SS, ø O, æ AE, þ TH); letters of other scripts, digits and signs are left out.
// Where spaces are kept, what is no letter ends a word, but for apostrophes and marks. C with a cedilla is S in sound.
// The text is UTF-8; 54000 for one of more than longest_text bytes.
std::string latin_letters(std::string_view text, spaces between = spaces::drop, cedilla c = cedilla::is_c);

// The length of a code as a user gives it. Raises 22023 below 1.
std::size_t require_code_length(int max_length);

} // namespace etl::dedupe
