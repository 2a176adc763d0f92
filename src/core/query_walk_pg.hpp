// The walk of query_lineage_pg.cpp, and what it does at the entries of FROM (query_walk_pg.cpp).
#pragma once

#include "core/query_lineage_pg.hpp"
#include "pg/memory.hpp"
#include "pg/tree_walker.hpp"

#include <algorithm>

extern "C" {
#include <utils/hsearch.h>
}

namespace etl::lineage {

// A query within those that surround it, as varlevelsup counts them.
struct scope {
    const Query* query;
    const scope* outer;
};

// A query's output column, or whole_query for its rows, by the way on which the walk came there. Bytes of a hash key:
// no padding.
struct place {
    const Query* query;
    std::int32_t what;
    how by;
};
constexpr std::int32_t whole_query = -1;
static_assert(sizeof(place) == 16 && sizeof(source) == 12);

// Where the walk stands, what it has found, and where it has been, that it ends in recursive queries and comes only
// once to what is used often.
struct walk {
    const List* calls;
    List* found;
    HTAB* known;
    HTAB* visited;
    const scope* at;
    how by;
};

how after(how before, how next);

// Goes on with f, by another way; and then as before.
template <class F>
void by_way(walk& to, how next, F&& f)
{
    const how before = to.by;
    to.by = after(before, next);
    f();
    to.by = before;
}

void add_source(walk& to, Oid relation, AttrNumber column);
bool is_first_visit(walk& to, const Query* query, std::int32_t what);
const known_call* find_call(const walk& to, const FuncExpr* call);

// An expression, a node of FROM or a list of such; in another scope, or by another way.
bool visit_node(Node* node, void* context); // a walk
void trace_in(walk& to, const void* node, how next);
void trace_node(walk& to, const void* node, const scope* at);
void trace_node(walk& to, const void* node, const scope* at, how next);

// What others see of a query: one of its columns, all of them, its rows.
const List* outputs_of(const Query* query);
void trace_target(walk& to, const Query* query, AttrNumber output, const scope* outer);
void trace_all_targets(walk& to, const Query* query, const scope* outer);
void trace_rows(walk& to, const Query* query, const scope* outer);

// Entries of FROM: a column of one, the rows of one, and the rows that are known behind a call.
void trace_variable(walk& to, const Var* variable);
void trace_rows_of_entry(walk& to, const RangeTblEntry* entry);
void trace_known_rows(walk& to, const known_call* known);

} // namespace etl::lineage
