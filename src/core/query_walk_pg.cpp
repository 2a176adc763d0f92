#include "core/query_walk_pg.hpp"

extern "C" {
#include <optimizer/optimizer.h>
#include <parser/parsetree.h>
}

#include <cstring>

namespace etl::lineage {
namespace {

bool is_new(HTAB* set, const void* key)
{
    bool found = false;
    hash_search(set, key, HASH_ENTER, &found);
    return !found;
}

} // namespace

how after(how before, how next)
{
    if (!is_direct(before)) {
        return before;
    }
    return is_direct(next) ? std::max(before, next) : next;
}

void add_source(walk& to, Oid relation, AttrNumber column)
{
    const source key = {relation, column, to.by};
    if (is_new(to.known, &key)) {
        auto* made = pg::fresh<source>();
        *made = key;
        to.found = lappend(to.found, made);
    }
}

bool is_first_visit(walk& to, const Query* query, std::int32_t what)
{
    const place key = {query, what, to.by};
    return is_new(to.visited, &key);
}

const known_call* find_call(const walk& to, const FuncExpr* call)
{
    ListCell* cell = nullptr;
    foreach (cell, to.calls) {
        const auto* known = static_cast<const known_call*>(lfirst(cell));
        if (known->call == nullptr ? known->function == call->funcid : known->call == call) {
            return known;
        }
    }
    return nullptr;
}

namespace {

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
    if (column > 0) {
        add_source(to, relation, column);
    } else if (column == InvalidAttrNumber) {
        ListCell* cell = nullptr;
        foreach (cell, columns_of(relation)) {
            add_source(to, relation, static_cast<AttrNumber>(lfirst_int(cell)));
        }
    }
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

// A column of a function in FROM: of the function that gives columns of a query one by one, only that one.
void trace_function_column(walk& to, const RangeTblEntry* entry, AttrNumber column, const scope* at)
{
    const Node* only =
        list_length(entry->functions) == 1 ? linitial_node(RangeTblFunction, entry->functions)->funcexpr : nullptr;
    const auto* call = only != nullptr && IsA(only, FuncExpr) ? reinterpret_cast<const FuncExpr*>(only) : nullptr;
    const known_call* known = call == nullptr ? nullptr : find_call(to, call);
    if (known == nullptr || !known->by_column || column == InvalidAttrNumber) {
        trace_node(to, entry->functions, at);
        return;
    }
    trace_node(to, call->args, at, how::transformation);
    trace_target(to, static_cast<const Query*>(linitial(known->results)), column, nullptr);
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
        trace_function_column(to, entry, column, at);
        break;
    case RTE_TABLEFUNC:
        trace_node(to, entry->tablefunc, at, how::transformation);
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

// A column of the row that an INSERT had proposed: what it would have become.
void trace_excluded(walk& to, AttrNumber column, const scope* at)
{
    ListCell* cell = nullptr;
    foreach (cell, at->query->targetList) {
        const auto* target = lfirst_node(TargetEntry, cell);
        if (column == InvalidAttrNumber || target->resno == column) {
            trace_node(to, target->expr, at);
        }
    }
}

} // namespace

void trace_variable(walk& to, const Var* variable)
{
    const scope* at = to.at;
    for (Index level = 0; level < variable->varlevelsup; ++level) {
        at = at->outer;
    }
    const OnConflictExpr* conflict = at->query->onConflict;
    if (conflict != nullptr && conflict->exclRelIndex == variable->varno) {
        trace_excluded(to, variable->varattno, at);
    } else {
        trace_column(to, rt_fetch(variable->varno, at->query->rtable), variable->varattno, at);
    }
}

void trace_known_rows(walk& to, const known_call* known)
{
    ListCell* cell = nullptr;
    foreach (cell, known->results) {
        trace_rows(to, static_cast<const Query*>(lfirst(cell)), nullptr);
    }
    foreach (cell, known->relations) {
        add_source(to, lfirst_oid(cell), InvalidAttrNumber);
    }
}

namespace {

// How many rows functions in FROM give depends on their arguments and, where that is known, on the rows that they read.
void trace_function_rows(walk& to, const RangeTblEntry* entry)
{
    ListCell* cell = nullptr;
    foreach (cell, entry->functions) {
        const Node* each = lfirst_node(RangeTblFunction, cell)->funcexpr;
        const auto* call = each != nullptr && IsA(each, FuncExpr) ? reinterpret_cast<const FuncExpr*>(each) : nullptr;
        const known_call* known = call == nullptr ? nullptr : find_call(to, call);
        if (known == nullptr) {
            trace_in(to, each, how::join);
        } else {
            trace_in(to, call->args, how::join);
            trace_known_rows(to, known);
        }
    }
}

// The rows that RETURNING gives are the changed relation's.
void add_changed_relation(walk& to, const Query* query)
{
    if (query->commandType != CMD_SELECT && query->resultRelation > 0) {
        add_source(to, rt_fetch(query->resultRelation, query->rtable)->relid, InvalidAttrNumber);
    }
}

} // namespace

void trace_rows_of_entry(walk& to, const RangeTblEntry* entry)
{
    trace_in(to, entry->securityQuals, how::filter);
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
            add_changed_relation(to, with.query);
            trace_rows(to, with.query, with.outer);
        }
        break;
    }
    case RTE_FUNCTION:
        trace_function_rows(to, entry);
        break;
    case RTE_TABLEFUNC:
        trace_in(to, entry->tablefunc, how::join);
        break;
    default:
        break;
    }
}

} // namespace etl::lineage
