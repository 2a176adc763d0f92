// Cancel within PostgreSQL's own half of the boundary.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <miscadmin.h>
}

namespace etl::pg {

// What pg::poll() is to the core, for code that runs inside of call(): it raises, and so only trivial objects may be
// alive.
inline void check_interrupts()
{
    CHECK_FOR_INTERRUPTS();
}

} // namespace etl::pg
