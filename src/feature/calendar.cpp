#include "feature/calendar.hpp"

#include <array>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::int64_t hour = 3'600'000'000;
constexpr std::int64_t day = 24 * hour;
constexpr std::int64_t week_days = 7;

struct quotient {
    std::int64_t whole;
    std::int64_t rest; // never negative
};

constexpr quotient divide(std::int64_t value, std::int64_t by) noexcept
{
    const std::int64_t rest = value % by;
    return rest < 0 ? quotient{value / by - 1, rest + by} : quotient{value / by, rest};
}

constexpr double share(std::int64_t part, std::int64_t whole) noexcept
{
    return static_cast<double>(part) / static_cast<double>(whole);
}

// A year that begins in March has its leap day last, so that a month's first day is a plain function of its number: five
// months have 153 days (E. G. Richards, "Mapping Time", 1998). All days are counted from 2000-03-01, the first day of a
// cycle of 400 years.
struct march_date {
    std::int64_t year;  // 0 is the year from 2000-03-01
    std::int64_t month; // 0 is March
    std::int64_t day;   // of the month, from 0
};

constexpr std::int64_t days_before_year(std::int64_t year) noexcept
{
    return 365 * year + divide(year, 4).whole - divide(year, 100).whole + divide(year, 400).whole;
}

constexpr std::int64_t days_before_month(std::int64_t month) noexcept
{
    return (153 * month + 2) / 5;
}

constexpr march_date date_of(std::int64_t days) noexcept
{
    constexpr std::int64_t cycle_years = 400;
    constexpr std::int64_t cycle_days = 146'097;
    std::int64_t year = divide(days * cycle_years, cycle_days).whole; // right, or one too high or too low
    while (days_before_year(year + 1) <= days) {
        ++year;
    }
    while (days_before_year(year) > days) {
        --year;
    }
    const std::int64_t in_year = days - days_before_year(year);
    const std::int64_t month = (5 * in_year + 2) / 153;
    return {year, month, in_year - days_before_month(month)};
}

constexpr std::int64_t march_2000 = 31 + 29; // days from 2000-01-01
constexpr std::int64_t january = 10;         // months after March

// The first day of a month, which may lie past the year's end.
constexpr std::int64_t first_day(std::int64_t year, std::int64_t month) noexcept
{
    const auto [years, in_year] = divide(month, 12);
    return days_before_year(year + years) + days_before_month(in_year);
}

double part_of_days(std::int64_t first, std::int64_t next, std::int64_t days, std::int64_t in_day) noexcept
{
    return share((days - first) * day + in_day, (next - first) * day);
}

double part_of_month(std::int64_t days, std::int64_t in_day) noexcept
{
    const march_date date = date_of(days);
    return part_of_days(first_day(date.year, date.month), first_day(date.year, date.month + 1), days, in_day);
}

double part_of_year(std::int64_t days, std::int64_t in_day) noexcept
{
    const march_date date = date_of(days);
    const std::int64_t year = date.month < january ? date.year - 1 : date.year; // in which the calendar's year began
    return part_of_days(first_day(year, january), first_day(year + 1, january), days, in_day);
}

} // namespace

std::optional<calendar_period> period_named(std::string_view name) noexcept
{
    using enum calendar_period;
    constexpr std::array<std::pair<std::string_view, calendar_period>, 5> names{
        {{"hour", hour}, {"day", day}, {"week", week}, {"month", month}, {"year", year}}};
    for (const auto& [known, period] : names) {
        if (known == name) {
            return period;
        }
    }
    return std::nullopt;
}

double part_of_period(calendar_period period, std::int64_t microseconds) noexcept
{
    const auto [days, in_day] = divide(microseconds, day);
    switch (period) {
    case calendar_period::hour:
        return share(in_day % hour, hour);
    case calendar_period::day:
        return share(in_day, day);
    case calendar_period::week: {
        constexpr std::int64_t monday = 5; // 2000-01-01 was a Saturday
        return share(divide(days + monday, week_days).rest * day + in_day, week_days * day);
    }
    case calendar_period::month:
        return part_of_month(days - march_2000, in_day);
    case calendar_period::year:
        break;
    }
    return part_of_year(days - march_2000, in_day);
}

} // namespace etl
