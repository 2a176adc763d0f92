// Features of moments and spans of time: ages, mean durations, a ticket's first resale, an event's popularity.
//
// A moment is PostgreSQL's timestamptz: microseconds, with one value at each end of the range for "infinity" and
// "-infinity".
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace etl {

__extension__ using int128 = __int128;

using moment = std::int64_t;
using microseconds = std::int64_t;

inline constexpr moment infinite_past = std::numeric_limits<moment>::min();
inline constexpr moment infinite_future = std::numeric_limits<moment>::max();

constexpr bool is_finite(moment when) noexcept
{
    return when != infinite_past && when != infinite_future;
}

// later - earlier in days of 24 hours, with fractions. Infinite when one of them is; throws where both are infinite in
// the same direction, for which there is no answer.
double days_between(moment earlier, moment later);

// How well an event sells for how far away it is: (sold / capacity) * days^-0.5, the days counted as at least one
// hour. Nothing for an event that is over or has no capacity; throws when less than nothing is sold.
std::optional<double> event_popularity(std::int64_t sold, std::int64_t capacity, moment event_date, moment as_of);

// The sum of durations that etl.avg_duration divides. 128 bits hold 10^18 durations of the longest kind.
struct duration_sum {
    std::int64_t rows = 0;
    int128 total = 0;

    // Throws where one end is infinite: no duration is.
    void add(moment started, moment ended);

    // Throws when 2^63 rows are passed.
    void merge(const duration_sum& other);

    // To the nearest microsecond, halves away from zero; nothing without rows; throws past PostgreSQL's range.
    std::optional<microseconds> mean() const;
};

// What etl.time_to_first_resale remembers of a ticket: two minima, so that any split merges to the same.
struct first_resale {
    moment minted = infinite_future;
    moment resold = infinite_future;

    void add(moment when, bool is_resale) noexcept;
    void merge(const first_resale& other) noexcept;

    // Minutes from mint to first resale. Nothing when one of them is missing, or when the ticket seems to have been
    // resold before it was minted: such times contradict each other, and a negative age would be no better.
    std::optional<double> minutes() const noexcept;
};

} // namespace etl
