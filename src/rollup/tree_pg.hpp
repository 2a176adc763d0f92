// Small tools for PostgreSQL's parse trees: walkers, conjuncts, texts. What differs between versions stands here and in
// tree_pg.cpp alone. Everything may raise and owns nothing: call it with trivial locals alive only.
#pragma once

#include "pg/memory.hpp"
#include "pg/tree_walker.hpp"

extern "C" {
#include <nodes/nodeFuncs.h>
#include <nodes/parsenodes.h>
}

namespace etl::rollup {

using pg::any_walker;
using pg::as_node;
using pg::fresh;
using pg::walker;

// PostgreSQL 15 declares mutators without their arguments.
#if PG_VERSION_NUM >= 160000
using any_mutator = tree_mutator_callback;
#else
using any_mutator = Node* (*)();
#endif

inline any_mutator mutator(Node* (*of)(Node*, void*))
{
    return reinterpret_cast<any_mutator>(reinterpret_cast<void (*)()>(of));
}

// A query within those that surround it, as varlevelsup counts them.
struct scope {
    Query* query;
    const scope* outer;
};

const scope* scope_above(const scope* at, Index levels);

// Shows each column in a query and in its subqueries, with the entry that it is of.
using column_visitor = void (*)(const Var* column, const RangeTblEntry* entry, void* context);
void visit_columns(Query* query, column_visitor see, void* context);

// What a condition asserts one by one: the arguments of its ANDs. A list, not to be changed.
List* conjuncts(Node* condition);
Node* conjunction(List* conditions);

// A part of a query without references to joins and to the groups of PostgreSQL 18: what is left refers to tables,
// functions and subqueries themselves.
Node* without_references(Query* query, const void* node);

// Takes the references to joins, and to the groups of PostgreSQL 18, out of a query's expressions: not within its
// subqueries, but for their references to this query. Those to the groups stay where it has grouping sets.
void resolve_references(Query* query);

// Gives the joins of a query the columns that they have without USING: all of the left side, all of the right side.
// For printing, which counts on it; nothing refers to them once references are resolved.
void split_merged_columns(Query* query);

// Whether a node holds a subquery, an aggregate, a window function or a set-returning function.
bool has_subquery(Node* node);

// The column of this query level that an expression is, but for a binary-compatible cast; nullptr for any other.
Var* bare_column(const void* expression);

// The functions that an aggregate is made of; none for another function.
List* parts_of_aggregate(Oid aggregate);

// What an equality that a default B-tree knows compares, when both sides are columns of this query level; RelabelType
// between text and varchar apart. False for any other condition.
struct equal_columns {
    Var* left;
    Var* right;
};
bool is_equality(Node* condition, equal_columns& found);

// NULL, of the type that a domain is made of: the domain may refuse it.
Node* null_of(Oid type, int32 modifier, Oid collation);

// The expression, computed only where the condition is true and NULL elsewhere.
Node* only_where(Node* condition, Node* expression);

// The expression with that collation, where its type has any.
Node* with_collation(Node* expression, Oid collation);

// A column of a branch of a set operation as the operation gives it: with the casts on the way up.
Node* branch_column(const Query* query, int branch, AttrNumber column);

// The strategy of `column operator expression` in the default B-tree of the column's type; 0 where it is none.
int btree_strategy(Oid type, Oid op);

// Texts, in the current memory context.
const char* relation_text(Oid relation);
const char* type_text(Oid type, int32 modifier);
const char* collation_text(Oid collation);
const char* query_text(Query* query);
const char* column_expression_text(Node* expression, Oid relation); // over one table that is entry 1, names bare
const char* constant_text(Node* expression);                        // without columns

} // namespace etl::rollup
