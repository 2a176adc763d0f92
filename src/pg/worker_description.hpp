// What PostgreSQL is told to start for a worker_order.
#pragma once

#include "pg/background_worker.hpp"

extern "C" {
#include <postmaster/bgworker.h>
}

namespace etl::pg {

// `type` is its backend_type in pg_stat_activity. `notified` is the process whose latch is set when the worker starts and
// when it ends; 0 for none.
BackgroundWorker describe_worker(const char* type, const char* main_function, std::string_view title,
                                 const worker_order& order, pid_t notified);

} // namespace etl::pg
