// Cron's five fields, minute to day of week, as Vixie cron reads them: names, lists, ranges, steps, macros like @hourly.
// L in the day of month is its last day, L-3 the third before it, and 5L in the day of week the last Friday of a month.
//
// A day has to be among the days of month and among the days of week; where neither field begins with *, one of both is
// enough. That is how cron has always read it, so '0 0 13 * fri' comes on every 13th and on every Friday.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace etl::clock {

// Seconds as a clock on the wall counts them: those since 1970-01-01 00:00 as if there were no time zones.
using local_seconds = std::int64_t;

inline constexpr std::int64_t seconds_of_minute = 60;
inline constexpr std::int64_t seconds_of_hour = 3600;
inline constexpr std::int64_t seconds_of_day = 86400;

// How often a span has passed, also before 1970.
constexpr std::int64_t floor_divide(std::int64_t value, std::int64_t span) noexcept
{
    return value / span - (value % span < 0 ? 1 : 0);
}

// The values of a field that are allowed, bit n for value n.
struct cron_field {
    std::uint64_t values = 0;
    bool begins_with_star = false;
    std::int32_t step_of_star = 1; // of */n, where that is all of the field

    bool has(unsigned value) const noexcept { return (values >> value & 1) != 0; }
};

struct cron {
    cron_field minutes;
    cron_field hours;
    cron_field days;
    cron_field months;
    cron_field weekdays;             // Sunday is 0
    std::uint32_t before_last = 0;   // bit n: the day n days before the last of the month
    std::uint32_t last_weekdays = 0; // bit n: the last such weekday of the month

    // Throws invalid_parameter_value with the field at fault, and for days that never come, as 30 February.
    static cron parse(std::string_view text);

    bool has_day(std::chrono::year_month_day day) const noexcept;
    bool has_every_hour() const noexcept { return hours.values == (1U << 24U) - 1; }
    // Whether either of the two fields of days is enough.
    bool either_day() const noexcept { return !days.begins_with_star && !weekdays.begins_with_star; }

    // The first minute of a day that is allowed, from one on; nullopt where none is.
    std::optional<unsigned> minute_of_day(unsigned from) const noexcept;
    // The first time after this one; nullopt where none comes within fifty years, or after the year 9999.
    std::optional<local_seconds> next(local_seconds after) const noexcept;
};

// Whether a text is one of cron's: a macro, or five words.
bool looks_like_cron(std::string_view text);

} // namespace etl::clock
