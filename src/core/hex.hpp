// Bytes as hexadecimal digits, where bytes must travel in a text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etl {

inline std::string to_hex(std::span<const std::byte> bytes)
{
    constexpr char digits[] = "0123456789abcdef";
    std::string made;
    made.reserve(2 * bytes.size());
    for (const std::byte byte : bytes) {
        made += digits[static_cast<unsigned>(byte) >> 4];
        made += digits[static_cast<unsigned>(byte) & 15];
    }
    return made;
}

// The value of a digit; -1 where it is none.
constexpr int hex_digit(char c) noexcept
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// nullopt where the text is no pairs of digits.
inline std::optional<std::vector<std::byte>> from_hex(std::string_view text)
{
    if (text.size() % 2 != 0) {
        return std::nullopt;
    }
    std::vector<std::byte> made;
    made.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_digit(text[i]);
        const int low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        made.push_back(static_cast<std::byte>(high << 4 | low));
    }
    return made;
}

} // namespace etl
