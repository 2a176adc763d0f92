// Steps of taking a condition through a query. May raise; they own nothing.
#pragma once

#include "rollup/places_pg.hpp"

namespace etl::rollup {

// Adds a condition to others.
void add_to(Node*& condition, Node* more);

// Where the rows of FROM come from: what no outer join makes NULL, and the conditions that all rows fulfil.
struct from_facts {
    Bitmapset* kept;   // range-table entries
    List* conditions;  // of WHERE and inner joins
    List* outer_joins; // JoinExpr*, whose kept side is among the entries above
};

void look_at_from(from_facts& to, Node* node);

// The number of the only entry that the columns of an expression are of; 0 where there are several, or none.
int only_entry(Node* expression);

// An expression over a subquery's outputs as one over its own columns.
struct lowering {
    const Query* query;
    int branch; // of a set operation, in place of the expressions behind
    bool has_failed;
};

Node* lower(Node* expression, void* lowering);

// A table of a query whose rows are restricted.
struct reduction {
    marking* to;
    Query* query;
    const from_facts* from;
    int entry;             // a table whose rows are restricted
    Node* expression;      // by this, over its columns
    const Bitmapset* done; // entries that are restricted themselves
};

// Restricts the subqueries that PostgreSQL computes before it joins them to the rows that the table's ask for.
void reduce_subqueries(const reduction& at);

} // namespace etl::rollup
