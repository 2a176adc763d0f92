// etl.session_id: a window function.
#include "feature/session.hpp"
#include "feature/spans_pg.hpp"
#include "pg/window.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/fmgrprotos.h>
}

#include <string>

namespace {

using namespace etl;

// May raise.
const char* text_of(std::int64_t time, bool has_zone)
{
    return DatumGetCString(DirectFunctionCall1(has_zone ? timestamptz_out : timestamp_out, TimestampGetDatum(time)));
}

[[noreturn]] void refuse_order(std::int64_t time, std::int64_t last, bool has_zone)
{
    const char* row = text_of(time, has_zone);
    const char* before = text_of(last, has_zone);
    throw error(sqlstate::invalid_parameter_value, std::string{"a row of "} + row + " comes after one of " + before, {},
                "Order the window by the time: etl.session_id(ts, gap) OVER (PARTITION BY … ORDER BY ts).");
}

Datum session_id(pg::arguments args, bool has_zone)
{
    const pg::window window{args};
    const NullableDatum time = window.argument(0);
    const NullableDatum gap = window.argument(1);
    if (gap.isnull) {
        throw error(sqlstate::null_value_not_allowed, "the gap between sessions must not be NULL");
    }
    const std::int64_t longest = feature::read_span(*DatumGetIntervalP(gap.value), "gap");
    auto& counted = window.state<feature::sessions>(
        [](MemoryContext memory) { return pg::construct_in<feature::sessions>(memory); });
    window.forget_rows_before();
    if (time.isnull) {
        return args.null_result();
    }
    const std::int64_t at = DatumGetTimestamp(time.value);
    const auto number = counted.next(at, longest);
    if (!number) {
        refuse_order(at, counted.last(), has_zone);
    }
    return args.result(*number);
}

} // namespace

ETL_FUNCTION(etl_session_id_timestamptz, args)
{
    return session_id(args, true);
}

ETL_FUNCTION(etl_session_id_timestamp, args)
{
    return session_id(args, false);
}
