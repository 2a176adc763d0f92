#include "feature/spans_pg.hpp"

extern "C" {
#include <utils/builtins.h>
}

#include <string>

namespace etl::feature {
namespace {

// May raise.
const char* text_of(const Interval& span)
{
    return DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(&span)));
}

} // namespace

std::int64_t read_span(const Interval& span, const char* what)
{
    std::int64_t days = 0;
    std::int64_t made = 0;
    if (span.month != 0) {
        const char* given = text_of(span);
        throw error(sqlstate::invalid_parameter_value,
                    std::string{"a "} + what + " of " + given + " has no fixed length", "Months have 28 to 31 days.",
                    "Give it in days, as in '30 days': a day is 24 hours here.");
    }
    if (__builtin_mul_overflow(std::int64_t{span.day}, USECS_PER_DAY, &days) ||
        __builtin_add_overflow(days, span.time, &made) || made <= 0) {
        const char* given = text_of(span);
        throw error(sqlstate::invalid_parameter_value,
                    std::string{"a "} + what + " must be longer than nothing and no longer than 292000 years, not " +
                        given,
                    {}, "Give a span above zero, as in '1 hour'.");
    }
    return made;
}

} // namespace etl::feature

// (span)
ETL_FUNCTION(etl_span_microseconds, args)
{
    return args.result(etl::feature::read_span(*DatumGetIntervalP(args.given(0)), "window"));
}
