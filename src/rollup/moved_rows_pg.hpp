// Rows that a MERGE moves from one partition to another: PostgreSQL shows the triggers the old row among those of the
// DELETE and the new one among those of the INSERT, but fires no trigger for an event that the MERGE does not name.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <nodes/plannodes.h>
#include <utils/relcache.h>
}

namespace etl::rollup {

// Whether a query may have changed rows of a partitioned table that no trigger is shown. `query` is nullptr where it
// is not known.
bool may_hide_rows(const PlannedStmt* query, Relation table);

} // namespace etl::rollup
