// Days and moments as ISO 8601 has them, in the one form that everybody writes: YYYY-MM-DD, YYYY-MM-DDThh:mm:ss[.f][zone].
// What is none, or is written otherwise, is nothing here; PostgreSQL reads more.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace etl {

// Days since 1 January 2000 of a text that is a day of the years 1 to 9999, and nothing else.
std::optional<std::int32_t> iso_day(std::string_view text) noexcept;

struct iso_moment {
    std::int64_t value;    // microseconds since 1 January 2000, as if the zone were UTC
    std::string_view rest; // what follows: the zone, where there is one
};

// A text that begins with a day, T or a blank, and a time with seconds; of a second at most six digits.
std::optional<iso_moment> iso_local_moment(std::string_view text) noexcept;

// Microseconds east of Greenwich of Z, ±hh, ±hhmm or ±hh:mm, up to 14 hours.
std::optional<std::int64_t> iso_zone(std::string_view text) noexcept;

} // namespace etl
