// Spans of time: PostgreSQL's interval has months, days and microseconds, the core only microseconds.
#pragma once

#include "pg/function.hpp"

namespace etl::pg {

// Whole days of 24 hours, then the time, as the difference of two timestamps has it.
inline Datum make_interval(std::int64_t microseconds)
{
    auto* made = static_cast<Interval*>(allocate_in(CurrentMemoryContext, sizeof(Interval)));
    *made = Interval{};
    made->day = static_cast<std::int32_t>(microseconds / USECS_PER_DAY);
    made->time = microseconds % USECS_PER_DAY;
    return IntervalPGetDatum(made);
}

} // namespace etl::pg
