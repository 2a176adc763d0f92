#include "rollup/net_pg.hpp"

#include "rollup/faithful_pg.hpp"

extern "C" {
#include <nodes/makefuncs.h>
#include <optimizer/optimizer.h>
#include <parser/parsetree.h>
#include <rewrite/rewriteManip.h>
}

namespace etl::rollup {
namespace {

constexpr int most_combinations = 64; // of which each choice at least doubles the number

// Where things are ---------------------------------------------------------------------------------------------------

int place_of(const net& in, const rollup_source* source, const RangeTblEntry* entry)
{
    int place = 0;
    ListCell* cell = nullptr;
    foreach (cell, in.of->occurrences) {
        const auto* occurrence = static_cast<const rollup_occurrence*>(lfirst(cell));
        if (occurrence->source == source && occurrence->entry == entry) {
            return place;
        }
        ++place;
    }
    return -1;
}

// A combination of rows that has changed is found from the first of its occurrences that did. So whoever looks from
// one occurrence must know old rows only of those after it, and of none whose changes are found without a join. Where
// the rows of a source are merged, nothing is looked for from it, and so its old rows are from all others.
bool may_have_old_rows(const net& in, const RangeTblEntry* entry)
{
    const rollup_occurrence* occurrence = occurrence_of(*in.of, entry);
    if (occurrence != nullptr && occurrence->source->number == in.imaged) {
        return entry != in.change->entry;
    }
    return occurrence != nullptr && !list_member_ptr(in.covered, occurrence->source) &&
           place_of(in, occurrence->source, entry) > place_of(in, in.change->source, in.change->entry);
}

struct entry_search {
    const net* in;
    bool for_old_rows;
};

bool is_wanted(const entry_search& search, const RangeTblEntry* entry)
{
    return search.for_old_rows ? may_have_old_rows(*search.in, entry) : entry == search.in->change->entry;
}

bool find_entry(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    if (!IsA(node, Query)) {
        return expression_tree_walker(node, walker(find_entry), context);
    }
    auto* query = reinterpret_cast<Query*>(node);
    ListCell* cell = nullptr;
    foreach (cell, query->rtable) {
        if (is_wanted(*static_cast<entry_search*>(context), lfirst_node(RangeTblEntry, cell))) {
            return true;
        }
    }
    return query_tree_walker(query, walker(find_entry), context, QTW_IGNORE_JOINALIASES);
}

bool has_change(const net& in, const void* node)
{
    entry_search search = {&in, false};
    return find_entry(as_node(node), &search);
}

bool has_old_rows(const net& in, const void* node)
{
    entry_search search = {&in, true};
    return find_entry(as_node(node), &search);
}

// Building -----------------------------------------------------------------------------------------------------------

level* add_query(net& to, Query* query, level* outer, side* where);

side* add_side(net& to, side* parent)
{
    auto* made = fresh<side>();
    made->parent = parent;
    to.sides = lappend(to.sides, made);
    return made;
}

void mark_change(side* where)
{
    for (; where != nullptr; where = where->parent) {
        where->has_change = true;
    }
}

struct link_search {
    const net* in;
    List* found;
};

// Subqueries of an expression that the change is in; not those within them.
bool find_links(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    auto& search = *static_cast<link_search*>(context);
    if (IsA(node, SubLink)) {
        auto* link = reinterpret_cast<SubLink*>(node);
        if (has_change(*search.in, link->subselect)) {
            search.found = lappend(search.found, link);
            return false;
        }
        return find_links(link->testexpr, context);
    }
    return expression_tree_walker(node, walker(find_links), context);
}

// What a changed row of `x IN (SELECT y …)` must fulfil to matter. Where the subquery is asserted as it stands, only a
// match does; elsewhere NULL is another answer than false.
Node* link_test(const SubLink* link, bool is_asserted)
{
    if (link->testexpr == nullptr || (link->subLinkType != ANY_SUBLINK && link->subLinkType != ALL_SUBLINK)) {
        return nullptr;
    }
    if (link->subLinkType == ANY_SUBLINK && is_asserted) {
        return link->testexpr;
    }
    auto* test = makeNode(BooleanTest);
    test->arg = reinterpret_cast<Expr*>(link->testexpr);
    test->booltesttype = link->subLinkType == ANY_SUBLINK ? IS_NOT_FALSE : IS_NOT_TRUE;
    test->location = -1;
    return as_node(test);
}

void add_link(net& to, SubLink* link, const condition& of, bool is_asserted)
{
    if (of.other_home != nullptr) {
        to.unfit_why = "A subquery with it is compared in a FULL JOIN.";
        return;
    }
    auto* made = fresh<item>();
    *made = {nullptr, of.at, nullptr, of.home, item_kind::query, false, false};
    to.items = lappend(to.items, made);
    const int number = list_length(to.items);
    made->inner = add_query(to, castNode(Query, link->subselect), of.at, of.home);
    Node* test = link_test(link, is_asserted);
    if (test != nullptr) {
        auto* joined = fresh<condition>();
        *joined = {test, of.at, of.home, nullptr, number};
        to.conditions = lappend(to.conditions, joined);
    }
}

void add_links(net& to, const condition& of)
{
    link_search search = {&to, NIL};
    find_links(of.node, &search);
    ListCell* cell = nullptr;
    foreach (cell, search.found) {
        auto* link = lfirst_node(SubLink, cell);
        add_link(to, link, of, as_node(link) == of.node);
    }
}

void add_conditions(net& to, Node* all, level* at, side* home, side* other_home)
{
    ListCell* cell = nullptr;
    foreach (cell, conjuncts(all)) {
        auto* made = fresh<condition>();
        *made = {as_node(lfirst(cell)), at, home, other_home, 0};
        add_links(to, *made);
        to.has_left_out |= has_subquery(made->node);
        if (!has_subquery(made->node) && !uses_as_of(made->node)) {
            to.conditions = lappend(to.conditions, made);
        }
    }
}

void add_subquery(net& to, item* made)
{
    Query* query = made->entry->subquery;
    if (has_change(to, query)) {
        made->kind = item_kind::query;
    } else if (!has_old_rows(to, query)) {
        return;
    } else {
        made->kind = is_single_row(query) ? item_kind::unknown : item_kind::query;
    }
    if (made->kind == item_kind::query) {
        made->inner = add_query(to, query, made->at, made->where);
    }
}

void add_item(net& to, level* at, int index, side* where)
{
    item* made = item_of(to, at->base + index);
    made->where = where;
    made->kind = item_kind::leaf;
    if (made->entry->rtekind == RTE_RELATION) {
        made->is_change = made->entry == to.change->entry;
        made->has_old_rows = may_have_old_rows(to, made->entry);
        if (made->is_change) {
            mark_change(where);
        }
    } else if (made->entry->rtekind == RTE_SUBQUERY) {
        add_subquery(to, made);
    } else if (has_old_rows(to, made->entry->functions) || has_old_rows(to, made->entry->values_lists) ||
               has_old_rows(to, made->entry->tablefunc)) {
        made->kind = item_kind::unknown;
    }
}

void add_tree(net& to, level* at, const Node* node, side* where);

void add_join(net& to, level* at, const JoinExpr* join, side* where)
{
    const bool left_optional = join->jointype == JOIN_RIGHT || join->jointype == JOIN_FULL;
    const bool right_optional = join->jointype == JOIN_LEFT || join->jointype == JOIN_FULL;
    side* left = left_optional ? add_side(to, where) : nullptr;
    side* right = right_optional ? add_side(to, where) : nullptr;
    add_tree(to, at, join->larg, left_optional ? left : where);
    add_tree(to, at, join->rarg, right_optional ? right : where);
    if (join->jointype == JOIN_FULL) {
        left->opposite = right;
        right->opposite = left;
        add_conditions(to, join->quals, at, left, right);
    } else {
        add_conditions(to, join->quals, at, left_optional ? left : right_optional ? right : where, nullptr);
    }
}

void add_tree(net& to, level* at, const Node* node, side* where)
{
    if (IsA(node, RangeTblRef)) {
        add_item(to, at, reinterpret_cast<const RangeTblRef*>(node)->rtindex, where);
    } else if (IsA(node, JoinExpr)) {
        add_join(to, at, reinterpret_cast<const JoinExpr*>(node), where);
    } else {
        const auto* from = castNode(FromExpr, const_cast<Node*>(node));
        ListCell* cell = nullptr;
        foreach (cell, from->fromlist) {
            add_tree(to, at, as_node(lfirst(cell)), where);
        }
        add_conditions(to, from->quals, at, where, nullptr);
    }
}

void list_branches(const Node* operation, List*& to)
{
    if (IsA(operation, RangeTblRef)) {
        to = lappend_int(to, reinterpret_cast<const RangeTblRef*>(operation)->rtindex);
        return;
    }
    const auto* both = castNode(SetOperationStmt, const_cast<Node*>(operation));
    list_branches(both->larg, to);
    list_branches(both->rarg, to);
}

// The branch on the way to the change, or the one whose turn it is.
int choose_branch(net& to, const level* at)
{
    List* branches = NIL;
    list_branches(at->query->setOperations, branches);
    ListCell* cell = nullptr;
    foreach (cell, branches) {
        if (has_change(to, rt_fetch(lfirst_int(cell), at->query->rtable)->subquery)) {
            return lfirst_int(cell);
        }
    }
    to.combinations *= to.unfit_why != nullptr ? 1 : list_length(branches);
    if (to.combinations > most_combinations) {
        to.unfit_why = "It is joined with set operations, and there are too many ways to take a branch of each.";
    }
    if (to.unfit_why != nullptr) {
        return linitial_int(branches);
    }
    to.widths[to.choices] = list_length(branches);
    return list_nth_int(branches, to.branches[to.choices++]);
}

// The subqueries of a select list or of HAVING look at the rows of the whole FROM.
void add_target_links(net& to, level* at, side* where)
{
    ListCell* cell = nullptr;
    foreach (cell, at->query->targetList) {
        add_links(to, {as_node(lfirst_node(TargetEntry, cell)->expr), at, where, nullptr, 0});
    }
    add_links(to, {at->query->havingQual, at, where, nullptr, 0});
}

level* add_query(net& to, Query* query, level* outer, side* where)
{
    auto* made = fresh<level>();
    *made = {query, outer, list_length(to.items), 0, has_change(to, query)};
    ListCell* cell = nullptr;
    foreach (cell, query->rtable) {
        auto* hidden = fresh<item>();
        *hidden = {lfirst_node(RangeTblEntry, cell), made, nullptr, where, item_kind::none, false, false};
        to.items = lappend(to.items, hidden);
    }
    if (query->setOperations == nullptr) {
        add_tree(to, made, as_node(query->jointree), where);
        add_target_links(to, made, where);
        return made;
    }
    made->branch = choose_branch(to, made);
    item* branch = item_of(to, made->base + made->branch);
    branch->kind = item_kind::query;
    branch->inner = add_query(to, branch->entry->subquery, made, where);
    return made;
}

} // namespace

void build_net(net& to)
{
    to.items = NIL;
    to.conditions = NIL;
    to.sides = NIL;
    to.choices = 0;
    to.combinations = 1;
    to.unfit_why = nullptr;
    to.has_left_out = false;
    to.top = add_query(to, to.of->query, nullptr, nullptr);
}

bool next_choice(net& of)
{
    for (int i = 0; i < of.choices; ++i) {
        if (++of.branches[i] < of.widths[i]) {
            return true;
        }
        of.branches[i] = 0;
    }
    return false;
}

} // namespace etl::rollup
