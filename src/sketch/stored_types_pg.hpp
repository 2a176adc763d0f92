// Which types' values may lie in states, where somebody else reads them.
#pragma once

#include "pg/postgres.hpp"

namespace etl {

// Whether reading a text of this base type runs no code of whoever made the type, as the condition of a domain inside
// would. False also of types whose values cannot be read from texts at all. May raise.
bool reads_no_code(Oid type);

} // namespace etl
