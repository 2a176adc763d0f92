// Equality of JSON values as JSON Schema defines it (enum, const, uniqueItems): numbers by what they are worth, strings
// by their characters, objects whatever the order of their members.
#pragma once

#include "validate/json_schema_document.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace etl::validate::schema {

// Of texts of the same length up to eight bytes only equal ones have equal hashes.
inline constexpr std::size_t surely_told_apart = 8;
std::uint64_t hash_long_text(std::string_view text) noexcept;

inline std::uint64_t hash_text(std::string_view text) noexcept
{
    if (text.size() > surely_told_apart) {
        return hash_long_text(text);
    }
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, text.data(), text.size());
    bytes = (bytes ^ bytes >> 32) * 0x9e3779b97f4a7c15;
    return bytes ^ bytes >> 29;
}

// Equal values have equal hashes.
std::uint64_t hash_value(value of);

bool are_equal(value a, value b);

// Characters of a text in UTF-8.
std::size_t count_characters(std::string_view text) noexcept;

// Takes a character off the start of a text that is not empty.
std::uint32_t take_character(std::string_view& text) noexcept;

void append_utf8(std::string& out, std::uint32_t code_point);

// -1 where it is no hexadecimal digit.
int hex_digit(char c) noexcept;

// A text as a JSON string, with its quotes.
std::string json_string(std::string_view text);

// The first bytes of a text, and an ellipsis where there are more.
std::string shortened(std::string_view text, std::size_t longest = 60);

// A value in a message: a scalar as JSON, cut where it is long, a container in words. Free of characters that
// PostgreSQL's text cannot hold.
std::string excerpt(value of);

// A text without the characters that PostgreSQL's text cannot hold: \u0000 and halves of surrogate pairs are written
// as their JSON escapes.
std::string printable(std::string_view text);

// Characters beyond ASCII as their JSON escapes.
std::string ascii_only(std::string_view text);

} // namespace etl::validate::schema
