#include "rollup/tree_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/stratnum.h>
#include <catalog/pg_aggregate.h>
#include <catalog/pg_am.h>
#include <catalog/pg_type.h>
#include <commands/defrem.h>
#include <nodes/makefuncs.h>
#include <optimizer/optimizer.h>
#include <parser/parse_coerce.h>
#include <parser/parsetree.h>
#include <utils/lsyscache.h>
#include <utils/ruleutils.h>
#include <utils/syscache.h>
}

namespace etl::rollup {
namespace {

Node* without_join_references(Query* query, const void* node)
{
#if PG_VERSION_NUM >= 160000
    return flatten_join_alias_vars(nullptr, query, as_node(node));
#else
    return flatten_join_alias_vars(query, as_node(node));
#endif
}

template <class T>
void resolve(Query* query, T*& node)
{
    node = reinterpret_cast<T*>(without_join_references(query, node));
}

// PostgreSQL 18 refers from the target list to the groups' expressions by an entry of their own. Grouping sets need it:
// a group's column is NULL there where its expression is not.
void resolve_groups([[maybe_unused]] Query* query)
{
#if PG_VERSION_NUM >= 180000
    if (!query->hasGroupRTE || query->groupingSets != NIL) {
        return;
    }
    query->targetList = reinterpret_cast<List*>(flatten_group_exprs(nullptr, query, as_node(query->targetList)));
    query->havingQual = flatten_group_exprs(nullptr, query, query->havingQual);
    query->hasGroupRTE = false;
    ListCell* cell = nullptr;
    foreach (cell, query->rtable) {
        auto* entry = lfirst_node(RangeTblEntry, cell);
        if (entry->rtekind == RTE_GROUP) {
            entry->rtekind = RTE_RESULT;
            entry->groupexprs = NIL;
        }
    }
#endif
}

struct join_side {
    int entry;
    List* columns; // their numbers
    List* names;
};

join_side split_join(Query* query, JoinExpr* join);

// The columns of what stands in FROM; a dropped one has no name.
join_side side_of(Query* query, Node* node)
{
    if (IsA(node, JoinExpr)) {
        return split_join(query, reinterpret_cast<JoinExpr*>(node));
    }
    join_side made = {castNode(RangeTblRef, node)->rtindex, NIL, NIL};
    int number = 0;
    ListCell* cell = nullptr;
    foreach (cell, rt_fetch(made.entry, query->rtable)->eref->colnames) {
        ++number;
        if (*strVal(lfirst(cell)) != '\0') {
            made.columns = lappend_int(made.columns, number);
            made.names = lappend(made.names, lfirst(cell));
        }
    }
    return made;
}

List* add_references(List* to, const join_side& from)
{
    ListCell* cell = nullptr;
    foreach (cell, from.columns) {
        to = lappend(to, makeVar(from.entry, static_cast<AttrNumber>(lfirst_int(cell)), VOIDOID, -1, InvalidOid, 0));
    }
    return to;
}

join_side split_join(Query* query, JoinExpr* join)
{
    const join_side left = side_of(query, join->larg);
    const join_side right = side_of(query, join->rarg);
    auto* entry = rt_fetch(join->rtindex, query->rtable);
    entry->joinmergedcols = 0;
    entry->joinleftcols = left.columns;
    entry->joinrightcols = right.columns;
    entry->joinaliasvars = add_references(add_references(NIL, left), right);
    entry->eref->colnames = list_concat_copy(left.names, right.names);
    join_side made = {join->rtindex, NIL, entry->eref->colnames};
    for (int i = 1; i <= list_length(made.names); ++i) {
        made.columns = lappend_int(made.columns, i);
    }
    return made;
}

bool find_subquery(Node* node, void*)
{
    if (node == nullptr) {
        return false;
    }
    switch (nodeTag(node)) {
    case T_Query:
    case T_SubLink:
    case T_Aggref:
    case T_GroupingFunc:
    case T_WindowFunc:
        return true;
    default:
        return expression_tree_walker(node, walker(find_subquery), nullptr);
    }
}

// As an operation over branches of several types has the column.
Node* in_type_of(const SetOperationStmt* operation, Node* value, int column)
{
    const Oid type = list_nth_oid(operation->colTypes, column);
    const int32 modifier = list_nth_int(operation->colTypmods, column);
    if (exprType(value) != type) {
        value = coerce_to_target_type(nullptr, value, exprType(value), type, modifier, COERCION_IMPLICIT,
                                      COERCE_EXPLICIT_CAST, -1);
    }
    return value == nullptr ? nullptr : with_collation(value, list_nth_oid(operation->colCollations, column));
}

Node* column_of_branch(const Query* query, const Node* operation, int branch, AttrNumber column)
{
    if (IsA(operation, RangeTblRef)) {
        if (reinterpret_cast<const RangeTblRef*>(operation)->rtindex != branch) {
            return nullptr;
        }
        const TargetEntry* target = get_tle_by_resno(rt_fetch(branch, query->rtable)->subquery->targetList, column);
        return as_node(makeVarFromTargetEntry(branch, const_cast<TargetEntry*>(target)));
    }
    const auto* both = castNode(SetOperationStmt, const_cast<Node*>(operation));
    Node* below = column_of_branch(query, both->larg, branch, column);
    below = below == nullptr ? column_of_branch(query, both->rarg, branch, column) : below;
    return below == nullptr ? nullptr : in_type_of(both, below, column - 1);
}

struct column_walk {
    column_visitor see;
    void* context;
    const scope* at;
};

bool visit_column(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    auto& walk = *static_cast<column_walk*>(context);
    if (IsA(node, Var)) {
        const auto* column = reinterpret_cast<const Var*>(node);
        walk.see(column, rt_fetch(column->varno, scope_above(walk.at, column->varlevelsup)->query->rtable),
                 walk.context);
        return false;
    }
    if (!IsA(node, Query)) {
        return expression_tree_walker(node, walker(visit_column), context);
    }
    const scope inner = {reinterpret_cast<Query*>(node), walk.at};
    column_walk below = {walk.see, walk.context, &inner};
    return query_tree_walker(inner.query, walker(visit_column), &below, QTW_IGNORE_JOINALIASES);
}

} // namespace

const scope* scope_above(const scope* at, Index levels)
{
    for (; levels > 0 && at != nullptr; --levels) {
        at = at->outer;
    }
    return at;
}

void visit_columns(Query* query, column_visitor see, void* context)
{
    column_walk walk = {see, context, nullptr};
    visit_column(as_node(query), &walk);
}

List* conjuncts(Node* condition)
{
    if (condition == nullptr) {
        return NIL;
    }
    if (IsA(condition, List)) {
        List* all = NIL;
        ListCell* cell = nullptr;
        foreach (cell, reinterpret_cast<List*>(condition)) {
            all = list_concat(all, conjuncts(as_node(lfirst(cell))));
        }
        return all;
    }
    if (is_andclause(condition)) {
        return conjuncts(as_node(reinterpret_cast<BoolExpr*>(condition)->args));
    }
    return list_make1(condition);
}

Node* conjunction(List* conditions)
{
    if (conditions == NIL) {
        return nullptr;
    }
    return list_length(conditions) == 1 ? as_node(linitial(conditions))
                                        : as_node(makeBoolExpr(AND_EXPR, conditions, -1));
}

Node* without_references(Query* query, const void* node)
{
    Node* plain = without_join_references(query, node);
#if PG_VERSION_NUM >= 180000
    if (query->hasGroupRTE) {
        plain = flatten_group_exprs(nullptr, query, plain);
    }
#endif
    return plain;
}

void resolve_references(Query* query)
{
    resolve_groups(query);
    resolve(query, query->targetList);
    resolve(query, query->jointree);
    resolve(query, query->havingQual);
    ListCell* cell = nullptr;
    foreach (cell, query->rtable) {
        auto* entry = lfirst_node(RangeTblEntry, cell);
        resolve(query, entry->subquery);
        resolve(query, entry->functions);
        resolve(query, entry->values_lists);
        resolve(query, entry->tablefunc);
    }
}

void split_merged_columns(Query* query)
{
    ListCell* cell = nullptr;
    foreach (cell, query->jointree->fromlist) {
        side_of(query, as_node(lfirst(cell)));
    }
}

bool has_subquery(Node* node)
{
    return find_subquery(node, nullptr) || expression_returns_set(node);
}

Node* null_of(Oid type, int32 modifier, Oid collation)
{
    const Oid base = getBaseTypeAndTypmod(type, &modifier);
    return as_node(makeNullConst(base, modifier, collation));
}

Node* only_where(Node* condition, Node* expression)
{
    auto* when = makeNode(CaseWhen);
    when->expr = static_cast<Expr*>(copyObjectImpl(condition));
    when->result = static_cast<Expr*>(copyObjectImpl(expression));
    when->location = -1;
    auto* made = makeNode(CaseExpr);
    made->casetype = exprType(expression);
    made->casecollid = exprCollation(expression);
    made->args = list_make1(when);
    made->defresult = reinterpret_cast<Expr*>(null_of(made->casetype, exprTypmod(expression), made->casecollid));
    made->location = -1;
    return as_node(made);
}

Node* with_collation(Node* expression, Oid collation)
{
    if (!OidIsValid(collation) || exprCollation(expression) == collation) {
        return expression;
    }
    auto* made = makeNode(CollateExpr);
    made->arg = reinterpret_cast<Expr*>(expression);
    made->collOid = collation;
    made->location = -1;
    return as_node(made);
}

Node* branch_column(const Query* query, int branch, AttrNumber column)
{
    return column_of_branch(query, query->setOperations, branch, column);
}

List* parts_of_aggregate(Oid aggregate)
{
    HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
    if (!HeapTupleIsValid(tuple)) {
        return NIL;
    }
    const auto* form = reinterpret_cast<Form_pg_aggregate>(GETSTRUCT(tuple));
    List* parts = NIL;
    for (const Oid part : {form->aggtransfn, form->aggfinalfn, form->aggcombinefn, form->aggserialfn,
                           form->aggdeserialfn, form->aggmtransfn, form->aggminvtransfn, form->aggmfinalfn}) {
        if (OidIsValid(part)) {
            parts = list_append_unique_oid(parts, part);
        }
    }
    ReleaseSysCache(tuple);
    return parts;
}

int btree_strategy(Oid type, Oid op)
{
    const Oid opclass = GetDefaultOpClass(getBaseType(type), BTREE_AM_OID);
    return OidIsValid(opclass) ? get_op_opfamily_strategy(op, get_opclass_family(opclass)) : 0;
}

Var* bare_column(const void* expression)
{
    Node* node = as_node(expression);
    while (IsA(node, RelabelType)) {
        node = as_node(reinterpret_cast<RelabelType*>(node)->arg);
    }
    auto* column = IsA(node, Var) ? reinterpret_cast<Var*>(node) : nullptr;
    return column != nullptr && column->varlevelsup == 0 && column->varattno > 0 ? column : nullptr;
}

bool is_equality(Node* condition, equal_columns& found)
{
    if (!IsA(condition, OpExpr) || list_length(reinterpret_cast<OpExpr*>(condition)->args) != 2) {
        return false;
    }
    const auto* comparison = reinterpret_cast<OpExpr*>(condition);
    found = {bare_column(linitial(comparison->args)), bare_column(lsecond(comparison->args))};
    return found.left != nullptr && found.right != nullptr &&
           btree_strategy(exprType(as_node(linitial(comparison->args))), comparison->opno) == BTEqualStrategyNumber &&
           (!OidIsValid(comparison->inputcollid) || get_collation_isdeterministic(comparison->inputcollid));
}

const char* relation_text(Oid relation)
{
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation));
}

const char* type_text(Oid type, int32 modifier)
{
    return format_type_with_typemod(type, modifier);
}

const char* collation_text(Oid collation)
{
    return OidIsValid(collation) ? generate_collation_name(collation) : nullptr;
}

const char* query_text(Query* query)
{
    return pg_get_querydef(static_cast<Query*>(copyObjectImpl(query)), false);
}

const char* column_expression_text(Node* expression, Oid relation)
{
    return deparse_expression(expression, deparse_context_for(get_rel_name(relation), relation), false, false);
}

const char* constant_text(Node* expression)
{
    return deparse_expression(expression, NIL, false, false);
}

} // namespace etl::rollup
