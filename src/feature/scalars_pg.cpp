// Features of one row: etl.cyclic, etl.bucketize, etl.digit_count, etl.text_entropy.
#include "feature/calendar.hpp"
#include "feature/text_measures.hpp"
#include "pg/encoding.hpp"
#include "pg/function.hpp"
#include "pg/interrupts.hpp"
#include "pg/number_array.hpp"

extern "C" {
#include <utils/fmgrprotos.h>
#include <utils/timestamp.h>
}

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace {

using etl::pg::arguments;

// The place on a circle of a part of a turn.
Datum on_circle(double turns)
{
    const double angle = 2 * std::numbers::pi * turns;
    return etl::pg::make_numbers(std::array{std::sin(angle), std::cos(angle)});
}

etl::calendar_period period_at(arguments args, int i)
{
    const auto name = args.get<std::string_view>(i);
    if (const auto period = etl::period_named(name)) {
        return *period;
    }
    throw etl::error(etl::sqlstate::invalid_parameter_value, "unknown period " + etl::in_quotes(name), {},
                     "The periods are hour, day, week, month and year.");
}

Datum timestamp_on_circle(arguments args, Timestamp when)
{
    const etl::calendar_period period = period_at(args, 1);
    return TIMESTAMP_NOT_FINITE(when) ? args.null_result() : on_circle(etl::part_of_period(period, when));
}

void require_ascending(std::span<const double> edges)
{
    const auto at = std::adjacent_find(edges.begin(), edges.end(), [](double a, double b) { return !(a < b); });
    if (at != edges.end()) {
        throw etl::error(etl::sqlstate::invalid_parameter_value, "edges must be numbers that ascend",
                         "Edge " + std::to_string(at - edges.begin() + 2) + " is not greater than the one before it.");
    }
    if (!edges.empty() && std::isnan(edges.back())) {
        throw etl::error(etl::sqlstate::invalid_parameter_value, "edges must be numbers that ascend",
                         "An edge is NaN.");
    }
}

} // namespace

// (value, period): NULL for what has no place on the circle.
ETL_FUNCTION(etl_cyclic_number, args)
{
    const auto value = args.get<double>(0);
    const auto period = args.get<double>(1);
    if (!(period > 0) || std::isinf(period)) {
        const char* text = DatumGetCString(DirectFunctionCall1(float8out, args.datum(1)));
        throw etl::error(etl::sqlstate::invalid_parameter_value,
                         std::string{"period must be a finite number greater than 0, not "} + text);
    }
    return std::isfinite(value) ? on_circle(std::fmod(value, period) / period) : args.null_result();
}

// (timestamp, period)
ETL_FUNCTION(etl_cyclic_timestamp, args)
{
    return timestamp_on_circle(args, args.get<std::int64_t>(0));
}

// (timestamptz, period, zone): by the clock of the zone.
ETL_FUNCTION(etl_cyclic_timestamptz, args)
{
    const Datum clock = DirectFunctionCall2(timestamptz_zone, args.given(2), args.given(0));
    return timestamp_on_circle(args, DatumGetTimestamp(clock));
}

// (value, edges): how many edges are not above the value; NaN, which PostgreSQL sorts last, is above all.
ETL_FUNCTION(etl_bucketize, args)
{
    const auto value = args.get<double>(0);
    const auto edges = etl::pg::read_floats(args, 1);
    require_ascending(edges);
    const auto above = std::isnan(value) ? edges.end() : std::upper_bound(edges.begin(), edges.end(), value);
    return args.result(static_cast<std::int32_t>(above - edges.begin()));
}

ETL_FUNCTION(etl_digit_count, args)
{
    const auto text = etl::pg::as_utf8(args.get<std::string_view>(0));
    return args.result(static_cast<std::int32_t>(etl::digit_count(text, etl::pg::poll)));
}

ETL_FUNCTION(etl_text_entropy, args)
{
    const auto text = etl::pg::as_utf8(args.get<std::string_view>(0));
    etl::pg::context_resource memory;
    return args.result(etl::text_entropy(text, &memory, etl::pg::poll));
}
