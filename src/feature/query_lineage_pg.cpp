// Column lineage over PostgreSQL's parse trees. A Var names a column of a range-table entry; the walk follows it to the
// expression behind that entry until it ends at tables. Everything in this file may raise, and owns nothing.
#include "feature/query_lineage_pg.hpp"

extern "C" {
#include <nodes/nodeFuncs.h>
#include <optimizer/optimizer.h>
#include <parser/parsetree.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/relcache.h>
}

#include <cstring>

namespace etl::feature {
namespace {

// A query within those that surround it, as varlevelsup counts them.
struct scope {
    const Query* query;
    const scope* outer;
};

constexpr AttrNumber whole_query = -1;

// PostgreSQL 15 declares walkers without their arguments.
#if PG_VERSION_NUM >= 160000
using any_walker = tree_walker_callback;
#else
using any_walker = bool (*)();
#endif

any_walker walker(bool (*of)(Node*, void*))
{
    return reinterpret_cast<any_walker>(reinterpret_cast<void (*)()>(of));
}

// Where the walk stands, what it has found, and where it has been, that recursive queries end: queries, and beside each
// the number of an output column, or whole_query for the query's rows.
struct walk {
    lineage_sources found;
    List* visited_queries;
    List* visited_columns;
    const scope* at;
};

bool visit_node(Node* node, void* context);
void trace_target(walk& to, const Query* query, AttrNumber output, const scope* outer);
void trace_rows(walk& to, const Query* query, const scope* outer);

void add_source(walk& to, Oid relation, AttrNumber column)
{
    ListCell* known_relation = nullptr;
    ListCell* known_column = nullptr;
    forboth(known_relation, to.found.relations, known_column, to.found.columns)
    {
        if (lfirst_oid(known_relation) == relation && lfirst_int(known_column) == column) {
            return;
        }
    }
    to.found.relations = lappend_oid(to.found.relations, relation);
    to.found.columns = lappend_int(to.found.columns, column);
}

bool is_first_visit(walk& to, const Query* query, AttrNumber what)
{
    ListCell* known_query = nullptr;
    ListCell* known_column = nullptr;
    forboth(known_query, to.visited_queries, known_column, to.visited_columns)
    {
        if (lfirst(known_query) == query && lfirst_int(known_column) == what) {
            return false;
        }
    }
    to.visited_queries = lappend(to.visited_queries, const_cast<Query*>(query));
    to.visited_columns = lappend_int(to.visited_columns, what);
    return true;
}

void trace_node(walk& to, const void* node, const scope* at)
{
    const scope* before = to.at;
    to.at = at;
    visit_node(static_cast<Node*>(const_cast<void*>(node)), &to);
    to.at = before;
}

void trace_all_targets(walk& to, const Query* query, const scope* outer)
{
    ListCell* cell = nullptr;
    foreach (cell, query->targetList) {
        const auto* target = lfirst_node(TargetEntry, cell);
        if (!target->resjunk) {
            trace_target(to, query, target->resno, outer);
        }
    }
}

struct found_with {
    const Query* query;
    const scope* outer;
};

// The query of WITH that an entry names, and the scope that it stands in.
found_with find_with(const RangeTblEntry* entry, const scope* at)
{
    for (Index level = 0; level < entry->ctelevelsup; ++level) {
        at = at->outer;
    }
    ListCell* cell = nullptr;
    foreach (cell, at->query->cteList) {
        const auto* with = lfirst_node(CommonTableExpr, cell);
        if (strcmp(with->ctename, entry->ctename) == 0) {
            return {castNode(Query, with->ctequery), at};
        }
    }
    return {nullptr, nullptr};
}

void trace_table_column(walk& to, Oid relation, AttrNumber column)
{
    if (column != InvalidAttrNumber) {
        if (column > 0) {
            add_source(to, relation, column);
        }
        return;
    }
    Relation table = RelationIdGetRelation(relation); // the analysis holds its lock
    for (int i = 0; i < RelationGetNumberOfAttributes(table); ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(table), i);
        if (!attribute->attisdropped) {
            add_source(to, relation, attribute->attnum);
        }
    }
    RelationClose(table);
}

void trace_query_column(walk& to, const Query* query, AttrNumber column, const scope* outer)
{
    if (query == nullptr) {
        return;
    }
    if (column == InvalidAttrNumber) {
        trace_all_targets(to, query, outer);
    } else {
        trace_target(to, query, column, outer);
    }
}

// The expression of that column in a list, or all of them for a whole row.
void trace_listed(walk& to, const List* expressions, AttrNumber column, const scope* at)
{
    if (column > 0 && column <= list_length(expressions)) {
        trace_node(to, list_nth(expressions, column - 1), at);
    } else if (column == InvalidAttrNumber) {
        trace_node(to, expressions, at);
    }
}

void trace_values(walk& to, const RangeTblEntry* entry, AttrNumber column, const scope* at)
{
    ListCell* cell = nullptr;
    foreach (cell, entry->values_lists) {
        trace_listed(to, static_cast<const List*>(lfirst(cell)), column, at);
    }
}

void trace_column(walk& to, const RangeTblEntry* entry, AttrNumber column, const scope* at)
{
    switch (entry->rtekind) {
    case RTE_RELATION:
        trace_table_column(to, entry->relid, column);
        break;
    case RTE_SUBQUERY:
        trace_query_column(to, entry->subquery, column, at);
        break;
    case RTE_CTE: {
        const found_with with = find_with(entry, at);
        trace_query_column(to, with.query, column, with.outer);
        break;
    }
    case RTE_JOIN:
        trace_listed(to, entry->joinaliasvars, column, at);
        break;
    case RTE_VALUES:
        trace_values(to, entry, column, at);
        break;
    case RTE_FUNCTION:
        trace_node(to, entry->functions, at);
        break;
    case RTE_TABLEFUNC:
        trace_node(to, entry->tablefunc, at);
        break;
#if PG_VERSION_NUM >= 180000
    case RTE_GROUP:
        trace_listed(to, entry->groupexprs, column, at);
        break;
#endif
    default:
        break;
    }
}

void trace_variable(walk& to, const Var* variable)
{
    const scope* at = to.at;
    for (Index level = 0; level < variable->varlevelsup; ++level) {
        at = at->outer;
    }
    trace_column(to, rt_fetch(variable->varno, at->query->rtable), variable->varattno, at);
}

// The expressions that clauses for groups, orders and windows refer to.
void trace_clauses(walk& to, const List* clauses, const scope* at)
{
    ListCell* cell = nullptr;
    foreach (cell, clauses) {
        trace_node(to, get_sortgroupclause_expr(lfirst_node(SortGroupClause, cell), at->query->targetList), at);
    }
}

void trace_window(walk& to, const WindowFunc* function)
{
    ListCell* cell = nullptr;
    foreach (cell, to.at->query->windowClause) {
        const auto* window = lfirst_node(WindowClause, cell);
        if (window->winref == function->winref) {
            trace_clauses(to, window->partitionClause, to.at);
            trace_clauses(to, window->orderClause, to.at);
        }
    }
}

// The rows of what stands in FROM, or of a branch of a set operation.
void trace_entry_rows(walk& to, const RangeTblEntry* entry)
{
    trace_node(to, entry->securityQuals, to.at);
    switch (entry->rtekind) {
    case RTE_RELATION:
        add_source(to, entry->relid, InvalidAttrNumber);
        break;
    case RTE_SUBQUERY:
        trace_rows(to, entry->subquery, to.at);
        break;
    case RTE_CTE: {
        const found_with with = find_with(entry, to.at);
        if (with.query != nullptr) {
            trace_rows(to, with.query, with.outer);
        }
        break;
    }
    case RTE_FUNCTION:
        trace_node(to, entry->functions, to.at);
        break;
    default:
        break;
    }
}

void trace_subquery(walk& to, const SubLink* link)
{
    visit_node(link->testexpr, &to);
    const auto* query = castNode(Query, link->subselect);
    const scope* at = to.at;
    trace_all_targets(to, query, at);
    trace_rows(to, query, at);
}

bool visit_node(Node* node, void* context)
{
    auto& to = *static_cast<walk*>(context);
    if (node == nullptr) {
        return false;
    }
    switch (nodeTag(node)) {
    case T_Var:
        trace_variable(to, reinterpret_cast<const Var*>(node));
        return false;
    case T_RangeTblRef:
        trace_entry_rows(to, rt_fetch(reinterpret_cast<const RangeTblRef*>(node)->rtindex, to.at->query->rtable));
        return false;
    case T_SubLink:
        trace_subquery(to, reinterpret_cast<const SubLink*>(node));
        return false;
    case T_WindowFunc:
        trace_window(to, reinterpret_cast<const WindowFunc*>(node));
        break;
    default:
        break;
    }
    return expression_tree_walker(node, walker(visit_node), context);
}

// An output column of a set operation is that of each branch.
void trace_branches(walk& to, const Node* operation, AttrNumber output, const scope* at)
{
    if (IsA(operation, SetOperationStmt)) {
        const auto* both = reinterpret_cast<const SetOperationStmt*>(operation);
        trace_branches(to, both->larg, output, at);
        trace_branches(to, both->rarg, output, at);
        return;
    }
    const auto* branch = castNode(RangeTblRef, const_cast<Node*>(operation));
    trace_target(to, rt_fetch(branch->rtindex, at->query->rtable)->subquery, output, at);
}

void trace_target(walk& to, const Query* query, AttrNumber output, const scope* outer)
{
    if (!is_first_visit(to, query, output)) {
        return;
    }
    const scope at{query, outer};
    if (query->setOperations != nullptr) {
        trace_branches(to, query->setOperations, output, &at);
        return;
    }
    const TargetEntry* target = get_tle_by_resno(query->targetList, output);
    if (target != nullptr) {
        trace_node(to, target->expr, &at);
    }
}

// Whether rows of a set operation go because others are equal.
bool compares_rows(const Node* operation)
{
    if (!IsA(operation, SetOperationStmt)) {
        return false;
    }
    const auto* both = reinterpret_cast<const SetOperationStmt*>(operation);
    return both->op != SETOP_UNION || !both->all || compares_rows(both->larg) || compares_rows(both->rarg);
}

void trace_rows(walk& to, const Query* query, const scope* outer)
{
    if (!is_first_visit(to, query, whole_query)) {
        return;
    }
    const scope at{query, outer};
    trace_node(to, query->jointree, &at);
    trace_node(to, query->setOperations, &at);
    trace_node(to, query->havingQual, &at);
    trace_node(to, query->limitOffset, &at);
    trace_node(to, query->limitCount, &at);
    if (query->setOperations == nullptr) {
        trace_clauses(to, query->groupClause, &at);
        trace_clauses(to, query->distinctClause, &at);
        trace_clauses(to, query->sortClause, &at);
    } else if (compares_rows(query->setOperations)) {
        trace_all_targets(to, query, outer);
    }
}

bool find_parameter(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, Param)) {
        const auto* parameter = reinterpret_cast<const Param*>(node);
        return parameter->paramkind == PARAM_EXTERN && parameter->paramid == *static_cast<const int*>(context);
    }
    if (IsA(node, Query)) {
        return query_tree_walker(reinterpret_cast<Query*>(node), walker(find_parameter), context, 0);
    }
    return expression_tree_walker(node, walker(find_parameter), context);
}

} // namespace

lineage_sources value_sources(const Query* query, AttrNumber output)
{
    walk to = {};
    trace_target(to, query, output, nullptr);
    return to.found;
}

lineage_sources row_sources(const Query* query)
{
    walk to = {};
    trace_rows(to, query, nullptr);
    return to.found;
}

bool uses_parameter(const Query* query, int number)
{
    return find_parameter(reinterpret_cast<Node*>(const_cast<Query*>(query)), &number);
}

} // namespace etl::feature
