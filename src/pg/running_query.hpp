// The query whose AFTER triggers are being fired: PostgreSQL does not tell a trigger.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <nodes/plannodes.h>
}

namespace etl::pg {

// From now on and to the end of the session, queries are known while they fire their triggers. Must have been called
// before the triggers of a query are fired, such as by a trigger BEFORE … FOR EACH STATEMENT.
void watch_queries();

// nullptr where it is not known. Triggers that a foreign key has fired are those of the statement around it.
const PlannedStmt* query_of_triggers() noexcept;

} // namespace etl::pg
