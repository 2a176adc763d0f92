// The little of Unicode that normalising needs, over utf8proc's tables: characters into UTF-8, what kind of
// character one is, and its folding. All memory is the caller's.
#pragma once

#include "core/utf8.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

void append_character(std::pmr::string& to, char32_t character);

enum class character_kind : std::uint8_t {
    letter, // and what is not known to be anything else
    digit,
    number, // of another kind: ², ½, Ⅷ
    mark,
    punctuation,
    symbol,
    separator, // also the control characters that move to another place, as tab and new line
    control,   // other control characters, and what is not seen at all
};
character_kind kind_of(char32_t character) noexcept;

// 0 to 9 for a decimal digit of any script, otherwise -1.
int digit_value(char32_t character) noexcept;

// The longest folding of one character is 18 (U+FDFA).
inline constexpr std::size_t longest_folding = 32;

// The characters that NFKC_Casefold makes of one, decomposed: compatible forms become the usual ones, capital letters
// small, accents marks of their own; what is not seen goes. Only the micro sign stays, whose folding is a letter of
// Greek that 8-bit encodings with that sign lack. Returns how many were written.
std::size_t fold(char32_t character, std::span<std::int32_t, longest_folding> to) noexcept;

// Puts marks in their canonical order and composes what can be composed, in place. Returns the new length.
std::size_t compose(std::span<std::int32_t> characters);

// Whether composing cannot reach from before this character to it: a text may be cut there.
bool begins_anew(char32_t character) noexcept;

} // namespace etl::dedupe
