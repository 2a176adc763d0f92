#include "extract/json_text.hpp"

#include "core/hex.hpp"
#include "core/utf8.hpp"

#include <cstddef>
#include <cstdint>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

// Takes digits off the front; how many.
std::size_t take_digits(std::string_view& text) noexcept
{
    std::size_t count = 0;
    while (count < text.size() && is_digit(text[count])) {
        ++count;
    }
    text.remove_prefix(count);
    return count;
}

bool take(std::string_view& text, char c) noexcept
{
    const bool found = text.starts_with(c);
    text.remove_prefix(found ? 1 : 0);
    return found;
}

// The value of the four digits of a \u; -1 where they are none.
int code_unit(std::string_view digits) noexcept
{
    if (digits.size() < 4) {
        return -1;
    }
    int value = 0;
    for (const char c : digits.substr(0, 4)) {
        const int digit = hex_digit(c);
        if (digit < 0) {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

void append_utf8(char32_t c, std::string& into)
{
    const auto tail = [c](int shift) { return static_cast<char>(0x80 | (c >> shift & 0x3F)); };
    if (c < 0x80) {
        into += static_cast<char>(c);
    } else if (c < 0x800) {
        into += static_cast<char>(0xC0 | c >> 6);
        into += tail(0);
    } else if (c < 0x10000) {
        into += static_cast<char>(0xE0 | c >> 12);
        into += tail(6);
        into += tail(0);
    } else {
        into += static_cast<char>(0xF0 | c >> 18);
        into += tail(12);
        into += tail(6);
        into += tail(0);
    }
}

void append_unit(unsigned unit, std::string& into)
{
    constexpr char digits[] = "0123456789abcdef";
    into += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) {
        into += digits[unit >> shift & 15];
    }
}

bool is_high_surrogate(int unit) noexcept
{
    return unit >= 0xD800 && unit < 0xDC00;
}

bool is_low_surrogate(int unit) noexcept
{
    return unit >= 0xDC00 && unit < 0xE000;
}

// `text` begins behind the u of an escape, and what was read is taken off it.
text_fault unescape_unicode(std::string_view& text, std::string& into)
{
    const int first = code_unit(text);
    text.remove_prefix(4);
    if (first == 0) {
        return text_fault::zero_character;
    }
    if (is_low_surrogate(first)) {
        return text_fault::lone_surrogate;
    }
    if (!is_high_surrogate(first)) {
        append_utf8(static_cast<char32_t>(first), into);
        return text_fault::none;
    }
    const int second = text.starts_with("\\u") ? code_unit(text.substr(2)) : -1;
    if (!is_low_surrogate(second)) {
        return text_fault::lone_surrogate;
    }
    text.remove_prefix(6);
    append_utf8(static_cast<char32_t>(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)), into);
    return text_fault::none;
}

// The character of an escape of one letter; 0 where there is no such escape.
char escaped_character(char letter) noexcept
{
    switch (letter) {
    case '"':
    case '\\':
    case '/':
        return letter;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return '\0';
    }
}

} // namespace

bool is_json_number(std::string_view text) noexcept
{
    take(text, '-');
    if (!take(text, '0') && take_digits(text) == 0) {
        return false;
    }
    if (take(text, '.') && take_digits(text) == 0) {
        return false;
    }
    if (take(text, 'e') || take(text, 'E')) {
        if (!take(text, '+')) {
            take(text, '-');
        }
        if (take_digits(text) == 0) {
            return false;
        }
    }
    return text.empty();
}

bool has_valid_escapes(std::string_view text) noexcept
{
    for (std::size_t at = text.find('\\'); at != std::string_view::npos; at = text.find('\\')) {
        text.remove_prefix(at + 1);
        if (text.empty()) {
            return false;
        }
        const bool is_unicode = text[0] == 'u';
        if (is_unicode ? code_unit(text.substr(1)) < 0 : escaped_character(text[0]) == '\0') {
            return false;
        }
        text.remove_prefix(is_unicode ? 5 : 1);
    }
    return true;
}

text_fault unescape_json(std::string_view text, std::string& into)
{
    for (std::size_t at = text.find('\\'); at != std::string_view::npos; at = text.find('\\')) {
        into += text.substr(0, at);
        const char letter = text[at + 1];
        text.remove_prefix(at + 2);
        if (letter == 'u') {
            const text_fault fault = unescape_unicode(text, into);
            if (fault != text_fault::none) {
                return fault;
            }
        } else {
            into += escaped_character(letter);
        }
    }
    into += text;
    return text_fault::none;
}

void append_json_string(std::string_view text, std::string& into)
{
    into += '"';
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20) {
            append_unit(static_cast<unsigned char>(c), into);
        } else {
            if (c == '"' || c == '\\') {
                into += '\\';
            }
            into += c;
        }
    }
    into += '"';
}

std::string ascii_json(std::string_view text)
{
    std::string made;
    for (std::size_t at = 0; at < text.size();) {
        const auto [value, size] = decode_at(text, at);
        at += size;
        if (value < 0x80 || !is_character(value)) {
            made += value < 0x80 ? static_cast<char>(value) : '?';
        } else if (value < 0x10000) {
            append_unit(static_cast<unsigned>(value), made);
        } else {
            append_unit(0xD800 + ((static_cast<unsigned>(value) - 0x10000) >> 10), made);
            append_unit(0xDC00 + ((static_cast<unsigned>(value) - 0x10000) & 0x3FF), made);
        }
    }
    return made;
}

} // namespace etl
