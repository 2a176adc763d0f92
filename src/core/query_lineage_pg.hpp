// Which columns of relations feed an analysed query, and how: in the words of OpenLineage's facet columnLineage,
// https://openlineage.io/docs/spec/facets/dataset-facets/column_lineage_facet.
//
// Everything may raise and owns nothing: only trivial locals may be alive.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>

extern "C" {
#include <nodes/parsenodes.h>
}

namespace etl::lineage {

// What becomes of a column's value on its way. The first four are direct: a value comes through, and the stronger word
// wins. The others say why a column matters whose value does not come through; what it went through before is past.
enum class how : int {
    rows, // of the relation, no column
    identity,
    transformation,
    aggregation,
    join,
    filter,
    group_by,
    sort,
    window,
    conditional,
};

constexpr bool is_direct(how by) noexcept
{
    return by < how::join;
}

// Column 0 stands for the relation itself, which is read whatever columns are (as count(*) reads it).
struct source {
    Oid relation;
    std::int32_t column;
    how by;
};

// What is known of a function's call that the query makes.
struct known_call {
    Oid function;
    const FuncExpr* call; // this one; nullptr: every call of the function
    List* results;        // of const Query*: what it returns is made of their columns and rows
    List* relations;      // of Oid: those that it reads
    bool by_column;       // column n of what it returns is column n of its only query
};

// What the value of an output column (counted from 1) is computed from: through subqueries, WITH, joins, set operations
// and window clauses. A view is a relation, unless the query was rewritten. What a function reads in its body is
// hidden, but for known calls (a List of known_call). The results are Lists of source, none twice.
List* value_sources(const Query* query, AttrNumber output, const List* calls = nullptr);

// The same of an expression that stands in a query, as in the list of what an UPDATE sets; `around` is the query in
// whose WITH it stands, or nullptr.
List* expression_sources(const Query* query, const Query* around, const Node* expression, const List* calls);

// What decides which rows there are: conditions, joins, groups, orders, limits, and the relations themselves.
List* row_sources(const Query* query, const List* calls = nullptr, const Query* around = nullptr);

// The numbers of a relation's columns, read without a lock on it.
List* columns_of(Oid relation);

} // namespace etl::lineage
