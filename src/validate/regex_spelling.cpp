// What is made of a pattern's reading: RE2's spelling of it; and the characters that both are made of.
#include "validate/regex_syntax.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

using kind = regex_token::kind;

constexpr bool is_letter_or_digit(char32_t c) noexcept
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string re2_character(char32_t c)
{
    std::string text;
    if (c < 0x80 && !is_letter_or_digit(c)) {
        std::array<char, 8> buffer{};
        std::snprintf(buffer.data(), buffer.size(), "\\x%02x", static_cast<unsigned>(c));
        return buffer.data();
    }
    append_utf8(text, c);
    return text;
}

std::string re2_set(const regex_token& token)
{
    if (token.ranges.empty()) {
        return "(?s:.)"; // as PostgreSQL: '.' and [^…] match a newline
    }
    if (token.is_single()) {
        return re2_character(token.ranges[0].low);
    }
    std::string set = token.negated ? "[^" : "[";
    for (const code_range& range : token.ranges) {
        set += re2_character(range.low) + "-" + re2_character(range.high);
    }
    return set + "]";
}

std::string re2_quantifier(const regex_token& token)
{
    if (token.most == regex_token::no_limit && token.least <= 1) {
        return token.least == 0 ? "*" : "+";
    }
    const std::string most = token.most == regex_token::no_limit ? "" : std::to_string(token.most);
    return "{" + std::to_string(token.least) + "," + most + "}";
}

std::string re2_token(const regex_token& token)
{
    switch (token.is) {
    case kind::character:
        return re2_set(token);
    case kind::begin:
        return "\\A";
    case kind::end:
        return "\\z";
    case kind::either:
        return "|";
    case kind::open:
        return "(?:";
    case kind::close:
        return ")";
    case kind::quantifier:
        return re2_quantifier(token);
    }
    return {};
}

} // namespace

std::string regex_syntax::for_re2() const
{
    std::string pattern = folds_case ? "(?i)" : "";
    for (const regex_token& token : tokens) {
        pattern += re2_token(token);
    }
    return pattern;
}

void append_utf8(std::string& text, char32_t c)
{
    const auto tail = [&](unsigned shift) { text += static_cast<char>(0x80U | (c >> shift & 0x3fU)); };
    if (c < 0x80) {
        text += static_cast<char>(c);
    } else if (c < 0x800) {
        text += static_cast<char>(0xc0U | c >> 6U);
        tail(0);
    } else if (c < 0x10000) {
        text += static_cast<char>(0xe0U | c >> 12U);
        tail(6);
        tail(0);
    } else {
        text += static_cast<char>(0xf0U | c >> 18U);
        tail(12);
        tail(6);
        tail(0);
    }
}

} // namespace etl::validate
