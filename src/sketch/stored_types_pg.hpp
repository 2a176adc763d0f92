// Which types' values may lie in states, where somebody else reads them.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>

namespace etl {

// Whether reading a text of this base type runs no code of whoever made the type, as the condition of a domain inside
// would. False also of types whose values cannot be read from texts at all. May raise.
bool reads_no_code(Oid type);

// A hash of the names and types of the columns of the rows that a type is or holds, 0 where it holds none: rows are
// stored as texts, and once a column was dropped or added these would give values to the wrong columns. May raise.
std::uint64_t shape_of(Oid type);

} // namespace etl
