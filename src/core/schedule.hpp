// When a schedule comes: fields of cron, or a span that repeats, on the clock of a time zone.
//
// A clock on the wall is set forward and back. What is due at fixed times of the day comes once for each of them: a
// time that is skipped at the first moment after the gap, a time that the clock shows twice at the first of both. A
// schedule that comes in every hour follows the clock instead, through each hour that passes, and so does a span of
// hours, minutes or seconds. (Vixie cron tells the two kinds apart in the same way.)
#pragma once

#include "core/cron.hpp"

#include <cstdint>
#include <optional>
#include <variant>

namespace etl::clock {

// Seconds since 1970-01-01 00:00 UTC.
using moment = std::int64_t;

// How far the clocks of a zone are ahead of UTC at a moment, and until when that is so.
struct clock_offset {
    std::int64_t seconds = 0;
    moment until = 0;
};

class zone {
  public:
    zone() = default;
    zone(const zone&) = delete;
    zone& operator=(const zone&) = delete;
    virtual ~zone() = default;
    virtual clock_offset at(moment when) const = 0;
};

local_seconds local_time(moment when, const zone& in);

// The moment at which the clocks show a time: the first of two, and where none is, the first after the gap.
moment moment_of(local_seconds time, const zone& in);

// A span that repeats; one of the three is positive, the others are 0. It is counted from the anchor. Months and days
// are those of the calendar: they keep the time of day of the anchor, and the last day of a month stands for those that
// a month has not.
struct every {
    std::int32_t months = 0;
    std::int32_t days = 0;
    std::int64_t seconds = 0;
    moment anchor = 0;
};

// Throws invalid_parameter_value unless one of the three is positive and no longer than 1000 years, and the others are 0.
void require_span(const every& span);

class schedule {
  public:
    explicit schedule(const cron& fields) : times_{fields} {}
    explicit schedule(const every& span) : times_{span} {}

    // The first moment after this one; nullopt where none comes before the year 10000.
    std::optional<moment> next(moment after, const zone& in) const;

    // The last moment before this one; nullopt where none has come since the year 1.
    std::optional<moment> previous(moment before, const zone& in) const;

  private:
    std::variant<cron, every> times_;
};

} // namespace etl::clock
