#include "rollup/rollup_query_pg.hpp"

#include "pg/role_lock.hpp"
#include "rollup/as_of_pg.hpp"
#include "rollup/rollup_checks_pg.hpp"

extern "C" {
#include <access/table.h>
#include <nodes/makefuncs.h>
#include <parser/analyze.h>
#include <parser/parsetree.h>
#include <rewrite/rewriteManip.h>
#include <tcop/tcopprot.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
}

#include <cstring>

namespace etl::rollup {
namespace {

// Marks of outer joins are for the planner, and trees that differ in them alone count as different. The names that
// columns were written with stand for other entries than the columns do once trees are changed.
bool strip_marks(Node* node, void*)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, Var)) {
        auto* column = reinterpret_cast<Var*>(node);
        column->varnosyn = 0;
        column->varattnosyn = 0;
#if PG_VERSION_NUM >= 160000
        column->varnullingrels = nullptr;
#endif
        return false;
    }
    if (IsA(node, Query)) {
        return query_tree_walker(reinterpret_cast<Query*>(node), walker(strip_marks), nullptr, 0);
    }
    return expression_tree_walker(node, walker(strip_marks), nullptr);
}

// WITH ---------------------------------------------------------------------------------------------------------------

struct with_reference {
    const CommonTableExpr* with;
    Index level; // how many queries below the one that has the WITH
};

bool put_with(Node* node, void* context);

void put_with_into(Query* query, with_reference& what);

// The entry becomes the subquery that it names, with a copy of its own.
void become_subquery(RangeTblEntry* entry, const with_reference& what)
{
    auto* copy = static_cast<Query*>(copyObjectImpl(what.with->ctequery));
    if (what.level > 0) {
        IncrementVarSublevelsUp(as_node(copy), static_cast<int>(what.level), 1);
    }
    entry->rtekind = RTE_SUBQUERY;
    entry->subquery = copy;
    entry->alias = makeAlias(entry->eref->aliasname, static_cast<List*>(copyObjectImpl(entry->eref->colnames)));
    entry->ctename = nullptr;
    entry->ctelevelsup = 0;
    entry->coltypes = NIL;
    entry->coltypmods = NIL;
    entry->colcollations = NIL;
}

void put_with_into(Query* query, with_reference& what)
{
    ListCell* cell = nullptr;
    foreach (cell, query->rtable) {
        auto* entry = lfirst_node(RangeTblEntry, cell);
        if (entry->rtekind == RTE_CTE && entry->ctelevelsup == what.level &&
            strcmp(entry->ctename, what.with->ctename) == 0) {
            become_subquery(entry, what);
        } else if (entry->rtekind == RTE_SUBQUERY) {
            put_with(as_node(entry->subquery), &what);
        }
    }
    query_tree_walker(query, walker(put_with), &what, QTW_IGNORE_RT_SUBQUERIES);
}

bool put_with(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    if (!IsA(node, Query)) {
        return expression_tree_walker(node, walker(put_with), context);
    }
    auto& what = *static_cast<with_reference*>(context);
    ++what.level;
    put_with_into(reinterpret_cast<Query*>(node), what);
    --what.level;
    return false;
}

void dissolve_with(Query* query);

bool dissolve_inner_with(Node* node, void*)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, Query)) {
        dissolve_with(reinterpret_cast<Query*>(node));
        return false;
    }
    return expression_tree_walker(node, walker(dissolve_inner_with), nullptr);
}

// Inner queries first, so that what is copied has no WITH of its own left.
void dissolve_with(Query* query)
{
    query_tree_walker(query, walker(dissolve_inner_with), nullptr, 0);
    ListCell* cell = nullptr;
    foreach (cell, query->cteList) {
        with_reference what = {lfirst_node(CommonTableExpr, cell), 0};
        put_with_into(query, what);
    }
    query->cteList = NIL;
}

// Names --------------------------------------------------------------------------------------------------------------

List* column_names(Oid relation)
{
    Relation table = table_open(relation, NoLock); // the analysis holds its lock
    List* names = NIL;
    for (int i = 0; i < RelationGetNumberOfAttributes(table); ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(table), i);
        names = lappend(names, makeString(pstrdup(attribute->attisdropped ? "" : NameStr(attribute->attname))));
    }
    table_close(table, NoLock);
    return names;
}

bool simplify_names(Node* node, void*)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, JoinExpr)) {
        auto* join = reinterpret_cast<JoinExpr*>(node);
        join->alias = nullptr;
        join->join_using_alias = nullptr;
        join->usingClause = NIL; // it would be printed in place of the conditions, and of what is added to them
        join->isNatural = false;
    }
    if (!IsA(node, Query)) {
        return expression_tree_walker(node, walker(simplify_names), nullptr);
    }
    auto* query = reinterpret_cast<Query*>(node);
    ListCell* cell = nullptr;
    foreach (cell, query->rtable) {
        auto* entry = lfirst_node(RangeTblEntry, cell);
        if (entry->rtekind == RTE_JOIN) {
            entry->alias = nullptr;
            entry->join_using_alias = nullptr;
        } else if (entry->rtekind == RTE_RELATION) {
            entry->eref->colnames = column_names(entry->relid);
            if (entry->alias != nullptr) {
                entry->alias->colnames = NIL;
            }
        }
    }
    split_merged_columns(query);
    return query_tree_walker(query, walker(simplify_names), nullptr, 0);
}

// Outer queries first: what they put in place of a join's column may stand in an inner query.
bool resolve_all_references(Node* node, void*)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, Query)) {
        auto* query = reinterpret_cast<Query*>(node);
        resolve_references(query);
        return query_tree_walker(query, walker(resolve_all_references), nullptr, QTW_IGNORE_JOINALIASES);
    }
    return expression_tree_walker(node, walker(resolve_all_references), nullptr);
}

// Sources ------------------------------------------------------------------------------------------------------------

rollup_source* source_of(rollup_query& to, Oid relation)
{
    ListCell* cell = nullptr;
    foreach (cell, to.sources) {
        auto* source = static_cast<rollup_source*>(lfirst(cell));
        if (source->relation == relation) {
            return source;
        }
    }
    auto* source = fresh<rollup_source>();
    source->number = list_length(to.sources) + 1;
    source->relation = relation;
    to.sources = lappend(to.sources, source);
    return source;
}

bool collect_occurrences(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    if (!IsA(node, Query)) {
        return expression_tree_walker(node, walker(collect_occurrences), context);
    }
    auto& to = *static_cast<rollup_query*>(context);
    auto* query = reinterpret_cast<Query*>(node);
    ListCell* cell = nullptr;
    foreach (cell, query->rtable) {
        auto* entry = lfirst_node(RangeTblEntry, cell);
        if (entry->rtekind == RTE_RELATION) {
            auto* occurrence = fresh<rollup_occurrence>();
            *occurrence = {source_of(to, entry->relid), entry};
            ++occurrence->source->occurrences;
            to.occurrences = lappend(to.occurrences, occurrence);
        } else if (entry->rtekind == RTE_SUBQUERY) {
            collect_occurrences(as_node(entry->subquery), context);
        }
    }
    return query_tree_walker(query, walker(collect_occurrences), context, QTW_IGNORE_RT_SUBQUERIES);
}

void note_use(const Var* column, const RangeTblEntry* entry, void* context)
{
    const auto* occurrence = occurrence_of(*static_cast<const rollup_query*>(context), entry);
    if (occurrence != nullptr) {
        occurrence->source->used = bms_add_member(occurrence->source->used, column->varattno);
    }
}

// Keys ---------------------------------------------------------------------------------------------------------------

List* keys_of(Query* query, const List* names)
{
    List* keys = NIL;
    ListCell* cell = nullptr;
    foreach (cell, names) {
        const auto* name = static_cast<const char*>(lfirst(cell));
        const TargetEntry* target = find_output(query, name);
        auto* key = fresh<rollup_key>();
        Node* expression = as_node(target->expr);
        *key = {target->resname, expression, exprType(expression), exprTypmod(expression), exprCollation(expression)};
        keys = lappend(keys, key);
    }
    return keys;
}

} // namespace

Query* analyse_statement(const char* text, QueryEnvironment* environment)
{
    Query* query = nullptr;
    List* literals = NIL;
    pg::with_locked_role([&] {
        List* statements = pg_parse_query(text);
        if (list_length(statements) == 1) {
            const auto* statement = linitial_node(RawStmt, statements);
            literals = IsA(statement->stmt, SelectStmt) ? literals_of_clock(statement->stmt) : NIL;
            query = parse_analyze_fixedparams(linitial_node(RawStmt, statements), text, nullptr, 0, environment);
        }
    });
    if (literals != NIL) {
        require_no_clock_literal(query, literals);
    }
    return query;
}

void make_plain(Query* query)
{
    strip_marks(as_node(query), nullptr);
    dissolve_with(query);
    resolve_all_references(as_node(query), nullptr);
    simplify_names(as_node(query), nullptr);
}

const rollup_occurrence* occurrence_of(const rollup_query& of, const RangeTblEntry* entry)
{
    ListCell* cell = nullptr;
    foreach (cell, of.occurrences) {
        const auto* occurrence = static_cast<const rollup_occurrence*>(lfirst(cell));
        if (occurrence->entry == entry) {
            return occurrence;
        }
    }
    return nullptr;
}

rollup_query* read_rollup_query(const char* text, List* key_columns, functions used)
{
    Query* query = analyse_statement(text, nullptr);
    require_plain_aggregate(query);
    make_plain(query);
    require_tables(query);
    if (used == functions::fit) {
        require_functions(query);
        require_own_operators(query);
    }
    require_keys(query, key_columns);

    auto* made = fresh<rollup_query>();
    made->query = query;
    collect_occurrences(as_node(query), made);
    if (made->sources == NIL) {
        refuse_no_source();
    }
    made->moving = find_moving_filters(query);
    require_no_other_clock(query);
    made->keys = keys_of(query, key_columns);
    visit_columns(query, note_use, made);
    return made;
}

} // namespace etl::rollup
