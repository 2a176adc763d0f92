// Queries of users, run with the role locked.
#pragma once

#include "pg/function.hpp"

extern "C" {
#include <nodes/params.h>
#include <tcop/dest.h>
}

namespace etl {

// The arguments from `first` on, as $1 and so on of a query. May raise.
ParamListInfo read_parameters(pg::arguments args, int first);

// Runs a query or command to its end at once, without a cursor: only so a query may have parallel workers. Its rows go
// to a receiver, or into SPI_tuptable without one. Refuses (0A000) what cannot be run within a function, as COMMIT;
// and what the rollup that is at work did not use (pg/held_query.hpp). Needs an SPI connection. May raise.
void run_locked(const char* query, ParamListInfo parameters, bool read_only, DestReceiver* to = nullptr);

} // namespace etl
