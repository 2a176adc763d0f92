#include "validate/field.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

bool is_continuation(char c) noexcept
{
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

void append_escaped(std::string& to, char c)
{
    constexpr char digits[] = "0123456789abcdef";
    if (c == '"' || c == '\\') {
        to += '\\';
        to += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
        to += "\\u00";
        to += digits[static_cast<unsigned char>(c) >> 4];
        to += digits[static_cast<unsigned char>(c) & 15];
    } else {
        to += c;
    }
}

} // namespace

std::size_t utf8_length(std::string_view text) noexcept
{
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

std::string json_string(std::string_view text, std::size_t longest)
{
    std::size_t kept = std::min(text.size(), longest);
    while (kept < text.size() && kept > 0 && is_continuation(text[kept])) {
        --kept;
    }
    std::string made{'"'};
    for (const char c : text.substr(0, kept)) {
        append_escaped(made, c);
    }
    made += kept < text.size() ? "…\"" : "\"";
    return made;
}

} // namespace etl::validate
