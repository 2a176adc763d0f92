// A Var names a column of a range-table entry; the walk follows it to the expression behind that entry until it ends at
// relations.
#include "core/query_walk_pg.hpp"

#include "pg/interrupts.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_attribute.h>
#include <catalog/pg_class.h>
#include <optimizer/optimizer.h>
#include <parser/parsetree.h>
#include <utils/syscache.h>
}

namespace etl::lineage {
namespace {

using pg::as_node;
using pg::walker;

// Expressions ---------------------------------------------------------------------------------------------------------

// The expressions that clauses for groups, orders and windows refer to.
void trace_clauses(walk& to, const List* clauses, const List* targets, const scope* at, how next)
{
    ListCell* cell = nullptr;
    foreach (cell, clauses) {
        trace_node(to, get_sortgroupclause_expr(lfirst_node(SortGroupClause, cell), const_cast<List*>(targets)), at,
                   next);
    }
}

void trace_window(walk& to, const WindowFunc* function)
{
    ListCell* cell = nullptr;
    foreach (cell, to.at->query->windowClause) {
        const auto* window = lfirst_node(WindowClause, cell);
        if (window->winref == function->winref) {
            trace_clauses(to, window->partitionClause, to.at->query->targetList, to.at, how::window);
            trace_clauses(to, window->orderClause, to.at->query->targetList, to.at, how::window);
        }
    }
    trace_in(to, function->args, how::aggregation);
    trace_in(to, function->aggfilter, how::filter);
}

void trace_aggregate(walk& to, const Aggref* aggregate)
{
    ListCell* cell = nullptr;
    foreach (cell, aggregate->args) {
        const auto* argument = lfirst_node(TargetEntry, cell);
        if (!argument->resjunk) {
            trace_in(to, argument->expr, how::aggregation);
        }
    }
    trace_in(to, aggregate->aggdirectargs, how::aggregation);
    trace_in(to, aggregate->aggfilter, how::filter);
    trace_clauses(to, aggregate->aggorder, aggregate->args, to.at, how::sort);
}

void trace_case(walk& to, const CaseExpr* choice)
{
    trace_in(to, choice->arg, how::conditional);
    ListCell* cell = nullptr;
    foreach (cell, choice->args) {
        const auto* when = lfirst_node(CaseWhen, cell);
        trace_in(to, when->expr, how::conditional);
        trace_in(to, when->result, how::transformation);
    }
    trace_in(to, choice->defresult, how::transformation);
}

// Whether one of these is NULL decides whether the next one counts.
void trace_coalesce(walk& to, const List* arguments)
{
    trace_in(to, arguments, how::transformation);
    ListCell* cell = nullptr;
    foreach (cell, arguments) {
        if (lnext(arguments, cell) != nullptr) {
            trace_in(to, lfirst(cell), how::conditional);
        }
    }
}

void trace_call(walk& to, const FuncExpr* call)
{
    trace_in(to, call->args, how::transformation);
    const known_call* known = find_call(to, call);
    if (known == nullptr) {
        return;
    }
    by_way(to, how::transformation, [&] {
        ListCell* cell = nullptr;
        foreach (cell, known->results) {
            trace_all_targets(to, static_cast<const Query*>(lfirst(cell)), nullptr);
        }
    });
    by_way(to, how::filter, [&] { trace_known_rows(to, known); });
}

void trace_subquery(walk& to, const SubLink* link)
{
    const auto* query = castNode(Query, link->subselect);
    const scope* at = to.at;
    if (link->subLinkType != EXPR_SUBLINK && link->subLinkType != MULTIEXPR_SUBLINK) {
        trace_in(to, link->testexpr, how::transformation);
        by_way(to, how::transformation, [&] { trace_all_targets(to, query, at); });
    } else if (link->subLinkType == EXPR_SUBLINK) {
        trace_all_targets(to, query, at);
    }
    by_way(to, how::filter, [&] { trace_rows(to, query, at); });
}

// SET (a, b) = (SELECT …): a and b are numbered results of a subquery that stands apart in the list of targets.
void trace_multiple(walk& to, const Param* parameter)
{
    ListCell* cell = nullptr;
    foreach (cell, to.at->query->targetList) {
        const auto* target = lfirst_node(TargetEntry, cell);
        if (!IsA(target->expr, SubLink)) {
            continue;
        }
        const auto* link = reinterpret_cast<const SubLink*>(target->expr);
        if (link->subLinkType == MULTIEXPR_SUBLINK && link->subLinkId == parameter->paramid >> 16) {
            trace_target(to, castNode(Query, link->subselect), static_cast<AttrNumber>(parameter->paramid & 0xFFFF),
                         to.at);
            trace_subquery(to, link);
        }
    }
}

void trace_join(walk& to, const JoinExpr* join)
{
    visit_node(join->larg, &to);
    visit_node(join->rarg, &to);
    trace_in(to, join->quals, how::join);
}

// Before PostgreSQL 17 the condition of a MERGE stands where that of WHERE does.
how condition_of(const Query* query)
{
    return query->commandType == CMD_MERGE ? how::join : how::filter;
}

// What a node does beside handing on its parts; false where that is all.
bool trace_special(walk& to, const Node* node)
{
    switch (nodeTag(node)) {
    case T_Var:
        trace_variable(to, reinterpret_cast<const Var*>(node));
        return true;
    case T_RangeTblRef:
        trace_rows_of_entry(to, rt_fetch(reinterpret_cast<const RangeTblRef*>(node)->rtindex, to.at->query->rtable));
        return true;
    case T_JoinExpr:
        trace_join(to, reinterpret_cast<const JoinExpr*>(node));
        return true;
    case T_FromExpr:
        visit_node(as_node(reinterpret_cast<const FromExpr*>(node)->fromlist), &to);
        trace_in(to, reinterpret_cast<const FromExpr*>(node)->quals, condition_of(to.at->query));
        return true;
    case T_SubLink:
        trace_subquery(to, reinterpret_cast<const SubLink*>(node));
        return true;
    case T_Param:
        if (reinterpret_cast<const Param*>(node)->paramkind == PARAM_MULTIEXPR) {
            trace_multiple(to, reinterpret_cast<const Param*>(node));
        }
        return true;
    case T_WindowFunc:
        trace_window(to, reinterpret_cast<const WindowFunc*>(node));
        return true;
    case T_Aggref:
        trace_aggregate(to, reinterpret_cast<const Aggref*>(node));
        return true;
    case T_CaseExpr:
        trace_case(to, reinterpret_cast<const CaseExpr*>(node));
        return true;
    case T_CoalesceExpr:
        trace_coalesce(to, reinterpret_cast<const CoalesceExpr*>(node)->args);
        return true;
    case T_NullIfExpr:
        trace_in(to, linitial(reinterpret_cast<const NullIfExpr*>(node)->args), how::transformation);
        trace_in(to, lsecond(reinterpret_cast<const NullIfExpr*>(node)->args), how::conditional);
        return true;
    case T_FuncExpr:
        trace_call(to, reinterpret_cast<const FuncExpr*>(node));
        return true;
    default:
        return false;
    }
}

// Whether a node hands on the value, or the rows, that it has.
bool hands_on(const Node* node)
{
    switch (nodeTag(node)) {
    case T_List:
    case T_TargetEntry:
    case T_RelabelType:
    case T_CollateExpr:
    case T_CoerceToDomain:
    case T_NamedArgExpr:
    case T_RangeTblFunction:
    case T_SetOperationStmt:
        return true;
    default:
        return false;
    }
}

// Queries -------------------------------------------------------------------------------------------------------------

// An output column of a set operation is that of each branch, but for what EXCEPT takes away.
void trace_branches(walk& to, const Node* operation, AttrNumber output, const scope* at)
{
    check_stack_depth();
    if (IsA(operation, SetOperationStmt)) {
        const auto* both = reinterpret_cast<const SetOperationStmt*>(operation);
        trace_branches(to, both->larg, output, at);
        by_way(to, both->op == SETOP_EXCEPT ? how::filter : to.by, [&] { trace_branches(to, both->rarg, output, at); });
        return;
    }
    const auto* branch = castNode(RangeTblRef, const_cast<Node*>(operation));
    trace_target(to, rt_fetch(branch->rtindex, at->query->rtable)->subquery, output, at);
}

// Whether rows of a set operation go because others are equal.
bool compares_rows(const Node* operation)
{
    check_stack_depth();
    if (!IsA(operation, SetOperationStmt)) {
        return false;
    }
    const auto* both = reinterpret_cast<const SetOperationStmt*>(operation);
    return both->op != SETOP_UNION || !both->all || compares_rows(both->larg) || compares_rows(both->rarg);
}

void trace_conditions(walk& to, const Query* query, const scope* at)
{
#if PG_VERSION_NUM >= 170000
    trace_node(to, query->mergeJoinCondition, at, how::join);
#endif
    trace_node(to, query->havingQual, at, how::filter);
    trace_node(to, query->limitOffset, at, how::filter);
    trace_node(to, query->limitCount, at, how::filter);
    if (query->onConflict != nullptr) {
        trace_node(to, query->onConflict->onConflictWhere, at, how::filter);
    }
    ListCell* cell = nullptr;
    foreach (cell, query->mergeActionList) {
        trace_node(to, lfirst_node(MergeAction, cell)->qual, at, how::filter);
    }
}

} // namespace

bool visit_node(Node* node, void* context)
{
    auto& to = *static_cast<walk*>(context);
    if (node == nullptr || trace_special(to, node)) {
        return false;
    }
    by_way(to, hands_on(node) ? to.by : how::transformation,
           [&] { expression_tree_walker(node, walker(visit_node), context); });
    return false;
}

void trace_in(walk& to, const void* node, how next)
{
    by_way(to, next, [&] { visit_node(as_node(node), &to); });
}

void trace_node(walk& to, const void* node, const scope* at)
{
    const scope* before = to.at;
    to.at = at;
    visit_node(as_node(node), &to);
    to.at = before;
}

void trace_node(walk& to, const void* node, const scope* at, how next)
{
    by_way(to, next, [&] { trace_node(to, node, at); });
}

// What others see of a query.
const List* outputs_of(const Query* query)
{
    return query->commandType == CMD_SELECT ? query->targetList : query->returningList;
}

void trace_all_targets(walk& to, const Query* query, const scope* outer)
{
    ListCell* cell = nullptr;
    foreach (cell, outputs_of(query)) {
        const auto* target = lfirst_node(TargetEntry, cell);
        if (!target->resjunk) {
            trace_target(to, query, target->resno, outer);
        }
    }
}

void trace_target(walk& to, const Query* query, AttrNumber output, const scope* outer)
{
    check_stack_depth();
    pg::check_interrupts();
    if (!is_first_visit(to, query, output)) {
        return;
    }
    const scope at{query, outer};
    if (query->setOperations != nullptr) {
        trace_branches(to, query->setOperations, output, &at);
        return;
    }
    const TargetEntry* target = get_tle_by_resno(const_cast<List*>(outputs_of(query)), output);
    if (target != nullptr) {
        trace_node(to, target->expr, &at);
    }
}

void trace_rows(walk& to, const Query* query, const scope* outer)
{
    check_stack_depth();
    if (!is_first_visit(to, query, whole_query)) {
        return;
    }
    const scope at{query, outer};
    trace_node(to, query->jointree, &at);
    trace_node(to, query->setOperations, &at);
    trace_conditions(to, query, &at);
    if (query->setOperations == nullptr) {
        trace_clauses(to, query->groupClause, query->targetList, &at, how::group_by);
        trace_clauses(to, query->distinctClause, query->targetList, &at, how::group_by);
        trace_clauses(to, query->sortClause, query->targetList, &at, how::sort);
        return;
    }
    if (compares_rows(query->setOperations)) {
        by_way(to, how::group_by, [&] { trace_all_targets(to, query, outer); });
    }
    by_way(to, how::sort, [&] {
        ListCell* cell = nullptr;
        foreach (cell, query->sortClause) {
            trace_target(to, query,
                         get_sortgroupclause_tle(lfirst_node(SortGroupClause, cell), query->targetList)->resno, outer);
        }
    });
}

// What others call -------------------------------------------------------------------------------------------------

namespace {

HTAB* make_set(const char* name, Size key)
{
    HASHCTL how_made = {};
    how_made.keysize = key;
    how_made.entrysize = key;
    how_made.hcxt = CurrentMemoryContext;
    return hash_create(name, 32, &how_made, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

template <class F>
List* traced(how by, const List* calls, F&& f)
{
    walk to = {calls,   NIL, make_set("lineage sources", sizeof(source)), make_set("lineage walk", sizeof(place)),
               nullptr, by};
    f(to);
    hash_destroy(to.known);
    hash_destroy(to.visited);
    return to.found;
}

} // namespace

List* columns_of(Oid relation)
{
    List* columns = NIL;
    HeapTuple found = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(found)) {
        return columns;
    }
    const AttrNumber count = reinterpret_cast<Form_pg_class>(GETSTRUCT(found))->relnatts;
    ReleaseSysCache(found);
    for (AttrNumber column = 1; column <= count; ++column) {
        HeapTuple known = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation), Int16GetDatum(column));
        if (HeapTupleIsValid(known)) {
            if (!reinterpret_cast<Form_pg_attribute>(GETSTRUCT(known))->attisdropped) {
                columns = lappend_int(columns, column);
            }
            ReleaseSysCache(known);
        }
    }
    return columns;
}

List* value_sources(const Query* query, AttrNumber output, const List* calls)
{
    return traced(how::identity, calls, [&](walk& to) { trace_target(to, query, output, nullptr); });
}

List* expression_sources(const Query* query, const Query* around, const Node* expression, const List* calls)
{
    const scope outer{around, nullptr};
    const scope at{query, &outer};
    return traced(how::identity, calls, [&](walk& to) { trace_node(to, expression, &at); });
}

List* row_sources(const Query* query, const List* calls, const Query* around)
{
    const scope outer{around, nullptr};
    return traced(how::rows, calls, [&](walk& to) { trace_rows(to, query, &outer); });
}

} // namespace etl::lineage
