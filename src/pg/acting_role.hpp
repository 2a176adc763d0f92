// Roles that a session may take.
#pragma once

#include "pg/postgres.hpp"

namespace etl::pg {

// The role of that name, which the current role may SET ROLE to. May raise: 42704 there is none, 42501 it may not.
Oid acting_role(const char* name);

} // namespace etl::pg
