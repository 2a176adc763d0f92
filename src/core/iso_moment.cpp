#include "core/iso_moment.hpp"

#include <chrono>
#include <cstddef>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t minute = 60 * second;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t day_length = 24 * hour;

bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

// Digits of a fixed number; -1 where there are others.
int fixed_digits(std::string_view text, std::size_t at, std::size_t count) noexcept
{
    int value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
        if (i >= text.size() || !is_digit(text[i])) {
            return -1;
        }
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

// Of what a text begins with.
std::optional<std::int32_t> day_in(std::string_view text) noexcept
{
    using namespace std::chrono;
    const int year_number = fixed_digits(text, 0, 4);
    const int month_number = fixed_digits(text, 5, 2);
    const int day_number = fixed_digits(text, 8, 2);
    if (year_number < 1 || month_number < 0 || day_number < 0 || text[4] != '-' || text[7] != '-') {
        return std::nullopt;
    }
    const year_month_day date{year{year_number}, month{static_cast<unsigned>(month_number)},
                              day{static_cast<unsigned>(day_number)}};
    constexpr sys_days epoch{year{2000} / January / 1};
    return date.ok() ? std::optional{static_cast<std::int32_t>((sys_days{date} - epoch).count())} : std::nullopt;
}

// Takes .f off the front: up to six digits of a second.
int take_microseconds(std::string_view& text) noexcept
{
    if (!text.starts_with('.')) {
        return 0;
    }
    text.remove_prefix(1);
    int value = 0;
    std::size_t count = 0;
    for (; count < text.size() && is_digit(text[count]); ++count) {
        value = count < 6 ? value * 10 + (text[count] - '0') : value;
    }
    text.remove_prefix(count);
    for (std::size_t i = count; i < 6; ++i) {
        value *= 10;
    }
    return count >= 1 && count <= 6 ? value : -1;
}

} // namespace

std::optional<std::int32_t> iso_day(std::string_view text) noexcept
{
    return text.size() == 10 ? day_in(text) : std::nullopt;
}

std::optional<std::int64_t> iso_zone(std::string_view text) noexcept
{
    if (text == "Z") {
        return 0;
    }
    const bool has_sign = text.starts_with('+') || text.starts_with('-');
    const int hours = fixed_digits(text, 1, 2);
    if (!has_sign || hours < 0 || hours > 14) {
        return std::nullopt;
    }
    std::string_view rest = text.substr(3);
    rest.remove_prefix(rest.starts_with(':') && rest.size() == 3 ? 1 : 0);
    const int minutes = rest.empty() ? 0 : fixed_digits(rest, 0, 2);
    if ((!rest.empty() && rest.size() != 2) || minutes < 0 || minutes > 59) {
        return std::nullopt;
    }
    const std::int64_t value = hours * hour + minutes * minute;
    return text[0] == '-' ? -value : value;
}

std::optional<iso_moment> iso_local_moment(std::string_view text) noexcept
{
    const auto day = text.size() >= 19 && (text[10] == 'T' || text[10] == ' ') ? day_in(text) : std::nullopt;
    if (!day || text[13] != ':' || text[16] != ':') {
        return std::nullopt;
    }
    const int hours = fixed_digits(text, 11, 2);
    const int minutes = fixed_digits(text, 14, 2);
    const int seconds = fixed_digits(text, 17, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 59) {
        return std::nullopt;
    }
    std::string_view rest = text.substr(19);
    const int fraction = take_microseconds(rest);
    if (fraction < 0) {
        return std::nullopt;
    }
    return iso_moment{*day * day_length + hours * hour + minutes * minute + seconds * second + fraction, rest};
}

} // namespace etl
