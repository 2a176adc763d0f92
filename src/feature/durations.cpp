#include "feature/durations.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <cmath>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr double microseconds_per_minute = 60e6;
constexpr double microseconds_per_day = 86'400e6;
constexpr double shortest_days = 1.0 / 24; // an event in a minute is not a hundred times as popular as one in a day

constexpr char datetime_field_overflow[] = "22008";

double difference(moment earlier, moment later)
{
    if (earlier == later && !is_finite(earlier)) {
        throw error(datetime_field_overflow, "cannot subtract infinite timestamps");
    }
    if (!is_finite(earlier) || !is_finite(later)) {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        return later > earlier ? infinity : -infinity;
    }
    return static_cast<double>(static_cast<int128>(later) - earlier);
}

} // namespace

double days_between(moment earlier, moment later)
{
    return difference(earlier, later) / microseconds_per_day;
}

std::optional<double> event_popularity(std::int64_t sold, std::int64_t capacity, moment event_date, moment as_of)
{
    if (sold < 0) {
        throw error(sqlstate::invalid_parameter_value, "sold must be at least 0, not " + std::to_string(sold));
    }
    if (capacity <= 0 || event_date < as_of) {
        return std::nullopt;
    }
    const double days = std::max(days_between(as_of, event_date), shortest_days);
    return static_cast<double>(sold) / static_cast<double>(capacity) / std::sqrt(days);
}

void duration_sum::add(moment started, moment ended)
{
    if (!is_finite(started) || !is_finite(ended)) {
        throw error(datetime_field_overflow, "cannot average durations to or from an infinite timestamp", {},
                    "Leave such rows out with FILTER (WHERE isfinite(started) AND isfinite(ended)).");
    }
    merge({1, static_cast<int128>(ended) - started});
}

void duration_sum::merge(const duration_sum& other)
{
    if (__builtin_add_overflow(rows, other.rows, &rows) || __builtin_add_overflow(total, other.total, &total)) {
        throw error(sqlstate::numeric_value_out_of_range, "sum of durations out of range");
    }
}

std::optional<microseconds> duration_sum::mean() const
{
    if (rows <= 0) {
        return std::nullopt;
    }
    int128 mean = total / rows;
    const int128 rest = total % rows; // has the sign of total
    if ((rest < 0 ? -rest : rest) * 2 >= rows) {
        mean += total < 0 ? -1 : 1;
    }
    if (mean < std::numeric_limits<microseconds>::min() || mean > std::numeric_limits<microseconds>::max()) {
        throw error(datetime_field_overflow, "interval out of range");
    }
    return static_cast<microseconds>(mean);
}

void first_resale::add(moment when, bool is_resale) noexcept
{
    if (is_finite(when)) {
        moment& first = is_resale ? resold : minted;
        first = std::min(first, when);
    }
}

void first_resale::merge(const first_resale& other) noexcept
{
    minted = std::min(minted, other.minted);
    resold = std::min(resold, other.resold);
}

std::optional<double> first_resale::minutes() const noexcept
{
    if (minted == infinite_future || resold == infinite_future || resold < minted) {
        return std::nullopt;
    }
    return difference(minted, resold) / microseconds_per_minute;
}

} // namespace etl
