// What the joins of a query do to the rows of one table: whether they may leave its columns NULL, and whether they may
// repeat its rows. Everything may raise and owns nothing: call it with trivial locals alive only.
#pragma once

#include "rollup/tree_pg.hpp"

namespace etl::rollup {

// A condition of WHERE or ON, one of those that AND connects.
struct join_condition {
    Node* condition;
    Node** place;     // where the conjunction stands, so that it can be added to
    Bitmapset* drops; // the entries whose rows do not come through, or only as NULLs, unless it is true
};

struct join_shape {
    List* conditions;    // of join_condition*
    Bitmapset* entries;  // all that are joined
    Bitmapset* nullable; // those that an outer join may leave NULL
};

join_shape shape_of_joins(Query* query);

// A condition `column = value` between one column of an entry and a value made of other entries, by the equality that
// the type's default B-tree knows.
struct key_condition {
    Var* column;
    Node* value;
    Oid column_to_value; // the operator, with the column to its left
    Oid collation;
};
bool key_condition_of(const join_condition& condition, Index entry, key_condition& found);

// A proof that a relation or subquery has at most one row for each value of some columns.
struct unique_key {
    Oid relation;       // a table; InvalidOid where the proof needs no index
    Bitmapset* columns; // of the table
};

// The entries that at most one row joins to each row of `fact`. What that rests on is added to proofs, a list of
// unique_key*.
Bitmapset* entries_joined_once(Query* query, const join_shape& shape, Index fact, List*& proofs);

// The columns, all of them NOT NULL, of a unique index of a table, the primary key where there is one; nullptr where
// there is none that holds for the whole table.
Bitmapset* row_identity(Oid relation);

} // namespace etl::rollup
