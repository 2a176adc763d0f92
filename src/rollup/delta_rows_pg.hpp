// The queries of a merge, as trees: what is left of a rollup's query when its aggregates are taken out.
#pragma once

#include "rollup/delta_states_pg.hpp"
#include "rollup/join_rows_pg.hpp"
#include "rollup/rollup_query_pg.hpp"

namespace etl::rollup {

// The rows that the query aggregates, without groups: its keys by their names, then what the aggregates read, etl_c1
// and so on. A tree of its own.
Query* rows_query(const Query* query, const List* keys, const delta_states& states);

// Makes the entry the query "etl images": all columns of the table, and etl_sign, which becomes an output. Subqueries
// that are joined to it by a column are told which values it has, so that they need not be computed whole.
void read_images(Query* rows, Index fact);

// What users see of a group: the query's own outputs over "etl values", which has the keys, etl_v1 and so on for the
// aggregates, and etl_place. Then etl_shown: whether HAVING lets it pass; and where wanted etl_place. nullptr where an
// output cannot be made of these; `refused` says why.
Query* visible_query(const Query* query, const List* keys, const delta_states& states, bool with_place,
                     const char*& refused);

// The aggregates of the outputs and of HAVING. A list of Aggref*.
List* aggregates_of(const Query* query);

} // namespace etl::rollup
