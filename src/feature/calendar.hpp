// Where a moment lies within the hour, day, week, month or year that it belongs to.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace etl {

enum class calendar_period : std::uint8_t { hour, day, week, month, year };

// By its name in lower case.
std::optional<calendar_period> period_named(std::string_view name) noexcept;

// What part of its period has passed, from 0 to below 1: a day from midnight, a week from Monday as ISO 8601 has it, a
// month and a year by their own lengths. The moment is given in microseconds since 2000-01-01 00:00 of some time zone's
// clock, which is PostgreSQL's timestamp. Gregorian, also before 1582; defined for every finite timestamp.
double part_of_period(calendar_period period, std::int64_t microseconds) noexcept;

} // namespace etl
