// Semi-joins into subqueries: column IN (SELECT column FROM table WHERE place). restrict_pg.cpp tells what for.
#include "rollup/restrict_steps_pg.hpp"

extern "C" {
#include <nodes/makefuncs.h>
#include <parser/parsetree.h>
#include <utils/lsyscache.h>
}

namespace etl::rollup {
namespace {

// Whether PostgreSQL computes a subquery before it joins it.
bool is_computed_apart(const RangeTblEntry* entry)
{
    const Query* query = entry->subquery;
    return entry->rtekind == RTE_SUBQUERY && !entry->lateral && query->setOperations == nullptr &&
           (query->groupClause != NIL || query->distinctClause != NIL || query->hasWindowFuncs);
}

struct moving_columns {
    int from;
    int to;
};

Node* move_columns(Node* node, void* context)
{
    if (node == nullptr) {
        return nullptr;
    }
    if (!IsA(node, Var)) {
        return expression_tree_mutator(node, mutator(move_columns), context);
    }
    const auto& way = *static_cast<moving_columns*>(context);
    auto* column = static_cast<Var*>(copyObjectImpl(node));
    column->varno = static_cast<int>(column->varno) == way.from ? way.to : column->varno;
    return as_node(column);
}

// The conditions on the table alone, and the restriction.
List* table_conditions(const reduction& at)
{
    moving_columns way = {at.entry, 1};
    List* conditions = NIL;
    ListCell* cell = nullptr;
    foreach (cell, at.from->conditions) {
        Node* condition = as_node(lfirst(cell));
        if (only_entry(condition) == at.entry && !is_place(*at.to, condition)) {
            conditions = lappend(conditions, move_columns(condition, &way));
        }
    }
    return lappend(conditions, place_for(*at.to, move_columns(at.expression, &way)));
}

Query* restricted_values(const reduction& at, Var* column)
{
    moving_columns way = {at.entry, 1};
    auto* query = makeNode(Query);
    query->commandType = CMD_SELECT;
    query->canSetTag = true;
    query->rtable = list_make1(copyObjectImpl(rt_fetch(at.entry, at.query->rtable)));
    auto* reference = makeNode(RangeTblRef);
    reference->rtindex = 1;
    query->jointree = makeFromExpr(list_make1(reference), conjunction(table_conditions(at)));
    auto* value = reinterpret_cast<Expr*>(move_columns(as_node(column), &way));
    query->targetList = list_make1(makeTargetEntry(value, 1, pstrdup("value"), false));
    return query;
}

// What stands in place of the table's column in the comparison of an IN.
Node* subquery_value(const Var* column)
{
    auto* made = makeNode(Param);
    made->paramkind = PARAM_SUBLINK;
    made->paramid = 1;
    made->paramtype = column->vartype;
    made->paramtypmod = column->vartypmod;
    made->paramcollid = column->varcollid;
    made->location = -1;
    return as_node(made);
}

struct replacement {
    const Var* table_column;
    const Var* subquery_column;
    Node* below; // what the subquery's column is computed from
};

// The comparison of an IN out of the join's equality.
Node* compare_below(Node* node, void* context)
{
    if (node == nullptr) {
        return nullptr;
    }
    const auto& with = *static_cast<replacement*>(context);
    if (equal(node, with.table_column)) {
        return subquery_value(with.table_column);
    }
    if (equal(node, with.subquery_column)) {
        return static_cast<Node*>(copyObjectImpl(with.below));
    }
    return expression_tree_mutator(node, mutator(compare_below), context);
}

bool is_subquery_value(void* argument)
{
    Node* node = as_node(argument);
    while (IsA(node, RelabelType)) {
        node = as_node(reinterpret_cast<RelabelType*>(node)->arg);
    }
    return IsA(node, Param);
}

// IN wants its own operand on the left.
Node* with_operand_first(Node* comparison)
{
    auto* made = castNode(OpExpr, comparison);
    if (!is_subquery_value(linitial(made->args))) {
        return comparison;
    }
    made->opno = get_commutator(made->opno);
    made->opfuncid = InvalidOid;
    made->args = list_make2(lsecond(made->args), linitial(made->args));
    return OidIsValid(made->opno) ? comparison : nullptr;
}

void reduce_subquery(const reduction& at, Node* equality, Var* column, Var* other)
{
    RangeTblEntry* entry = rt_fetch(other->varno, at.query->rtable);
    if (!is_computed_apart(entry) || bms_is_member(static_cast<int>(other->varno), at.done)) {
        return;
    }
    lowering below = {entry->subquery, 0, false};
    replacement with = {column, other, lower(as_node(other), &below)};
    if (below.has_failed) {
        return;
    }
    Node* comparison = with_operand_first(compare_below(equality, &with));
    if (comparison == nullptr) {
        return;
    }
    auto* link = makeNode(SubLink);
    link->subLinkType = ANY_SUBLINK;
    link->testexpr = comparison;
    link->operName = list_make1(makeString(pstrdup("=")));
    link->subselect = as_node(restricted_values(at, column));
    link->location = -1;
    add_to(entry->subquery->jointree->quals, as_node(link));
    entry->subquery->hasSubLinks = true;
}

void reduce_by(const reduction& at, const List* conditions)
{
    ListCell* cell = nullptr;
    foreach (cell, conditions) {
        equal_columns columns = {};
        Node* condition = as_node(lfirst(cell));
        if (!is_equality(condition, columns)) {
            continue;
        }
        if (static_cast<int>(columns.left->varno) == at.entry) {
            reduce_subquery(at, condition, columns.left, columns.right);
        } else if (static_cast<int>(columns.right->varno) == at.entry) {
            reduce_subquery(at, condition, columns.right, columns.left);
        }
    }
}

} // namespace

void reduce_subqueries(const reduction& at)
{
    if (rt_fetch(at.entry, at.query->rtable)->rtekind != RTE_RELATION) {
        return;
    }
    reduce_by(at, at.from->conditions);
    ListCell* cell = nullptr;
    foreach (cell, at.from->outer_joins) {
        reduce_by(at, conjuncts(lfirst_node(JoinExpr, cell)->quals));
    }
}

} // namespace etl::rollup
