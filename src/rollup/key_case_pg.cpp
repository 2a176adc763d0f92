#include "rollup/key_case_pg.hpp"

#include "rollup/raising_pg.hpp"

extern "C" {
#include <nodes/nodeFuncs.h>
#include <optimizer/clauses.h>
#include <optimizer/optimizer.h>
}

namespace etl::rollup {
namespace {

// Conditions ---------------------------------------------------------------------------------------------------------

// Whether the condition, which holds, cannot hold where outer joins have left these items out.
bool is_contradicted(const net& in, const condition& what)
{
    if (has_subquery(what.node)) {
        return false;
    }
    Bitmapset* needed = find_nonnullable_rels(numbered(in, what));
    for (int number = -1; (number = bms_next_member(needed, number)) >= 0;) {
        if (is_nulled(item_of(in, number), what.home, what.other_home)) {
            return true;
        }
    }
    return false;
}

void add_link(search& to, Node* node, Bitmapset* items, Bitmapset* seen, bool is_sure)
{
    constexpr int loose = 100;
    equal_columns columns = {};
    auto* made = fresh<link>();
    *made = {node, items, seen, node == nullptr || is_equality(node, columns) ? 1 : loose, is_sure};
    to.links = lappend(to.links, made);
}

bool is_inside(const net& in, const Bitmapset* items, const side* of)
{
    for (int number = -1; (number = bms_next_member(items, number)) >= 0;) {
        for (const side* around = item_of(in, number)->where; around != nullptr; around = around->parent) {
            if (around == of) {
                return true;
            }
        }
    }
    return false;
}

// Whether it is known that the sides that a condition is in have rows. That of an outer join whose cases are not looked
// at is not; where the condition is about items of that side, its cases will be.
bool is_known(const net& in, const side* home, const Bitmapset* items)
{
    for (; home != nullptr; home = home->parent) {
        if (!home->is_varied && !is_inside(in, items, home)) {
            return false;
        }
    }
    return true;
}

bool is_known(const net& in, const condition& what, const Bitmapset* items)
{
    return is_known(in, what.home, items) && is_known(in, what.other_home, items);
}

struct outer_items {
    Bitmapset* found;
    Index depth;
};

bool list_outer_items(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    auto& to = *static_cast<outer_items*>(context);
    if (IsA(node, Var)) {
        const auto* column = reinterpret_cast<const Var*>(node);
        if (column->varlevelsup == to.depth) {
            to.found = bms_add_member(to.found, column->varno);
        }
        return false;
    }
    if (IsA(node, Query)) {
        ++to.depth;
        query_tree_walker(reinterpret_cast<Query*>(node), walker(list_outer_items), context, QTW_IGNORE_JOINALIASES);
        --to.depth;
        return false;
    }
    return expression_tree_walker(node, walker(list_outer_items), context);
}

// Answers ------------------------------------------------------------------------------------------------------------

bool is_part_of(const List* less, const List* more)
{
    ListCell* cell = nullptr;
    foreach (cell, less) {
        if (!list_member(more, lfirst(cell))) {
            return false;
        }
    }
    return true;
}

// Whether all keys of one branch are among those of the other.
bool is_within(const branch& one, const branch& other)
{
    return bms_equal(one.items, other.items) && equal(one.keys, other.keys) &&
           is_part_of(other.conditions, one.conditions);
}

void add_branch(search& to, const branch& made)
{
    List* left = NIL;
    ListCell* cell = nullptr;
    foreach (cell, to.branches) {
        auto* known = static_cast<branch*>(lfirst(cell));
        if (is_within(made, *known)) {
            return;
        }
        if (!is_within(*known, made)) {
            left = lappend(left, known);
        }
    }
    auto* kept = fresh<branch>();
    *kept = made;
    to.branches = lappend(left, kept);
}

List* conditions_within(search& in, const Bitmapset* items)
{
    List* found = NIL;
    ListCell* cell = nullptr;
    foreach (cell, in.links) {
        const auto* over = static_cast<const link*>(lfirst(cell));
        if (over->node != nullptr && bms_is_subset(over->items, items)) {
            found = list_append_unique(found, over->node);
            in.touched = bms_add_members(in.touched, over->seen);
        }
    }
    return found;
}

// Whether the answer has a condition, where that keeps rows from those whose keys are computed.
bool keeps_condition(const search& in, const branch& made, const condition& what)
{
    const Bitmapset* of_keys = items_in(as_node(made.keys));
    for (const side* home : {what.home, what.other_home}) {
        if (home != nullptr && (!is_present(home) || !is_inside(*in.in, of_keys, home))) {
            return true;
        }
    }
    Bitmapset* seen = nullptr;
    Node* node = flat_value(*in.in, what, seen);
    return node != nullptr && (bms_is_empty(items_in(node)) || list_member(made.conditions, node));
}

// Keys that may fail must be asked for under all conditions of the query: a row that one keeps out may make them fail.
bool can_be_computed(const search& in, const branch& made)
{
    if (!may_raise(as_node(made.keys), raising::beyond)) {
        return true;
    }
    ListCell* cell = nullptr;
    foreach (cell, in.in->conditions) {
        if (!keeps_condition(in, made, *static_cast<const condition*>(lfirst(cell)))) {
            return false;
        }
    }
    return !in.in->has_left_out;
}

} // namespace

Bitmapset* items_in(Node* node)
{
    return pull_varnos(nullptr, node);
}

// The items that a lateral one refers to.
Bitmapset* references_of(const RangeTblEntry* entry)
{
    outer_items to = {};
    list_outer_items(as_node(entry->functions), &to);
    list_outer_items(as_node(entry->values_lists), &to);
    list_outer_items(as_node(entry->tablefunc), &to);
    list_outer_items(as_node(entry->subquery), &to);
    return to.found;
}

bool read_conditions(search& to)
{
    const net& in = *to.in;
    to.links = NIL;
    ListCell* cell = nullptr;
    foreach (cell, in.conditions) {
        const auto* what = static_cast<const condition*>(lfirst(cell));
        if (!is_present(what->home) || !is_present(what->other_home)) {
            continue;
        }
        if (is_known(in, *what, nullptr) && is_contradicted(in, *what)) {
            return false;
        }
        Bitmapset* seen = nullptr;
        Node* node = flat_value(in, *what, seen);
        Bitmapset* items = node == nullptr ? nullptr : items_in(node);
        if (!bms_is_empty(items) && is_known(in, *what, seen)) {
            add_link(to, node, items, seen, is_known(in, *what, nullptr));
        }
    }
    return true;
}

void read_lateral_references(search& to)
{
    for (int number = 1; number <= list_length(to.in->items); ++number) {
        const item* leaf = item_of(*to.in, number);
        if (leaf->kind != item_kind::leaf || leaf->entry->rtekind == RTE_RELATION || !is_present(leaf->where)) {
            continue;
        }
        const RangeTblEntry* entry = flat_entry(*to.in, leaf);
        Bitmapset* items = entry == nullptr ? nullptr : references_of(entry);
        if (!bms_is_empty(items)) {
            add_link(to, nullptr, bms_add_member(items, number), nullptr, true);
        }
    }
}

bool solve_case(search& to)
{
    if (!read_conditions(to)) {
        return true;
    }
    read_lateral_references(to);
    find_ways(to);
    branch made = {bms_make_singleton(to.change), NIL, NIL};
    if (!read_keys(to, made.keys)) {
        return false;
    }
    Bitmapset* needed = items_in(as_node(made.keys));
    for (int number = -1; (number = bms_next_member(needed, number)) >= 0;) {
        if (!add_way(to, number, made.items)) {
            to.all_why = "No condition joins it with the tables that the keys come from.";
            return false;
        }
    }
    if (!add_references(to, made.items)) {
        to.all_why = "No condition joins it with what the keys come from.";
        return false;
    }
    to.touched = bms_add_members(to.touched, made.items);
    made.conditions = conditions_within(to, made.items);
    if (!can_be_computed(to, made)) {
        to.all_why = "A key of it may fail on rows that only the whole query leaves out.";
        return false;
    }
    add_branch(to, made);
    return true;
}

} // namespace etl::rollup
