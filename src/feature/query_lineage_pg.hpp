// Which columns of tables feed a query: read from its analysed form, in which views are already their queries.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <nodes/parsenodes.h>
}

namespace etl::feature {

// Columns of tables, none twice: the relations (a List of Oid) and, beside each, the column's number (a List of int).
// Number 0 stands for the table itself, of which no column is named (as count(*) reads it).
struct lineage_sources {
    List* relations;
    List* columns;
};

// What the value of an output column (counted from 1) is computed from: through subqueries, WITH, joins, set operations
// and window clauses. What a function reads in its body is hidden. May raise; only trivial locals may be alive.
lineage_sources value_sources(const Query* query, AttrNumber output);

// What decides which rows there are: conditions, joins, groups, orders, limits, and the tables themselves.
lineage_sources row_sources(const Query* query);

// Whether a parameter occurs anywhere.
bool uses_parameter(const Query* query, int number);

} // namespace etl::feature
