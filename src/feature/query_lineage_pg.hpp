// Which columns of tables feed a query: read from its analysed form, in which views are already their queries.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <nodes/parsenodes.h>
}

namespace etl::feature {

// A column of a table; 0 stands for the table itself, of which no column is named (as count(*) reads it).
struct lineage_source {
    Oid relation;
    AttrNumber column;
};

// What the value of an output column (counted from 1) is computed from: a List of lineage_source*, none twice. Through
// subqueries, WITH, joins, set operations and window clauses. What a function reads in its body is hidden. May raise;
// only trivial locals may be alive.
List* value_sources(const Query* query, AttrNumber output);

// What decides which rows there are: conditions, joins, groups, orders, limits, and the tables themselves.
List* row_sources(const Query* query);

// Whether a parameter occurs anywhere.
bool uses_parameter(const Query* query, int number);

} // namespace etl::feature
