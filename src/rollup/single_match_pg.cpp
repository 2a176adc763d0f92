#include "rollup/single_match_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/table.h>
#include <access/transam.h>
#include <catalog/pg_class.h>
#include <catalog/pg_index.h>
#include <catalog/pg_inherits.h>
#include <optimizer/optimizer.h>
#include <optimizer/tlist.h>
#include <parser/parsetree.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/relcache.h>
#include <utils/syscache.h>
#include <utils/typcache.h>
}

#include <cstring>

namespace etl::rollup {
namespace {

// Column `column` of relation `relation` is given as soon as the relations `needs` are.
struct equality {
    int relation;
    AttrNumber column;
    Bitmapset* needs;
};

void add_equality(joined& to, const Var* column, Bitmapset* needs)
{
    auto* one = fresh<equality>();
    *one = {static_cast<int>(column->varno), column->varattno, needs};
    to.equalities = lappend(to.equalities, one);
}

void add_comparison(joined& to, Node* condition)
{
    if (!IsA(condition, OpExpr) || list_length(reinterpret_cast<OpExpr*>(condition)->args) != 2) {
        return;
    }
    const auto* comparison = reinterpret_cast<OpExpr*>(condition);
    Node* left = as_node(linitial(comparison->args));
    Node* right = as_node(lsecond(comparison->args));
    if (!op_mergejoinable(comparison->opno, exprType(left)) && !op_hashjoinable(comparison->opno, exprType(left))) {
        return;
    }
    if (const Var* column = bare_column(left)) {
        add_equality(to, column, pull_varnos(nullptr, right));
    }
    if (const Var* column = bare_column(right)) {
        add_equality(to, column, pull_varnos(nullptr, left));
    }
}

void add_from(joined& to, Query* query, Node* node)
{
    switch (nodeTag(node)) {
    case T_RangeTblRef:
        to.relations = bms_add_member(to.relations, reinterpret_cast<RangeTblRef*>(node)->rtindex);
        return;
    case T_FromExpr: {
        const auto* from = reinterpret_cast<FromExpr*>(node);
        ListCell* cell = nullptr;
        foreach (cell, from->fromlist) {
            add_from(to, query, static_cast<Node*>(lfirst(cell)));
        }
        add_condition(to, without_references(query, from->quals));
        return;
    }
    case T_JoinExpr: {
        const auto* join = reinterpret_cast<JoinExpr*>(node);
        add_from(to, query, join->larg);
        add_from(to, query, join->rarg);
        add_condition(to, without_references(query, join->quals));
        return;
    }
    default:
        return;
    }
}

bool at_most_one(Query* query, const Bitmapset* fixed, const scope* outer);

bool index_is_within(Oid index, const Bitmapset* fixed)
{
    HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
    if (!HeapTupleIsValid(tuple)) {
        return false;
    }
    const auto* form = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
    bool within = form->indisunique && form->indisvalid && heap_attisnull(tuple, Anum_pg_index_indpred, nullptr);
    for (int i = 0; within && i < form->indnkeyatts; ++i) {
        within = form->indkey.values[i] > 0 && bms_is_member(form->indkey.values[i], fixed);
    }
    ReleaseSysCache(tuple);
    return within;
}

// A unique index of a parent says nothing of its children, unless they are partitions.
bool one_row_of_table(const RangeTblEntry* entry, const Bitmapset* fixed)
{
    if (entry->inh && entry->relkind == RELKIND_RELATION && has_subclass(entry->relid)) {
        return false;
    }
    Relation table = table_open(entry->relid, AccessShareLock);
    bool unique = false;
    ListCell* cell = nullptr;
    foreach (cell, RelationGetIndexList(table)) {
        unique = unique || index_is_within(lfirst_oid(cell), fixed);
    }
    table_close(table, NoLock);
    return unique;
}

struct with_query {
    Query* query;
    const scope* outer;
};

with_query find_with(const RangeTblEntry* entry, const scope* at)
{
    at = scope_above(at, entry->ctelevelsup);
    ListCell* cell = nullptr;
    foreach (cell, at == nullptr ? NIL : at->query->cteList) {
        const auto* with = lfirst_node(CommonTableExpr, cell);
        if (strcmp(with->ctename, entry->ctename) == 0 && !with->cterecursive && IsA(with->ctequery, Query)) {
            return {reinterpret_cast<Query*>(with->ctequery), at};
        }
    }
    return {nullptr, nullptr};
}

// A series returns each value once.
bool is_series(const Node* expression)
{
    const Oid function = IsA(expression, FuncExpr) ? reinterpret_cast<const FuncExpr*>(expression)->funcid : InvalidOid;
    return OidIsValid(function) && function < FirstNormalObjectId &&
           strcmp(get_func_name(function), "generate_series") == 0;
}

// Whether no two rows of a VALUES list agree in a column of constants.
bool are_different(const List* rows, int column)
{
    List* seen = NIL;
    const TypeCacheEntry* type = nullptr;
    ListCell* row = nullptr;
    foreach (row, rows) {
        Node* value = eval_const_expressions(nullptr, static_cast<Node*>(list_nth(lfirst_node(List, row), column)));
        if (!IsA(value, Const)) {
            return false;
        }
        const auto* constant = reinterpret_cast<const Const*>(value);
        type = type == nullptr ? lookup_type_cache(constant->consttype, TYPECACHE_EQ_OPR_FINFO) : type;
        if (constant->constisnull || !OidIsValid(type->eq_opr)) {
            return false;
        }
        ListCell* cell = nullptr;
        foreach (cell, seen) {
            if (DatumGetBool(FunctionCall2Coll(const_cast<FmgrInfo*>(&type->eq_opr_finfo), constant->constcollid,
                                               lfirst_node(Const, cell)->constvalue, constant->constvalue))) {
                return false;
            }
        }
        seen = lappend(seen, value);
    }
    return true;
}

bool one_of_values(const List* rows, const Bitmapset* fixed)
{
    constexpr int most = 1000; // each is compared with each
    for (int column = -1; list_length(rows) <= most && (column = bms_next_member(fixed, column)) >= 0;) {
        if (are_different(rows, column - 1)) {
            return true;
        }
    }
    return list_length(rows) == 1;
}

bool at_most_one_of(const RangeTblEntry* entry, const Bitmapset* fixed, const scope* at)
{
    switch (entry->rtekind) {
    case RTE_RELATION:
        return entry->relkind == RELKIND_VIEW ? at_most_one(query_of_view(entry->relid), fixed, nullptr)
                                              : one_row_of_table(entry, fixed);
    case RTE_SUBQUERY:
        return at_most_one(entry->subquery, fixed, at);
    case RTE_CTE: {
        const with_query with = find_with(entry, at);
        return with.query != nullptr && at_most_one(with.query, fixed, with.outer);
    }
    case RTE_FUNCTION:
        return !expression_returns_set(reinterpret_cast<Node*>(entry->functions)) ||
               (bms_is_member(1, fixed) && list_length(entry->functions) == 1 &&
                is_series(linitial_node(RangeTblFunction, entry->functions)->funcexpr));
    case RTE_VALUES:
        return one_of_values(entry->values_lists, fixed);
    default:
        return entry->rtekind == RTE_RESULT;
    }
}

bool all_fixed(const List* clauses, const Query* query, const Bitmapset* fixed)
{
    ListCell* cell = nullptr;
    foreach (cell, clauses) {
        const TargetEntry* target = get_sortgroupclause_tle(lfirst_node(SortGroupClause, cell), query->targetList);
        if (!bms_is_member(target->resno, fixed)) {
            return false;
        }
    }
    return true;
}

// Whether an output column repeats the row that it is computed from, with values that may be equal or are not fixed.
bool has_free_sets(const Query* query, const Bitmapset* fixed)
{
    ListCell* cell = nullptr;
    foreach (cell, query->hasTargetSRFs ? query->targetList : NIL) {
        const auto* target = lfirst_node(TargetEntry, cell);
        const auto* expression = reinterpret_cast<const Node*>(target->expr);
        if (expression_returns_set(const_cast<Node*>(expression)) &&
            !(is_series(expression) && bms_is_member(target->resno, fixed))) {
            return true;
        }
    }
    return false;
}

// Whether one of the output columns `fixed` numbers the rows of each partition, and which partition is fixed, too.
bool is_one_of_numbered(const Query* query, const Bitmapset* fixed)
{
    ListCell* cell = nullptr;
    foreach (cell, query->hasWindowFuncs ? query->targetList : NIL) {
        const auto* target = lfirst_node(TargetEntry, cell);
        if (IsA(target->expr, WindowFunc) && bms_is_member(target->resno, fixed)) {
            const auto* call = reinterpret_cast<const WindowFunc*>(target->expr);
            const auto* window = list_nth_node(WindowClause, query->windowClause, static_cast<int>(call->winref) - 1);
            if (call->winfnoid == F_ROW_NUMBER && all_fixed(window->partitionClause, query, fixed)) {
                return true;
            }
        }
    }
    return false;
}

bool is_limited_to_one(const Query* query)
{
    const Node* limit = query->limitCount == nullptr || query->limitOption != LIMIT_OPTION_COUNT
                            ? nullptr
                            : eval_const_expressions(nullptr, query->limitCount);
    if (limit == nullptr || !IsA(limit, Const)) {
        return false;
    }
    const auto* number = reinterpret_cast<const Const*>(limit);
    return !number->constisnull && DatumGetInt64(number->constvalue) <= 1;
}

// Whether rows that agree in the output columns `fixed` come from one row of each relation.
bool one_row_is_behind(Query* query, const Bitmapset* fixed, const scope* outer)
{
    const scope at = {query, outer};
    joined joins = joins_of(query);
    ListCell* cell = nullptr;
    foreach (cell, reinterpret_cast<List*>(without_references(query, query->targetList))) {
        const auto* target = lfirst_node(TargetEntry, cell);
        const Var* column = bare_column(target->expr);
        if (column != nullptr && bms_is_member(target->resno, fixed)) {
            add_fixed_column(joins, column);
        }
    }
    return bms_is_subset(joins.relations, with_single_matches(joins, nullptr, &at));
}

// A set operation that leaves no two equal rows, all of whose columns are fixed.
bool is_one_of_different(const Query* query, const Bitmapset* fixed)
{
    const auto* operation = castNode(SetOperationStmt, query->setOperations);
    ListCell* cell = nullptr;
    foreach (cell, query->targetList) {
        if (!bms_is_member(lfirst_node(TargetEntry, cell)->resno, fixed)) {
            return false;
        }
    }
    return !operation->all;
}

// Whether no two rows of a query agree in its output columns `fixed`.
bool at_most_one(Query* query, const Bitmapset* fixed, const scope* outer)
{
    if (is_limited_to_one(query)) {
        return true;
    }
    if (query->setOperations != nullptr) {
        return is_one_of_different(query, fixed);
    }
    if (query->distinctClause != NIL && all_fixed(query->distinctClause, query, fixed)) {
        return true;
    }
    if (has_free_sets(query, fixed)) {
        return false;
    }
    if (is_one_of_numbered(query, fixed)) {
        return true;
    }
    if (query->groupingSets != NIL) {
        return false;
    }
    if ((query->groupClause != NIL || query->hasAggs) && all_fixed(query->groupClause, query, fixed)) {
        return true;
    }
    return one_row_is_behind(query, fixed, outer);
}

} // namespace

Query* query_of_view(Oid relation)
{
    Query* query = nullptr;
    Relation opened = table_open(relation, AccessShareLock);
    const RuleLock* rules = opened->rd_rules;
    for (int i = 0; rules != nullptr && i < rules->numLocks; ++i) {
        if (rules->rules[i]->event == CMD_SELECT) {
            query = static_cast<Query*>(copyObjectImpl(linitial(rules->rules[i]->actions)));
        }
    }
    table_close(opened, NoLock);
    return query;
}

void add_condition(joined& to, Node* condition)
{
    ListCell* cell = nullptr;
    foreach (cell, conjuncts(condition)) {
        add_comparison(to, as_node(lfirst(cell)));
    }
}

void add_fixed_column(joined& to, const Var* column)
{
    add_equality(to, column, nullptr);
}

joined joins_of(Query* query)
{
    joined found = {};
    add_from(found, query, reinterpret_cast<Node*>(query->jointree));
    return found;
}

Bitmapset* fixed_columns(const joined& joins, int relation, const Bitmapset* given)
{
    Bitmapset* fixed = nullptr;
    ListCell* cell = nullptr;
    foreach (cell, joins.equalities) {
        const auto* one = static_cast<const equality*>(lfirst(cell));
        if (one->relation == relation && bms_is_subset(one->needs, given)) {
            fixed = bms_add_member(fixed, one->column);
        }
    }
    return fixed;
}

Bitmapset* with_single_matches(const joined& joins, Bitmapset* given, const scope* at)
{
    for (bool grew = true; grew;) {
        grew = false;
        for (int relation = -1; (relation = bms_next_member(joins.relations, relation)) >= 0;) {
            if (!bms_is_member(relation, given) &&
                at_most_one_of(rt_fetch(relation, at->query->rtable), fixed_columns(joins, relation, given), at)) {
                given = bms_add_member(given, relation);
                grew = true;
            }
        }
    }
    return given;
}

} // namespace etl::rollup
