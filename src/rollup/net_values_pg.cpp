// Expressions of a query as seen in its net.
#include "rollup/faithful_pg.hpp"
#include "rollup/net_pg.hpp"

extern "C" {
#include <nodes/makefuncs.h>
#include <optimizer/optimizer.h>
#include <parser/parsetree.h>
#include <rewrite/rewriteManip.h>
}

namespace etl::rollup {
namespace {

struct value_walk {
    const net* in;
    const level* at;
    const side* home;
    const side* other_home;
    int link;
    Index depth; // in how many subqueries of the expression the walk is
    bool is_raw;
    bool has_failed;
    Bitmapset* seen;
};

Node* value_of(Node* node, void* context);

const level* level_above(const level* at, Index up)
{
    for (; up > 0 && at != nullptr; --up) {
        at = at->outer;
    }
    return at;
}

Node* fail(value_walk& walk, Node* node)
{
    walk.has_failed = true;
    return node;
}

// The expression behind a dissolved query's column.
Node* column_of_query(value_walk& walk, const item* from, Node* node, AttrNumber column)
{
    const level* inner = from->inner;
    Node* behind = nullptr;
    if (inner->branch != 0) {
        const bool limited = inner->query->limitCount != nullptr || inner->query->limitOffset != nullptr;
        if (column <= 0 || (limited && inner->has_change)) {
            return fail(walk, node);
        }
        behind = branch_column(inner->query, inner->branch, column);
    } else if (column > 0 &&
               (inner->has_change ? is_faithful(inner->query, column) : is_row_wise(inner->query, column))) {
        behind = as_node(get_tle_by_resno(inner->query->targetList, column)->expr);
    }
    if (behind == nullptr) {
        return fail(walk, node);
    }
    value_walk below = {walk.in, inner, from->where, nullptr, 0, 0, false, false, walk.seen};
    Node* made = value_of(behind, &below);
    walk.has_failed |= below.has_failed;
    walk.seen = below.seen;
    if (!below.has_failed && walk.depth > 0) {
        made = static_cast<Node*>(copyObjectImpl(made));
        IncrementVarSublevelsUp(made, static_cast<int>(walk.depth), 0);
    }
    return made;
}

Node* flat_column(value_walk& walk, Var* column)
{
    const level* at = level_above(walk.at, column->varlevelsup - walk.depth);
    if (at == nullptr) {
        return fail(walk, as_node(column));
    }
    const int number = at->base + column->varno;
    const item* from = item_of(*walk.in, number);
    if (!walk.is_raw) {
        if (is_nulled(from, walk.home, walk.other_home)) {
            return null_of(column->vartype, column->vartypmod, column->varcollid);
        }
        walk.seen = bms_add_member(walk.seen, number);
        if (from->kind == item_kind::query) {
            return column_of_query(walk, from, as_node(column), column->varattno);
        }
        if (from->kind != item_kind::leaf) {
            return fail(walk, as_node(column));
        }
    }
    Var* made = static_cast<Var*>(copyObjectImpl(column));
    made->varno = number;
    made->varnosyn = 0;
    made->varattnosyn = 0;
    made->varlevelsup = walk.depth;
    return as_node(made);
}

Node* value_of(Node* node, void* context)
{
    auto& walk = *static_cast<value_walk*>(context);
    if (node == nullptr || walk.has_failed) {
        return node;
    }
    if (IsA(node, Var)) {
        auto* column = reinterpret_cast<Var*>(node);
        return column->varlevelsup < walk.depth ? static_cast<Node*>(copyObjectImpl(node)) : flat_column(walk, column);
    }
    if (IsA(node, Param)) {
        const auto* output = reinterpret_cast<Param*>(node);
        if (walk.link == 0 || output->paramkind != PARAM_SUBLINK) {
            return fail(walk, node);
        }
        return walk.is_raw ? static_cast<Node*>(copyObjectImpl(node))
                           : column_of_query(walk, item_of(*walk.in, walk.link), node,
                                             static_cast<AttrNumber>(output->paramid));
    }
    if (IsA(node, Query)) {
        ++walk.depth;
        Query* made = query_tree_mutator(reinterpret_cast<Query*>(node), mutator(value_of), context, 0);
        --walk.depth;
        return as_node(made);
    }
    return expression_tree_mutator(node, mutator(value_of), context);
}

bool refers_outside(const RangeTblEntry* entry)
{
    return contain_vars_of_level(as_node(entry->functions), 0) ||
           contain_vars_of_level(as_node(entry->values_lists), 0) ||
           contain_vars_of_level(as_node(entry->tablefunc), 0) ||
           (entry->subquery != nullptr && contain_vars_of_level(as_node(entry->subquery), 1));
}

template <class T>
void move(T*& node, value_walk& walk)
{
    node = reinterpret_cast<T*>(value_of(as_node(node), &walk));
}

} // namespace

bool is_present(const side* where)
{
    for (; where != nullptr; where = where->parent) {
        if (where->state == side_state::null) {
            return false;
        }
    }
    return true;
}

bool is_nulled(const item* what, const side* home, const side* other_home)
{
    for (const side* around = what->where; around != nullptr; around = around->parent) {
        for (const side* from : {home, other_home}) {
            for (; from != nullptr; from = from->parent) {
                if (from == around) {
                    return false;
                }
            }
        }
        if (around->state != side_state::real) {
            return true;
        }
    }
    return false;
}

Node* flat_value(const net& in, const condition& what, Bitmapset*& seen)
{
    if (has_subquery(what.node)) {
        return nullptr;
    }
    value_walk walk = {&in, what.at, what.home, what.other_home, what.link, 0, false, false, nullptr};
    Node* made = value_of(what.node, &walk);
    seen = bms_add_members(seen, walk.seen);
    return walk.has_failed ? nullptr : made;
}

Node* numbered(const net& in, const condition& what)
{
    value_walk walk = {&in, what.at, what.home, what.other_home, what.link, 0, true, false, nullptr};
    return value_of(what.node, &walk);
}

RangeTblEntry* flat_entry(const net& in, const item* leaf)
{
    auto* entry = static_cast<RangeTblEntry*>(copyObjectImpl(leaf->entry));
    if (entry->rtekind == RTE_RELATION) {
        return entry;
    }
    value_walk walk = {&in, leaf->at, leaf->where, nullptr, 0, 0, false, false, nullptr};
    move(entry->functions, walk);
    move(entry->values_lists, walk);
    move(entry->tablefunc, walk);
    if (entry->subquery != nullptr) {
        walk.depth = 0;
        entry->subquery = castNode(Query, value_of(as_node(entry->subquery), &walk));
    }
    entry->lateral = refers_outside(entry);
    return walk.has_failed ? nullptr : entry;
}

} // namespace etl::rollup
