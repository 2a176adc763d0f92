#include "pg/running_query.hpp"

extern "C" {
#include <executor/execdesc.h>
#include <executor/executor.h>
}

namespace etl::pg {
namespace {

const QueryDesc* firing = nullptr;
ExecutorFinish_hook_type others = nullptr;

// PostgreSQL fires the AFTER triggers of a query when it finishes it.
void finish(QueryDesc* query)
{
    const QueryDesc* const around = firing;
    firing = query;
    PG_TRY();
    {
        if (others != nullptr) {
            others(query);
        } else {
            standard_ExecutorFinish(query);
        }
    }
    PG_FINALLY();
    {
        firing = around;
    }
    PG_END_TRY();
}

} // namespace

void watch_queries()
{
    static bool watching = false;
    if (!watching) {
        others = ExecutorFinish_hook;
        ExecutorFinish_hook = finish;
        watching = true;
    }
}

const PlannedStmt* query_of_triggers() noexcept
{
    return firing == nullptr ? nullptr : firing->plannedstmt;
}

} // namespace etl::pg
