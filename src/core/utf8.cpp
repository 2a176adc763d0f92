#include "core/utf8.hpp"

#include <array>

#include "core/cpp_only.hpp"

namespace etl::detail {

// Overlong forms, surrogates and what is beyond U+10FFFF are no UTF-8.
decoded decode_sequence(std::string_view text) noexcept
{
    const auto byte = [text](std::size_t i) -> char32_t { return static_cast<unsigned char>(text[i]); };
    const char32_t first = byte(0);
    if (first < 0x80) {
        return {first, 1};
    }
    const decoded alone{no_character + first, 1};
    const unsigned size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (size == 0 || text.size() < size) {
        return alone;
    }
    char32_t character = first & (0x7fU >> size);
    for (unsigned i = 1; i < size; ++i) {
        if ((byte(i) & 0xc0U) != 0x80U) {
            return alone;
        }
        character = character << 6U | (byte(i) & 0x3fU);
    }
    constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    const bool is_surrogate = character >= 0xd800 && character < 0xe000;
    return character < least[size] || is_surrogate || character >= no_character ? alone : decoded{character, size};
}

} // namespace etl::detail
