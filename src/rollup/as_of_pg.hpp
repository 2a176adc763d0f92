// Filters that move with the time: `column >= now() - interval '7 days'`.
//
// A rollup must know which groups a filter takes in or leaves out as time goes by. That is plain where one column is
// compared with an expression of the clock alone: between two moments, the rows that change sides are those whose
// column lies between the two values of the expression. So now() and its like may stand there and nowhere else, and are
// replaced by etl._rollup_as_of(), the moment that a refresh speaks of.
#pragma once

#include "rollup/tree_pg.hpp"

namespace etl::rollup {

// Replaces the clock in all such conditions of the query and its subqueries. A list of moving_filter*.
List* find_moving_filters(Query* query);

// etl._rollup_as_of. May raise.
Oid as_of_function();

// Whether a node looks at the clock: now(), CURRENT_DATE and their like.
bool uses_clock(Node* node);

} // namespace etl::rollup
