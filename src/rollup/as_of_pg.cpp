#include "rollup/as_of_pg.hpp"

#include "rollup/rollup_query_pg.hpp"

extern "C" {
#include <access/stratnum.h>
#include <catalog/namespace.h>
#include <catalog/pg_type.h>
#include <nodes/makefuncs.h>
#include <parser/parse_coerce.h>
#include <parser/parse_func.h>
#include <parser/parsetree.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
}

namespace etl::rollup {
namespace {

bool is_now(const Node* node)
{
    if (!IsA(node, FuncExpr)) {
        return false;
    }
    const Oid function = reinterpret_cast<const FuncExpr*>(node)->funcid;
    return function == F_NOW || function == F_TRANSACTION_TIMESTAMP;
}

// Which type a part of SQL's syntax that looks at the clock gives; InvalidOid for any other.
Oid clock_type(const Node* node)
{
    if (is_now(node)) {
        return TIMESTAMPTZOID;
    }
    if (!IsA(node, SQLValueFunction)) {
        return InvalidOid;
    }
    switch (reinterpret_cast<const SQLValueFunction*>(node)->op) {
    case SVFOP_CURRENT_DATE:
        return DATEOID;
    case SVFOP_CURRENT_TIMESTAMP:
    case SVFOP_CURRENT_TIMESTAMP_N:
        return TIMESTAMPTZOID;
    case SVFOP_LOCALTIMESTAMP:
    case SVFOP_LOCALTIMESTAMP_N:
        return TIMESTAMPOID;
    default:
        return InvalidOid;
    }
}

// Functions that look at the clock besides, and that have no place in a moving filter.
bool is_other_clock(const Node* node)
{
    if (IsA(node, SQLValueFunction)) {
        switch (reinterpret_cast<const SQLValueFunction*>(node)->op) {
        case SVFOP_CURRENT_TIME:
        case SVFOP_CURRENT_TIME_N:
        case SVFOP_LOCALTIME:
        case SVFOP_LOCALTIME_N:
            return true;
        default:
            return false;
        }
    }
    if (!IsA(node, FuncExpr)) {
        return false;
    }
    const Oid function = reinterpret_cast<const FuncExpr*>(node)->funcid;
    return function == F_STATEMENT_TIMESTAMP || function == F_AGE_TIMESTAMP || function == F_AGE_TIMESTAMPTZ;
}

bool find_clock(Node* node, void*)
{
    if (node == nullptr) {
        return false;
    }
    if (OidIsValid(clock_type(node)) || is_other_clock(node)) {
        return true;
    }
    if (IsA(node, Query)) {
        return query_tree_walker(reinterpret_cast<Query*>(node), walker(find_clock), nullptr, QTW_IGNORE_JOINALIASES);
    }
    return expression_tree_walker(node, walker(find_clock), nullptr);
}

bool find_as_of(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, FuncExpr) && reinterpret_cast<FuncExpr*>(node)->funcid == *static_cast<Oid*>(context)) {
        return true;
    }
    if (IsA(node, Query)) {
        return query_tree_walker(reinterpret_cast<Query*>(node), walker(find_as_of), context, QTW_IGNORE_JOINALIASES);
    }
    return expression_tree_walker(node, walker(find_as_of), context);
}

// In place of what looks at the clock.
Node* as_of_call(Node* clock)
{
    Node* call =
        as_node(makeFuncExpr(as_of_function(), TIMESTAMPTZOID, NIL, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
    return coerce_to_target_type(nullptr, call, TIMESTAMPTZOID, clock_type(clock), exprTypmod(clock), COERCION_EXPLICIT,
                                 COERCE_EXPLICIT_CAST, -1);
}

Node* replace_clock(Node* node, void*)
{
    if (node == nullptr) {
        return nullptr;
    }
    if (OidIsValid(clock_type(node))) {
        return as_of_call(node);
    }
    return expression_tree_mutator(node, mutator(replace_clock), nullptr);
}

// What neither a constant nor a plain function of constants and the clock is.
bool find_foreign_part(Node* node, void*)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, Var) || IsA(node, SubLink) || IsA(node, Param) || IsA(node, Aggref) || IsA(node, WindowFunc) ||
        is_other_clock(node)) {
        return true;
    }
    return expression_tree_walker(node, walker(find_foreign_part), nullptr);
}

bool is_edge(Node* node)
{
    return uses_clock(node) && !find_foreign_part(node, nullptr);
}

Var* own_table_column(Node* node, const Query* query)
{
    auto* column = IsA(node, Var) ? reinterpret_cast<Var*>(node) : nullptr;
    return column != nullptr && column->varlevelsup == 0 && column->varattno > 0 &&
                   rt_fetch(column->varno, query->rtable)->rtekind == RTE_RELATION
               ? column
               : nullptr;
}

moving_filter* filter_of(const Query* query, const Var* column, Node* edge, Oid op)
{
    const int strategy = btree_strategy(column->vartype, op);
    if (strategy == 0 || strategy == BTEqualStrategyNumber) {
        return nullptr;
    }
    Node* typed = coerce_to_target_type(nullptr, edge, exprType(edge), column->vartype, column->vartypmod,
                                        COERCION_EXPLICIT, COERCE_EXPLICIT_CAST, -1);
    if (typed == nullptr) {
        return nullptr;
    }
    auto* made = fresh<moving_filter>();
    *made = {rt_fetch(column->varno, query->rtable), column->varattno, typed, strategy > BTEqualStrategyNumber};
    return made;
}

// The filter that a condition is, with the clock in it replaced; nullptr where it is none.
moving_filter* read_filter(const Query* query, Node* condition)
{
    if (!IsA(condition, OpExpr)) {
        return nullptr;
    }
    auto* comparison = reinterpret_cast<OpExpr*>(condition);
    if (list_length(comparison->args) != 2) {
        return nullptr;
    }
    const bool column_first = IsA(linitial(comparison->args), Var);
    ListCell* edge_cell = list_nth_cell(comparison->args, column_first ? 1 : 0);
    const Var* column = own_table_column(as_node(list_nth(comparison->args, column_first ? 0 : 1)), query);
    if (column == nullptr || !is_edge(as_node(lfirst(edge_cell)))) {
        return nullptr;
    }
    Node* edge = replace_clock(as_node(lfirst(edge_cell)), nullptr);
    moving_filter* made =
        filter_of(query, column, edge, column_first ? comparison->opno : get_commutator(comparison->opno));
    if (made != nullptr) {
        lfirst(edge_cell) = edge;
    }
    return made;
}

struct filter_walk {
    List* found;
    const Query* query;
};

void read_filters(filter_walk& to, Node* condition)
{
    ListCell* cell = nullptr;
    foreach (cell, conjuncts(condition)) {
        moving_filter* filter = read_filter(to.query, as_node(lfirst(cell)));
        if (filter != nullptr) {
            to.found = lappend(to.found, filter);
        }
    }
}

bool visit_conditions(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    auto& to = *static_cast<filter_walk*>(context);
    if (IsA(node, Query)) {
        const Query* outer = to.query;
        to.query = reinterpret_cast<Query*>(node);
        query_tree_walker(reinterpret_cast<Query*>(node), walker(visit_conditions), context, QTW_IGNORE_JOINALIASES);
        to.query = outer;
        return false;
    }
    if (IsA(node, FromExpr)) {
        read_filters(to, reinterpret_cast<FromExpr*>(node)->quals);
    } else if (IsA(node, JoinExpr)) {
        read_filters(to, reinterpret_cast<JoinExpr*>(node)->quals);
    }
    return expression_tree_walker(node, walker(visit_conditions), context);
}

} // namespace

Oid as_of_function()
{
    List* name = list_make2(makeString(pstrdup("etl")), makeString(pstrdup("_rollup_as_of")));
    return LookupFuncName(name, 0, nullptr, false);
}

List* find_moving_filters(Query* query)
{
    filter_walk walk = {NIL, nullptr};
    visit_conditions(as_node(query), &walk);
    return walk.found;
}

bool uses_clock(Node* node)
{
    return find_clock(node, nullptr);
}

bool uses_as_of(Node* node)
{
    Oid function = as_of_function();
    return find_as_of(node, &function);
}

} // namespace etl::rollup
