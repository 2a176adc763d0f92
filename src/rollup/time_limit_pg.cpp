// A limit of time for what a statement does from now on, by the timer of statement_timeout: PostgreSQL starts that one
// with the statement, and a setting made within it comes too late.
#include "pg/function.hpp"

extern "C" {
#include <utils/timeout.h>
#include <utils/timestamp.h>
}

ETL_FUNCTION(etl_start_time_limit, args)
{
    const bool running = get_timeout_active(STATEMENT_TIMEOUT);
    const TimestampTz before = get_timeout_finish_time(STATEMENT_TIMEOUT);
    if (!args.is_null(0)) {
        const TimestampTz limit = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), args.get<std::int32_t>(0));
        if (!running || limit < before) {
            etl::pg::call([limit] { enable_timeout_at(STATEMENT_TIMEOUT, limit); });
        }
    }
    return running ? args.result(std::int64_t{before}) : args.null_result();
}

// A moment that is past has had its cancel, and what records that must not be cancelled once more.
ETL_FUNCTION(etl_end_time_limit, args)
{
    const bool pending = !args.is_null(0) && args.get<std::int64_t>(0) > GetCurrentTimestamp();
    if (pending) {
        etl::pg::call([&args] { enable_timeout_at(STATEMENT_TIMEOUT, args.get<std::int64_t>(0)); });
    } else {
        disable_timeout(STATEMENT_TIMEOUT, false);
    }
    return args.result(true);
}
