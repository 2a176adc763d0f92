// Which rows a join repeats: what stands in FROM of a query, what its conditions compare, and of which relations at
// most one row can match others. Everything may raise and owns nothing: call it with trivial locals alive only.
#pragma once

#include "rollup/tree_pg.hpp"

namespace etl::rollup {

// What stands in FROM, as numbers of its range table, and what is compared.
struct joined {
    Bitmapset* relations;
    List* equalities; // of equality*, known to this module alone
};

// A copy of the query that a view or materialized view stands for; nullptr for a table.
Query* query_of_view(Oid relation);

joined joins_of(Query* query);

// What an additional condition compares; a column that has one value in the rows in question.
void add_condition(joined& to, Node* condition);
void add_fixed_column(joined& to, const Var* column);

// The columns of a relation that are given when the relations `given` are.
Bitmapset* fixed_columns(const joined& joins, int relation, const Bitmapset* given);

// `given`, and every relation of which at most one row can match. Uses up `given`.
Bitmapset* with_single_matches(const joined& joins, Bitmapset* given, const scope* at);

} // namespace etl::rollup
