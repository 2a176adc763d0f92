// The places in a query at which a refresh says which groups it wants, while the query is a tree and in its text.
//
// In the tree a place is a call etl._restriction(number, expression, column, zone). So the expression is printed with
// the names that are valid in its place. The text is then cut at the calls: what stands between them is never searched
// again.
#pragma once

#include "rollup/restrict_pg.hpp"

namespace etl::rollup {

struct marking {
    Oid function;
    const char* key; // whose places are made
    List* places;    // of restriction*
};

// etl._restriction. May raise.
Oid restriction_function();

marking start_marking();

// A place for a condition on the expression. May raise.
Node* place_for(marking& to, Node* expression);

// Whether a condition is such a place.
bool is_place(const marking& to, const Node* condition);

// The query's text in pieces, with the arguments of the calls in the places. May raise.
List* pieces_of(Query* query, const List* places);

} // namespace etl::rollup
