#include "validate/like_pattern.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <cstring>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr char invalid_escape_sequence[] = "22025";

bool continues_character(char c) noexcept
{
    return (static_cast<unsigned char>(c) & 0xc0U) == 0x80;
}

bool skip_first_character(std::string_view& text) noexcept
{
    if (text.empty()) {
        return false;
    }
    do {
        text.remove_prefix(1);
    } while (!text.empty() && continues_character(text.front()));
    return true;
}

bool skip_last_character(std::string_view& text) noexcept
{
    if (text.empty()) {
        return false;
    }
    while (text.size() > 1 && continues_character(text.back())) {
        text.remove_suffix(1);
    }
    text.remove_suffix(1);
    return true;
}

// As string_view's find, but linear whatever the texts.
std::size_t find(std::string_view text, const std::string& wanted) noexcept
{
    if (wanted.empty()) {
        return 0;
    }
    if (wanted.size() > text.size()) {
        return std::string_view::npos;
    }
    const void* const found = ::memmem(text.data(), text.size(), wanted.data(), wanted.size());
    return found == nullptr ? std::string_view::npos
                            : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

} // namespace

like_pattern::like_pattern(std::string_view pattern) : segments_(1, segment(1))
{
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        segment& current = segments_.back();
        if (pattern[i] == '%') {
            segments_.emplace_back(1);
        } else if (pattern[i] == '_') {
            ++current.back().any;
        } else {
            if (pattern[i] == '\\' && ++i == pattern.size()) {
                throw error(invalid_escape_sequence, "LIKE pattern must not end with escape character");
            }
            if (current.back().any > 0) {
                current.emplace_back();
            }
            current.back().literal += pattern[i];
        }
    }
}

bool like_pattern::matches(std::string_view text) const noexcept
{
    if (!takes_start(segments_.front(), text)) {
        return false;
    }
    if (segments_.size() == 1) {
        return text.empty();
    }
    return takes_end(segments_.back(), text) &&
           std::all_of(segments_.begin() + 1, segments_.end() - 1,
                       [&text](const segment& wanted) { return takes_first(wanted, text); });
}

bool like_pattern::takes_start(const segment& wanted, std::string_view& text) noexcept
{
    for (const piece& each : wanted) {
        if (!text.starts_with(each.literal)) {
            return false;
        }
        text.remove_prefix(each.literal.size());
        for (std::size_t i = 0; i < each.any; ++i) {
            if (!skip_first_character(text)) {
                return false;
            }
        }
    }
    return true;
}

bool like_pattern::takes_end(const segment& wanted, std::string_view& text) noexcept
{
    for (std::size_t left = wanted.size(); left > 0; --left) {
        const piece& each = wanted[left - 1];
        for (std::size_t i = 0; i < each.any; ++i) {
            if (!skip_last_character(text)) {
                return false;
            }
        }
        if (!text.ends_with(each.literal)) {
            return false;
        }
        text.remove_suffix(each.literal.size());
    }
    return true;
}

// Takes everything up to the end of the first place where the segment fits.
bool like_pattern::takes_first(const segment& wanted, std::string_view& text) noexcept
{
    const std::string& start = wanted.front().literal;
    while (true) {
        const std::size_t found = find(text, start);
        if (found == std::string_view::npos) {
            return false;
        }
        text.remove_prefix(found);
        std::string_view rest = text;
        if (takes_start(wanted, rest)) {
            text = rest;
            return true;
        }
        if (!skip_first_character(text)) {
            return false;
        }
    }
}

} // namespace etl::validate
