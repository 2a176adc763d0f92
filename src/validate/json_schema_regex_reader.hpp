// A regular expression of ECMA-262, read from left to right: its characters, and the characters that escapes stand for.
#pragma once

#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/json_schema_regex.hpp"
#include "validate/json_schema_value.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace etl::validate::schema {

inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

inline bool is_ascii_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

class pattern_reader {
  protected:
    explicit pattern_reader(std::string_view pattern) : pattern_{pattern}, rest_{pattern} {}

    // Valid in ECMA-262, and beyond what runs in linear time.
    [[noreturn]] void refuse_unsupported(const char* what) const { refuse(what, sqlstate::feature_not_supported); }

    [[noreturn]] void refuse(const char* what, const char* state = sqlstate::invalid_regular_expression) const
    {
        const std::string_view read = pattern_.substr(0, pattern_.size() - rest_.size());
        throw error(
            state,
            "invalid or unsupported regular expression in a JSON Schema: " + in_quotes(pattern_excerpt(pattern_)),
            "It has " + std::string{what} + ", after " + std::to_string(count_characters(read)) + " characters.",
            "JSON Schema's regular expressions are those of ECMA-262. They run in linear time, so without back "
            "references, lookbehind, and lookahead elsewhere than at the start, as in ^(?!x).");
    }

    bool done() const { return rest_.empty(); }
    bool at(std::string_view text) const { return rest_.starts_with(text); }

    bool take_if(std::string_view wanted)
    {
        if (!at(wanted)) {
            return false;
        }
        rest_.remove_prefix(wanted.size());
        return true;
    }

    char take()
    {
        if (done()) {
            refuse("an end that comes too early");
        }
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }

    std::size_t digits_from(std::size_t start) const
    {
        std::size_t end = start;
        while (end < rest_.size() && is_digit(rest_[end])) {
            ++end;
        }
        return end - start;
    }

    // The next character as it stands.
    std::uint32_t take_character()
    {
        if (done()) {
            refuse("an end that comes too early");
        }
        return schema::take_character(rest_);
    }

    // The character that an escape stands for.
    std::uint32_t escaped_character()
    {
        constexpr std::string_view letters = "tnvfr";
        constexpr std::string_view meant = "\t\n\v\f\r";
        const std::uint32_t c = take_character();
        const char ascii = c < 0x80 ? static_cast<char>(c) : ' ';
        if (const std::size_t found = letters.find(ascii); found != std::string_view::npos) {
            return static_cast<std::uint32_t>(meant[found]);
        }
        if (ascii == 'c') {
            return control_character();
        }
        if (ascii == 'x') {
            return hex_number(2);
        }
        if (ascii == 'u') {
            return unicode_escape();
        }
        if (ascii == '0' && digits_from(0) == 0) {
            return 0;
        }
        if (is_digit(ascii) || is_ascii_letter(ascii)) {
            refuse("an unknown escape");
        }
        return c;
    }

    std::uint32_t control_character()
    {
        const char c = take();
        if (!is_ascii_letter(c)) {
            refuse("an unknown escape");
        }
        return static_cast<std::uint32_t>(c) % 32;
    }

    std::uint32_t hex_number(int digits)
    {
        std::uint32_t made = 0;
        for (int i = 0; i < digits; ++i) {
            const int digit = hex_digit(take());
            if (digit < 0) {
                refuse("an unknown escape");
            }
            made = made * 16 + static_cast<std::uint32_t>(digit);
        }
        return made;
    }

    // \uXXXX, two of them for a surrogate pair, or \u{X…}
    std::uint32_t unicode_escape()
    {
        if (take_if("{")) {
            std::uint32_t made = 0;
            do {
                made = made * 16 + hex_number(1);
                if (made > 0x10ffff) {
                    refuse("a character beyond Unicode");
                }
            } while (!take_if("}"));
            return made;
        }
        const std::uint32_t unit = hex_number(4);
        if (unit >= 0xd800 && unit < 0xdc00 && take_if("\\u")) {
            const std::uint32_t low = hex_number(4);
            return low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00) : low;
        }
        return unit;
    }

    std::string_view pattern_;
    std::string_view rest_;
};

} // namespace etl::validate::schema
