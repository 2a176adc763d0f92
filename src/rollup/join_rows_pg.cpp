#include "rollup/join_rows_pg.hpp"

extern "C" {
#include <access/genam.h>
#include <access/htup_details.h>
#include <access/stratnum.h>
#include <access/table.h>
#include <catalog/pg_inherits.h>
#include <optimizer/optimizer.h>
#include <optimizer/planmain.h>
#include <parser/parsetree.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/relcache.h>
}

namespace etl::rollup {
namespace {

// Joins --------------------------------------------------------------------------------------------------------------

void add_conditions(join_shape& to, Node** place, Bitmapset* drops)
{
    ListCell* cell = nullptr;
    foreach (cell, conjuncts(*place)) {
        auto* condition = fresh<join_condition>();
        *condition = {as_node(lfirst(cell)), place, drops};
        to.conditions = lappend(to.conditions, condition);
    }
}

Bitmapset* visit_joins(join_shape& to, Node* node, bool is_nullable);

Bitmapset* visit_join(join_shape& to, JoinExpr* join, bool is_nullable)
{
    const bool left_too = join->jointype == JOIN_RIGHT || join->jointype == JOIN_FULL;
    const bool right_too = join->jointype == JOIN_LEFT || join->jointype == JOIN_FULL;
    Bitmapset* left = visit_joins(to, join->larg, is_nullable || left_too);
    Bitmapset* right = visit_joins(to, join->rarg, is_nullable || right_too);
    Bitmapset* both = bms_union(left, right);
    add_conditions(to, &join->quals,
                   !left_too && !right_too ? both
                   : left_too && right_too ? nullptr
                   : left_too              ? left
                                           : right);
    return both;
}

Bitmapset* visit_joins(join_shape& to, Node* node, bool is_nullable)
{
    if (IsA(node, RangeTblRef)) {
        const int entry = reinterpret_cast<RangeTblRef*>(node)->rtindex;
        to.nullable = is_nullable ? bms_add_member(to.nullable, entry) : to.nullable;
        return bms_make_singleton(entry);
    }
    if (IsA(node, JoinExpr)) {
        return visit_join(to, reinterpret_cast<JoinExpr*>(node), is_nullable);
    }
    auto* from = castNode(FromExpr, node);
    Bitmapset* all = nullptr;
    ListCell* cell = nullptr;
    foreach (cell, from->fromlist) {
        all = bms_add_members(all, visit_joins(to, as_node(lfirst(cell)), is_nullable));
    }
    add_conditions(to, &from->quals, all);
    return all;
}

// Entries that a node's columns are of, within this query.
Bitmapset* entries_of(Node* node)
{
    return pull_varnos(nullptr, node);
}

Var* column_of(Node* node, Index entry)
{
    Var* column = bare_column(node);
    return column != nullptr && column->varno == static_cast<int>(entry) ? column : nullptr;
}

// Uniqueness ---------------------------------------------------------------------------------------------------------

// What is known to be equal to a value, of the columns of an entry.
struct fixed_columns {
    List* conditions; // of key_condition*
};

const key_condition* find_fixed(const fixed_columns& fixed, AttrNumber column, Oid family, Oid collation)
{
    ListCell* cell = nullptr;
    foreach (cell, fixed.conditions) {
        const auto* condition = static_cast<const key_condition*>(lfirst(cell));
        const bool is_same = !OidIsValid(condition->collation) || condition->collation == collation ||
                             (get_collation_isdeterministic(condition->collation) &&
                              (!OidIsValid(collation) || get_collation_isdeterministic(collation)));
        if (condition->column->varattno == column && is_same &&
            get_op_opfamily_strategy(condition->column_to_value, family) == BTEqualStrategyNumber) {
            return condition;
        }
    }
    return nullptr;
}

bool is_usable(const Relation index)
{
    const Form_pg_index form = index->rd_index;
    bool is_whole = form->indisunique && form->indimmediate && form->indisvalid &&
                    heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, nullptr);
    for (int i = 0; i < form->indnkeyatts; ++i) {
        is_whole = is_whole && form->indkey.values[i] > 0;
    }
    return is_whole;
}

// A table with children of its own has rows that its indexes do not know.
bool has_all_rows(const Relation table)
{
    return table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE || !has_subclass(RelationGetRelid(table));
}

template <class Accept>
Bitmapset* find_unique_index(Oid relation, Accept&& accept)
{
    Relation table = table_open(relation, AccessShareLock);
    Bitmapset* found = nullptr;
    ListCell* cell = nullptr;
    foreach (cell, has_all_rows(table) ? RelationGetIndexList(table) : NIL) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        if (is_usable(index) && accept(table, index)) {
            bms_free(found);
            found = nullptr;
            for (int i = 0; i < index->rd_index->indnkeyatts; ++i) {
                found = bms_add_member(found, index->rd_index->indkey.values[i]);
            }
        }
        const bool is_best = found != nullptr && index->rd_index->indisprimary;
        index_close(index, AccessShareLock);
        if (is_best) {
            break;
        }
    }
    table_close(table, AccessShareLock);
    return found;
}

bool has_one_row(const RangeTblEntry* entry, const fixed_columns& fixed, List*& proofs)
{
    Bitmapset* columns = find_unique_index(entry->relid, [&](Relation, Relation index) {
        for (int i = 0; i < index->rd_index->indnkeyatts; ++i) {
            if (find_fixed(fixed, index->rd_index->indkey.values[i], index->rd_opfamily[i],
                           index->rd_indcollation[i]) == nullptr) {
                return false;
            }
        }
        return true;
    });
    if (columns == nullptr) {
        return false;
    }
    auto* proof = fresh<unique_key>();
    *proof = {entry->relid, columns};
    proofs = lappend(proofs, proof);
    return true;
}

bool is_one_row(const Query* subquery, const fixed_columns& fixed)
{
    List* columns = NIL;
    List* operators = NIL;
    ListCell* cell = nullptr;
    foreach (cell, fixed.conditions) {
        const auto* condition = static_cast<const key_condition*>(lfirst(cell));
        columns = lappend_int(columns, condition->column->varattno);
        operators = lappend_oid(operators, condition->column_to_value);
    }
    auto* query = const_cast<Query*>(subquery);
    return query_supports_distinctness(query) && query_is_distinct_for(query, columns, operators);
}

bool joins_once(Query* query, const join_shape& shape, Index entry, const Bitmapset* known, List*& proofs)
{
    const RangeTblEntry* of = rt_fetch(entry, query->rtable);
    fixed_columns fixed = {NIL};
    ListCell* cell = nullptr;
    foreach (cell, shape.conditions) {
        auto* found = fresh<key_condition>();
        if (key_condition_of(*static_cast<const join_condition*>(lfirst(cell)), entry, *found) &&
            bms_is_subset(entries_of(found->value), known)) {
            fixed.conditions = lappend(fixed.conditions, found);
        }
    }
    switch (of->rtekind) {
    case RTE_RELATION:
        return of->tablesample == nullptr && has_one_row(of, fixed, proofs);
    case RTE_SUBQUERY:
        return is_one_row(of->subquery, fixed);
    case RTE_RESULT:
        return true;
    default:
        return false;
    }
}

} // namespace

join_shape shape_of_joins(Query* query)
{
    join_shape shape = {};
    shape.entries = visit_joins(shape, as_node(query->jointree), false);
    return shape;
}

bool key_condition_of(const join_condition& condition, Index entry, key_condition& found)
{
    if (!IsA(condition.condition, OpExpr) || !bms_is_member(static_cast<int>(entry), condition.drops)) {
        return false;
    }
    const auto* comparison = reinterpret_cast<OpExpr*>(condition.condition);
    if (list_length(comparison->args) != 2) {
        return false;
    }
    for (int side = 0; side < 2; ++side) {
        Node* own = as_node(list_nth(comparison->args, side));
        Node* other = as_node(list_nth(comparison->args, 1 - side));
        Var* column = column_of(own, entry);
        const Oid op = side == 0 ? comparison->opno : get_commutator(comparison->opno);
        if (column != nullptr && OidIsValid(op) && !bms_is_member(static_cast<int>(entry), entries_of(other)) &&
            !has_subquery(other) && btree_strategy(exprType(own), op) == BTEqualStrategyNumber) {
            found = {column, other, op, comparison->inputcollid};
            return true;
        }
    }
    return false;
}

Bitmapset* entries_joined_once(Query* query, const join_shape& shape, Index fact, List*& proofs)
{
    Bitmapset* known = bms_make_singleton(static_cast<int>(fact));
    for (bool is_growing = true; is_growing;) {
        is_growing = false;
        for (int entry = bms_next_member(shape.entries, -1); entry >= 0;
             entry = bms_next_member(shape.entries, entry)) {
            if (!bms_is_member(entry, known) && joins_once(query, shape, static_cast<Index>(entry), known, proofs)) {
                known = bms_add_member(known, entry);
                is_growing = true;
            }
        }
    }
    return bms_del_member(known, static_cast<int>(fact));
}

Bitmapset* row_identity(Oid relation)
{
    return find_unique_index(relation, [](Relation table, Relation index) {
        bool has_all = true;
        for (int i = 0; i < index->rd_index->indnkeyatts; ++i) {
            has_all =
                has_all && TupleDescAttr(RelationGetDescr(table), index->rd_index->indkey.values[i] - 1)->attnotnull;
        }
        return has_all;
    });
}

} // namespace etl::rollup
