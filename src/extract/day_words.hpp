// Words that the types of days and times read, and that mean another day tomorrow: never what a record means.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace etl {

namespace detail {

constexpr bool is_letter(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr bool is_word(std::string_view text, std::string_view lower) noexcept
{
    return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                      [](char a, char b) { return (a | 32) == b; });
}

} // namespace detail

// Whether now, today, tomorrow or yesterday is a word of the text, in letters of either case.
constexpr bool has_day_word(std::string_view text) noexcept
{
    constexpr std::array<std::string_view, 4> words{"now", "today", "tomorrow", "yesterday"};
    for (std::size_t at = 0; at < text.size(); ++at) {
        const std::size_t begin = at;
        while (at < text.size() && detail::is_letter(text[at])) {
            ++at;
        }
        const std::string_view word = text.substr(begin, at - begin);
        if (std::ranges::any_of(words, [word](std::string_view each) { return detail::is_word(word, each); })) {
            return true;
        }
    }
    return false;
}

static_assert(has_day_word("Today") && has_day_word("[now,2024-01-01)") && !has_day_word("nowhere"));

} // namespace etl
