// etl.haversine_km, etl.geodesic_km and etl.geo_velocity.
#include "feature/geo.hpp"
#include "feature/durations.hpp"
#include "feature/geodesic.hpp"
#include "pg/state_type.hpp"

extern "C" {
#include <utils/fmgrprotos.h>
#include <utils/timestamp.h>
}

namespace {

using etl::geo_velocity;
using etl::pg::arguments;
using etl::pg::state_buffer;

etl::place place_at(arguments args, int latitude)
{
    return {args.get<double>(latitude), args.get<double>(latitude + 1)};
}

// A span with a fixed length: months have none.
std::int64_t fixed_span(const Interval& span)
{
    std::int64_t days = 0;
    std::int64_t total = 0;
    if (span.month != 0 || __builtin_mul_overflow(std::int64_t{span.day}, USECS_PER_DAY, &days) ||
        __builtin_add_overflow(days, span.time, &total)) {
        const char* text = DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(&span)));
        throw etl::error(etl::sqlstate::invalid_parameter_value,
                         std::string{"max_gap must have a fixed length, not "} + text, {},
                         "Give it in days, hours or smaller units; months and years differ in length.");
    }
    return total;
}

etl::travel_limit limit_of(arguments args)
{
    if (args.count() == 4) {
        return {};
    }
    if (args.is_null(4) || args.is_null(5)) {
        throw etl::error(etl::sqlstate::null_value_not_allowed,
                         args.is_null(4) ? "max_km must not be NULL" : "max_gap must not be NULL");
    }
    return {args.get<double>(4), fixed_span(*DatumGetIntervalP(args.datum(5)))};
}

// A row counts when its time and both coordinates are known.
bool is_located(arguments args)
{
    return !args.is_null(1) && !args.is_null(2) && !args.is_null(3) && etl::is_finite(args.get<std::int64_t>(1));
}

} // namespace

ETL_FUNCTION(etl_haversine_km, args)
{
    return args.result(etl::haversine_km(place_at(args, 0), place_at(args, 2)));
}

ETL_FUNCTION(etl_geodesic_km, args)
{
    return args.result(etl::geodesic_km(place_at(args, 0), place_at(args, 2)));
}

ETL_STATE_TYPE(geo_velocity_state, geo_velocity::check)

// Of both overloads: (state, ts, latitude, longitude) and the same with (…, max_km, max_gap).
ETL_FUNCTION(etl_geo_velocity_add, args)
{
    if (!is_located(args)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
    state_buffer state = etl::pg::own_state(args);
    geo_velocity{state, limit_of(args)}.add(args.get<std::int64_t>(1), place_at(args, 2));
    return state.datum();
}

ETL_FUNCTION(etl_geo_velocity_combine, args)
{
    const auto other = etl::pg::read_state(args, 1);
    state_buffer state = etl::pg::own_state(args);
    geo_velocity::merge(state, other);
    return state.datum();
}

// No located row: nobody travelled.
ETL_FUNCTION(etl_geo_velocity_final, args)
{
    return args.result(!args.is_null(0) && geo_velocity::broken(etl::pg::read_state(args, 0)));
}
