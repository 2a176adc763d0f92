// Which characters count as blanks in a text: those of Python's str.isspace(), which are Unicode's white space and the
// four separators of ASCII. strptime, dateutil and tokens skip all of them.
#pragma once

#include <cstddef>
#include <string_view>

namespace etl {

// The bytes of the blank that a text in UTF-8 starts with; 0 where it starts with something else.
constexpr std::size_t blank_length(std::string_view text) noexcept
{
    const auto byte = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const unsigned first = byte(0);
    if (first < 0x80) {
        return first == ' ' || (first >= '\t' && first <= '\r') || (first >= 0x1c && first <= 0x1f) ? 1 : 0;
    }
    const unsigned second = byte(1);
    const unsigned both = second << 8U | byte(2);
    switch (first) {
    case 0xc2: // U+0085, U+00A0
        return second == 0x85 || second == 0xa0 ? 2 : 0;
    case 0xe1: // U+1680
        return both == 0x9a80 ? 3 : 0;
    case 0xe2: // U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F
        return (both >= 0x8080 && both <= 0x808a) || both == 0x80a8 || both == 0x80a9 || both == 0x80af ||
                       both == 0x819f
                   ? 3
                   : 0;
    case 0xe3: // U+3000
        return both == 0x8080 ? 3 : 0;
    default:
        return 0;
    }
}

constexpr std::size_t blanks_length(std::string_view text) noexcept
{
    std::size_t size = 0;
    while (const std::size_t more = blank_length(text.substr(size))) {
        size += more;
    }
    return size;
}

} // namespace etl
