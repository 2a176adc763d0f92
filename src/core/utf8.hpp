// Characters out of UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/cpp_only.hpp"

namespace etl {

// A byte that is part of no valid sequence is read as no_character and the byte: as something that is no character, and
// different from every other one.
inline constexpr char32_t no_character = 0x110000;

constexpr bool is_character(char32_t value) noexcept
{
    return value < no_character;
}

struct decoded {
    char32_t value;
    std::size_t size; // bytes
};

namespace detail {
// What a text that is not empty starts with.
decoded decode_sequence(std::string_view text) noexcept;
} // namespace detail

// What stands at a place before the text's end.
inline decoded decode_at(std::string_view text, std::size_t at) noexcept
{
    const auto first = static_cast<unsigned char>(text[at]);
    return first < 0x80 ? decoded{first, 1} : detail::decode_sequence(text.substr(at));
}

} // namespace etl
