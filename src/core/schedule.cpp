#include "core/schedule.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "core/cpp_only.hpp"

namespace etl::clock {

namespace {

using std::chrono::year_month_day;

constexpr moment first_moment = -62'135'596'800; // 0001-01-01
constexpr moment last_moment = 253'402'300'799;  // 9999-12-31 23:59:59

// No clock is ever set by more than that.
constexpr std::int64_t longest_change = 2 * seconds_of_day;

// A local time from which on times may be looked through for the first whose moment is after another.
local_seconds begin_of_search(moment after, const zone& in)
{
    const auto early = after - longest_change;
    return in.at(early).until > after + longest_change ? local_time(after, in) - 1 : local_time(early, in);
}

std::optional<moment> next_of_fixed_times(const cron& fields, moment after, const zone& in)
{
    for (auto time = fields.next(begin_of_search(after, in)); time; time = fields.next(*time)) {
        if (const auto found = moment_of(*time, in); found > after) {
            return found;
        }
    }
    return {};
}

std::optional<moment> next_by_the_clock(const cron& fields, moment after, const zone& in)
{
    for (;;) {
        const auto clock = in.at(after + 1);
        const auto time = fields.next(after + clock.seconds);
        if (!time) {
            return {};
        }
        if (*time - clock.seconds < clock.until) {
            return *time - clock.seconds;
        }
        after = clock.until - 1;
    }
}

std::optional<moment> next_of(const cron& fields, moment after, const zone& in)
{
    return fields.has_every_hour() ? next_by_the_clock(fields, after, in) : next_of_fixed_times(fields, after, in);
}

// The local time of an anchor, so many months or days later.
local_seconds step_of(const every& span, local_seconds anchor, std::int64_t steps)
{
    if (span.months == 0) {
        return anchor + steps * span.days * seconds_of_day;
    }
    const auto day = floor_divide(anchor, seconds_of_day);
    const year_month_day date{std::chrono::sys_days{std::chrono::days{static_cast<int>(day)}}};
    const auto month = date.year() / date.month() + std::chrono::months{steps * span.months};
    const auto end = (month / std::chrono::last).day();
    const auto moved = std::chrono::sys_days{month / std::min(date.day(), end)}.time_since_epoch().count();
    return moved * seconds_of_day + (anchor - day * seconds_of_day);
}

std::optional<moment> next_of(const every& span, moment after, const zone& in)
{
    if (span.seconds > 0) {
        return span.anchor + (floor_divide(after - span.anchor, span.seconds) + 1) * span.seconds;
    }
    constexpr std::int64_t longest_month = 31 * seconds_of_day;
    const auto length = span.months > 0 ? span.months * longest_month : span.days * seconds_of_day;
    const auto anchor = local_time(span.anchor, in);
    // Months are shorter than the longest: what is counted from the anchor as if all were falls short by some steps.
    const auto passed = begin_of_search(after, in) - anchor;
    for (auto steps = passed < 0 ? floor_divide(passed, length / 31 * 28) : floor_divide(passed, length);; ++steps) {
        if (const auto found = moment_of(step_of(span, anchor, steps), in); found > after) {
            return found;
        }
    }
}

} // namespace

local_seconds local_time(moment when, const zone& in)
{
    return when + in.at(when).seconds;
}

moment moment_of(local_seconds time, const zone& in)
{
    auto begin = time - seconds_of_day;
    for (;;) {
        const auto clock = in.at(begin);
        if (time - clock.seconds < clock.until) {
            return std::max(time - clock.seconds, begin);
        }
        begin = clock.until;
    }
}

void require_span(const every& span)
{
    const std::array<std::int64_t, 3> parts = {span.months, span.days, span.seconds};
    constexpr std::array<std::int64_t, 3> longest = {12 * 1000, 366 * 1000, 366 * 1000 * seconds_of_day};
    int given = 0;
    bool fits = true;
    for (std::size_t n = 0; n < parts.size(); ++n) {
        given += parts[n] != 0 ? 1 : 0;
        fits = fits && parts[n] >= 0 && parts[n] <= longest[n];
    }
    if (given != 1 || !fits) {
        throw error(sqlstate::invalid_parameter_value, "the span of a schedule cannot repeat", {},
                    "Give months, days or seconds: a positive number of one of them.");
    }
}

std::optional<moment> schedule::next(moment after, const zone& in) const
{
    if (after >= last_moment) {
        return {};
    }
    const auto found =
        std::visit([&](const auto& times) { return next_of(times, std::max(after, first_moment), in); }, times_);
    return found <= last_moment ? found : std::nullopt;
}

std::optional<moment> schedule::previous(moment before, const zone& in) const
{
    // Windows that grow, so that what is found there is gone through and little more.
    for (std::int64_t window = seconds_of_minute; before - window > first_moment; window *= 8) {
        auto found = next(before - window - 1, in);
        if (!found || *found >= before) {
            continue;
        }
        for (auto later = next(*found, in); later && *later < before; later = next(*later, in)) {
            found = later;
        }
        return found;
    }
    return {};
}

} // namespace etl::clock
