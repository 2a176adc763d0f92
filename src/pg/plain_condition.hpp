// Conditions that one role writes and another one evaluates: of columns, constants, and what PostgreSQL itself brings
// along and computes the same whoever asks. Nothing in them can run what somebody has written.
#pragma once

#include "pg/postgres.hpp"

namespace etl::pg {

// Reads a condition over the columns of a table and writes it again, the same under all settings: its columns with
// `alias` before them, or without where that is nullptr. Literals are read under the settings of the moment;
// `portably`: under those that it is written with, for a text that comes from here. In the current memory context.
// Raises 42601 where it is not one expression, 42P17 where it is made of something else, and what PostgreSQL has
// against it. Only trivial locals may be alive.
const char* plain_condition(Oid relation, const char* sql, const char* alias, bool portably);

} // namespace etl::pg
