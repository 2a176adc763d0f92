// The columns of archive files: their names as the file holds them, and the list of them that the ledger keeps.
#pragma once

#include "pg/function.hpp"

extern "C" {
#include <access/tupdesc.h>
}

#include <string>
#include <vector>

namespace etl {

// As a file has them. Refuses (42701) two of one name.
std::vector<std::string> archive_names(TupleDesc row);

// [{"name": "id", "type": "bigint"}, …] as JSON, in the encoding of the database. Types by names that do not depend on
// the search path: needs portable settings.
std::string describe_columns(TupleDesc row);

// What such a list says, in the current memory context. Refuses (22023) what is none. May raise.
TupleDesc read_columns(Datum list);

} // namespace etl
