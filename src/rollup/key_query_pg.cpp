#include "rollup/key_query_pg.hpp"

#include "rollup/affected_keys_pg.hpp"

extern "C" {
#include <access/transam.h>
#include <nodes/makefuncs.h>
#include <optimizer/optimizer.h>
#include <parser/parsetree.h>
#include <utils/lsyscache.h>
}

#include <cstdio>
#include <cstring>
#include <utility>

namespace etl::rollup {
namespace {

struct renumbering {
    const Bitmapset* items;
    Index depth;
};

Node* renumber(Node* node, void* context)
{
    if (node == nullptr) {
        return nullptr;
    }
    auto& to = *static_cast<renumbering*>(context);
    if (IsA(node, Var)) {
        auto* column = static_cast<Var*>(copyObjectImpl(node));
        if (column->varlevelsup == to.depth) {
            column->varno = bms_member_index(const_cast<Bitmapset*>(to.items), static_cast<int>(column->varno)) + 1;
        }
        return as_node(column);
    }
    if (IsA(node, Query)) {
        ++to.depth;
        Query* made = query_tree_mutator(reinterpret_cast<Query*>(node), mutator(renumber), context, 0);
        --to.depth;
        return as_node(made);
    }
    return expression_tree_mutator(node, mutator(renumber), context);
}

template <class T>
T* renumbered(T* node, const Bitmapset* items)
{
    renumbering to = {items, 0};
    return reinterpret_cast<T*>(renumber(as_node(node), &to));
}

// A table becomes what WITH calls its changes, or its rows with those of its log. Its relid stays, for
// logged_columns().
void read_from_log(RangeTblEntry* entry, const char* name)
{
    entry->rtekind = RTE_CTE;
    entry->ctename = pstrdup(name);
    entry->ctelevelsup = 0;
    entry->inh = false;
}

RangeTblEntry* query_entry(const net& in, const item* leaf, const Bitmapset* items)
{
    RangeTblEntry* entry = flat_entry(in, leaf);
    entry->functions = renumbered(entry->functions, items);
    entry->values_lists = renumbered(entry->values_lists, items);
    entry->tablefunc = renumbered(entry->tablefunc, items);
    entry->subquery = renumbered(entry->subquery, items);
#if PG_VERSION_NUM >= 160000
    entry->perminfoindex = 0;
#endif
    const rollup_occurrence* occurrence = occurrence_of(*in.of, leaf->entry);
    if (leaf->is_change) {
        read_from_log(entry, changes_name(*occurrence->source));
    } else if (leaf->has_old_rows) {
        read_from_log(entry, rows_name(*occurrence->source));
    }
    return entry;
}

// FROM in an order in which lateral items come after those that they refer to.
List* ordered_from(const net& in, const Bitmapset* items)
{
    List* from = NIL;
    Bitmapset* placed = nullptr;
    while (bms_num_members(placed) < bms_num_members(items)) {
        for (int number = -1; (number = bms_next_member(items, number)) >= 0;) {
            const item* leaf = item_of(in, number);
            const bool is_free =
                leaf->entry->rtekind == RTE_RELATION || bms_is_subset(references_of(flat_entry(in, leaf)), placed);
            if (is_free && !bms_is_member(number, placed)) {
                placed = bms_add_member(placed, number);
                auto* reference = makeNode(RangeTblRef);
                reference->rtindex = bms_member_index(const_cast<Bitmapset*>(items), number) + 1;
                from = lappend(from, reference);
            }
        }
    }
    return from;
}

struct logged {
    Oid relation;
    Bitmapset* columns;
};

void note_logged(const Var* column, const RangeTblEntry* entry, void* context)
{
    auto& to = *static_cast<logged*>(context);
    if (entry->rtekind == RTE_CTE && entry->relid == to.relation) {
        to.columns = bms_add_member(to.columns, column->varattno);
    }
}

struct name_walk {
    const char* name;
    int times;
};

// How often a query reads what WITH calls so.
bool count_reads(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, RangeTblEntry)) {
        const auto* entry = reinterpret_cast<const RangeTblEntry*>(node);
        auto& walk = *static_cast<name_walk*>(context);
        walk.times += entry->rtekind == RTE_CTE && strcmp(entry->ctename, walk.name) == 0 ? 1 : 0;
        return false;
    }
    if (IsA(node, Query)) {
        return query_tree_walker(reinterpret_cast<Query*>(node), walker(count_reads), context, QTW_EXAMINE_RTES_BEFORE);
    }
    return expression_tree_walker(node, walker(count_reads), context);
}

// The entry of a query's own FROM that is what WITH calls so; 0 where there is none, or more than one.
int only_entry(const Query* query, const char* name)
{
    int found = 0;
    for (int number = 1; number <= list_length(query->rtable); ++number) {
        const RangeTblEntry* entry = rt_fetch(number, query->rtable);
        if (entry->rtekind == RTE_CTE && strcmp(entry->ctename, name) == 0) {
            if (found != 0) {
                return 0;
            }
            found = number;
        }
    }
    return found;
}

// Whether a condition compares two columns by what = means between them wherever it is written: an operator of
// PostgreSQL's own, for types of its own.
bool is_plain_equality(Node* condition, equal_columns& columns)
{
    if (!is_equality(condition, columns)) {
        return false;
    }
    const auto* comparison = reinterpret_cast<const OpExpr*>(condition);
    return comparison->opno < FirstNormalObjectId &&
           exprType(as_node(linitial(comparison->args))) == exprType(as_node(lsecond(comparison->args))) &&
           getBaseType(columns.left->vartype) < FirstNormalObjectId &&
           getBaseType(columns.right->vartype) < FirstNormalObjectId;
}

// The columns of one entry that the conditions of a query make equal to a column of another.
Bitmapset* columns_equal_to(const Query* query, int entry, int other, int column)
{
    Bitmapset* found = nullptr;
    ListCell* cell = nullptr;
    foreach (cell, conjuncts(query->jointree->quals)) {
        equal_columns columns = {};
        if (!is_plain_equality(as_node(lfirst(cell)), columns)) {
            continue;
        }
        for (const auto& [one, two] : {std::pair{columns.left, columns.right}, {columns.right, columns.left}}) {
            if (one->varno == entry && two->varno == other && two->varattno == column) {
                found = bms_add_member(found, one->varattno);
            }
        }
    }
    return found;
}

// The same for all queries, in each of which the one is the changed rows of a source and the other all rows of another.
Bitmapset* columns_equal_to(const List* queries, const rollup_source& source, const rollup_source& other, int column)
{
    Bitmapset* found = nullptr;
    ListCell* cell = nullptr;
    foreach (cell, queries) {
        const auto* query = lfirst_node(Query, cell);
        const int changes = only_entry(query, changes_name(source));
        const int rows = only_entry(query, rows_name(other));
        Bitmapset* equal = changes == 0 || rows == 0 ? nullptr : columns_equal_to(query, changes, rows, column);
        found = cell == list_head(queries) ? equal : bms_intersect(found, equal);
    }
    return found;
}

const char* source_name(const char* what, const rollup_source& source)
{
    constexpr std::size_t longest = 40;
    auto* name = pg::allocate_array<char>(longest);
    std::snprintf(name, longest, "etl %s %d", what, source.number);
    return name;
}

} // namespace

Query* query_of(const net& in, const branch& from)
{
    auto* query = makeNode(Query);
    query->commandType = CMD_SELECT;
    query->canSetTag = true;
    for (int number = -1; (number = bms_next_member(from.items, number)) >= 0;) {
        query->rtable = lappend(query->rtable, query_entry(in, item_of(in, number), from.items));
    }
    query->jointree = makeFromExpr(ordered_from(in, from.items), conjunction(renumbered(from.conditions, from.items)));
    for (int i = 0; i < list_length(from.keys); ++i) {
        const auto* key = static_cast<const rollup_key*>(list_nth(in.of->keys, i));
        Node* value = renumbered(static_cast<Node*>(list_nth(from.keys, i)), from.items);
        query->targetList =
            lappend(query->targetList, makeTargetEntry(reinterpret_cast<Expr*>(value), static_cast<AttrNumber>(i + 1),
                                                       pstrdup(key->name), false));
    }
    return query;
}

Bitmapset* logged_columns(const List* queries, Oid relation)
{
    logged found = {relation, nullptr};
    ListCell* cell = nullptr;
    foreach (cell, queries) {
        visit_columns(lfirst_node(Query, cell), note_logged, &found);
    }
    return found.columns;
}

List* columns_joined_with(const List* queries, const rollup_source& source, const rollup_source& other,
                          const Bitmapset* columns)
{
    List* found = NIL;
    for (int column = -1; (column = bms_next_member(columns, column)) >= 0;) {
        const Bitmapset* equal = columns_equal_to(queries, source, other, column);
        if (bms_is_empty(equal)) {
            return NIL;
        }
        found = lappend_int(found, bms_next_member(equal, -1));
    }
    return found;
}

List* rows_read(const List* queries, const rollup_query& of)
{
    List* numbers = NIL;
    ListCell* cell = nullptr;
    foreach (cell, of.sources) {
        const auto* source = static_cast<const rollup_source*>(lfirst(cell));
        name_walk walk = {rows_name(*source), 0};
        count_reads(as_node(queries), &walk);
        for (; walk.times > 0; --walk.times) {
            numbers = lappend_int(numbers, source->number);
        }
    }
    return numbers;
}

const char* changes_name(const rollup_source& source)
{
    return source_name("changes", source);
}

const char* rows_name(const rollup_source& source)
{
    return source_name("rows", source);
}

} // namespace etl::rollup
