// etl.velocity_tiles and what reads it.
#include "sketch/velocity_tiles.hpp"
#include "pg/result_set.hpp"
#include "pg/state_type.hpp"

extern "C" {
#include <utils/fmgrprotos.h>
#include <utils/timestamp.h>
}

#include <string>

namespace {

using etl::velocity_tiles;
using etl::pg::arguments;
using etl::pg::state_buffer;

std::int64_t finite_moment(arguments args, int i, const char* hint = "")
{
    const auto moment = args.get<std::int64_t>(i);
    if (TIMESTAMP_NOT_FINITE(moment)) {
        throw etl::error(etl::sqlstate::invalid_parameter_value,
                         std::string{moment < 0 ? "-infinity" : "infinity"} + " lies in no minute",
                         "Velocity tiles count rows by the minute.", hint);
    }
    return moment;
}

// A span in whole minutes; days have 24 hours.
std::int64_t whole_minutes(arguments args, int i)
{
    const Interval* span = DatumGetIntervalP(args.given(i));
    std::int64_t length = 0;
    if (span->month != 0 || __builtin_mul_overflow(std::int64_t{span->day}, USECS_PER_DAY, &length) ||
        __builtin_add_overflow(length, span->time, &length) || length % velocity_tiles::microseconds_per_minute != 0) {
        const char* text = DatumGetCString(DirectFunctionCall1(interval_out, args.datum(i)));
        throw etl::error(etl::sqlstate::invalid_parameter_value, std::string{"span must be whole minutes, not "} + text,
                         "Velocity tiles count rows by the minute; a month has no fixed length.");
    }
    return length / velocity_tiles::microseconds_per_minute;
}

Datum minute_datum(std::int64_t minute)
{
    return TimestampTzGetDatum(minute * velocity_tiles::microseconds_per_minute);
}

} // namespace

ETL_STATE_TYPE(velocity_tiles, velocity_tiles::check)

// NULL is no row.
ETL_FUNCTION(etl_velocity_tiles_add, args)
{
    if (args.is_null(1)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
    if (args.is_null(2)) {
        throw etl::error(etl::sqlstate::null_value_not_allowed, "minutes must not be NULL");
    }
    const std::int64_t moment = finite_moment(args, 1, "Leave such rows out, with FILTER (WHERE isfinite(ts)).");
    state_buffer state = etl::pg::own_state(args);
    velocity_tiles{state, args.get<std::int32_t>(2)}.add(moment);
    return state.datum();
}

ETL_FUNCTION(etl_velocity_tiles_combine, args)
{
    const auto other = etl::pg::read_state(args, 1);
    state_buffer state = etl::pg::own_state(args);
    velocity_tiles::merge(state, other);
    return state.datum();
}

ETL_FUNCTION(etl_velocity_tiles_final, args)
{
    state_buffer stored;
    velocity_tiles::pack(etl::pg::read_state(args, 0), stored);
    return stored.datum();
}

ETL_FUNCTION(etl_velocity_tiles_row_count, args)
{
    return args.result(static_cast<std::int64_t>(velocity_tiles::read(etl::pg::read_state(args, 0)).count()));
}

ETL_FUNCTION(etl_velocity_tiles_dropped_rows, args)
{
    return args.result(static_cast<std::int64_t>(velocity_tiles::read(etl::pg::read_state(args, 0)).dropped));
}

ETL_FUNCTION(etl_velocity_tiles_velocity, args)
{
    const std::int64_t span = whole_minutes(args, 1);
    const std::int64_t as_of = finite_moment(args, 2);
    return args.result(
        static_cast<std::int64_t>(velocity_tiles::rows_within(etl::pg::read_state(args, 0), span, as_of)));
}

ETL_FUNCTION(etl_velocity_tiles_newest_velocity, args)
{
    const std::int64_t span = whole_minutes(args, 1);
    return args.result(static_cast<std::int64_t>(velocity_tiles::rows_within(etl::pg::read_state(args, 0), span)));
}

// (minute, rows) for each tile with rows.
ETL_FUNCTION(etl_velocity_tiles_tiles, args)
{
    const auto bytes = etl::pg::read_state(args, 0);
    etl::pg::result_set result{args};
    const velocity_tiles::contents ring = velocity_tiles::read(bytes);
    etl::poller stop{etl::pg::poll};
    for (const auto& [minute, rows] : ring.tiles) {
        Datum values[] = {minute_datum(minute), Int64GetDatum(static_cast<std::int64_t>(rows))};
        bool nulls[] = {false, false};
        result.put(values, nulls);
        stop.tick();
    }
    return result.finish();
}
