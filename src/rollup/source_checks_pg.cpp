// Checks of what a rollup's query reads: tables and functions.
#include "core/text.hpp"
#include "rollup/as_of_pg.hpp"
#include "rollup/places_pg.hpp"
#include "rollup/rollup_checks_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/transam.h>
#include <catalog/catalog.h>
#include <catalog/pg_class.h>
#include <catalog/pg_inherits.h>
#include <catalog/pg_language.h>
#include <catalog/pg_namespace.h>
#include <catalog/pg_proc.h>
#include <catalog/pg_type.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
}

#include <algorithm>
#include <cstring>
#include <string>

namespace etl::rollup {
namespace {

constexpr char wrong_object_type[] = "42809";

// Functions ----------------------------------------------------------------------------------------------------------

bool looks_at_session(const Node* node)
{
    if (IsA(node, SQLValueFunction)) {
        switch (reinterpret_cast<const SQLValueFunction*>(node)->op) {
        case SVFOP_CURRENT_ROLE:
        case SVFOP_CURRENT_USER:
        case SVFOP_USER:
        case SVFOP_SESSION_USER:
        case SVFOP_CURRENT_SCHEMA:
            return true;
        default:
            return false;
        }
    }
    if (!IsA(node, FuncExpr)) {
        return false;
    }
    switch (reinterpret_cast<const FuncExpr*>(node)->funcid) {
    case F_CURRENT_SETTING_TEXT:
    case F_CURRENT_SETTING_TEXT_BOOL:
    case F_CURRENT_USER:
    case F_SESSION_USER:
    case F_CURRENT_SCHEMA:
    case F_CURRENT_SCHEMAS:
    case F_INET_CLIENT_ADDR:
    case F_INET_CLIENT_PORT:
        return true;
    default:
        return false;
    }
}

constexpr char session_prefixes[][8] = {"has_", "pg_", "row_sec", "to_reg", "txid_"};

// Whether a function of PostgreSQL's own tells of the transaction, the session, the server or what the catalogs say of
// objects. now() and its like are looked at elsewhere.
bool tells_of_system(Oid function)
{
    if (function >= FirstNormalObjectId || func_volatile(function) != PROVOLATILE_STABLE) {
        return false;
    }
    switch (function) {
    case F_NOW:
    case F_TRANSACTION_TIMESTAMP:
    case F_STATEMENT_TIMESTAMP:
    case F_PG_TYPEOF:
        return false;
    case F_AGE_XID:
    case F_MXID_AGE:
    case F_OBJ_DESCRIPTION_OID:
    case F_OBJ_DESCRIPTION_OID_NAME:
    case F_COL_DESCRIPTION:
    case F_SHOBJ_DESCRIPTION:
    case F_FORMAT_TYPE:
        return true;
    default:
        break;
    }
    const char* name = get_func_name(function);
    return get_func_nargs(function) == 0 || std::ranges::any_of(session_prefixes, [name](const char* prefix) {
               return strncmp(name, prefix, strlen(prefix)) == 0;
           });
}

// Names of objects, which are looked up under a search path.
bool is_object_name(Oid type)
{
    switch (type) {
    case REGCLASSOID:
    case REGCOLLATIONOID:
    case REGCONFIGOID:
    case REGDICTIONARYOID:
    case REGNAMESPACEOID:
    case REGOPEROID:
    case REGOPERATOROID:
    case REGPROCOID:
    case REGPROCEDUREOID:
    case REGROLEOID:
    case REGTYPEOID:
        return true;
    default:
        return false;
    }
}

// Whether a name of an object is looked up, or an object's name told.
bool names_object(const Node* node)
{
    if (IsA(node, CoerceViaIO)) {
        return is_object_name(exprType(node)) ||
               is_object_name(exprType(as_node(reinterpret_cast<const CoerceViaIO*>(node)->arg)));
    }
    if (!IsA(node, FuncExpr) || !is_object_name(exprType(node))) {
        return false;
    }
    const Oid function = reinterpret_cast<const FuncExpr*>(node)->funcid;
    return function != F_PG_TYPEOF && func_volatile(function) != PROVOLATILE_IMMUTABLE;
}

// Whether a function in a procedural language, which may read tables unseen.
bool may_hide_tables(Oid function)
{
    HeapTuple found = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(found)) {
        return false;
    }
    const auto* row = reinterpret_cast<Form_pg_proc>(GETSTRUCT(found));
    const bool hides = row->provolatile == PROVOLATILE_STABLE && row->prokind == PROKIND_FUNCTION &&
                       row->pronamespace != PG_CATALOG_NAMESPACE && row->prolang != INTERNALlanguageId &&
                       row->prolang != ClanguageId;
    ReleaseSysCache(found);
    return hides;
}

struct function_walk {
    Oid reserved[2]; // those that stand in queries that are made of it
    Oid reserved_one;
    Oid volatile_one;
    Oid hiding_one;
    Oid telling_one;
    bool session;
    bool naming;
};

bool look_at_function(Oid function, void* context)
{
    auto& seen = *static_cast<function_walk*>(context);
    if (function == seen.reserved[0] || function == seen.reserved[1]) {
        seen.reserved_one = function;
    }
    ListCell* cell = nullptr;
    foreach (cell, parts_of_aggregate(function)) { // it may itself be called immutable, whatever they are
        look_at_function(lfirst_oid(cell), context);
    }
    if (func_volatile(function) == PROVOLATILE_VOLATILE) {
        seen.volatile_one = function;
    } else if (may_hide_tables(function)) {
        seen.hiding_one = function;
    } else if (tells_of_system(function)) {
        seen.telling_one = function;
    }
    return false;
}

bool look_at_functions(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    check_functions_in_node(node, look_at_function, context);
    static_cast<function_walk*>(context)->session |= looks_at_session(node);
    static_cast<function_walk*>(context)->naming |= names_object(node);
    if (IsA(node, Query)) {
        return query_tree_walker(reinterpret_cast<Query*>(node), walker(look_at_functions), context,
                                 QTW_IGNORE_JOINALIASES);
    }
    return expression_tree_walker(node, walker(look_at_functions), context);
}

// Relations ----------------------------------------------------------------------------------------------------------

struct relation_facts {
    char kind;
    char persistence;
    bool row_security;
    bool is_part;
};

relation_facts facts_of(Oid relation)
{
    HeapTuple found = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(found)) {
        return {};
    }
    const auto* row = reinterpret_cast<Form_pg_class>(GETSTRUCT(found));
    const relation_facts facts = {row->relkind, row->relpersistence, row->relrowsecurity, has_superclass(relation)};
    ReleaseSysCache(found);
    return facts;
}

const char* kind_name(char kind)
{
    switch (kind) {
    case RELKIND_VIEW:
        return "view";
    case RELKIND_MATVIEW:
        return "materialized view";
    case RELKIND_FOREIGN_TABLE:
        return "foreign table";
    default:
        return "relation";
    }
}

const char* kind_hint(char kind)
{
    switch (kind) {
    case RELKIND_VIEW:
        return "Write the view's query into FROM, so that the rollup names the tables.";
    case RELKIND_MATVIEW:
        return "Make a rollup in place of the materialized view, and name that; or name the tables.";
    default:
        return "Load its rows into a table, and name that.";
    }
}

void require_table(Oid relation)
{
    const char* name = relation_text(relation);
    const relation_facts facts = facts_of(relation);
    if (IsCatalogRelationOid(relation) || relation < FirstNormalObjectId) {
        refuse("a rollup cannot follow system table " + in_quotes(name), "No trigger can tell what changes in it.",
               "Name tables of your own.");
    }
    if (facts.kind != RELKIND_RELATION && facts.kind != RELKIND_PARTITIONED_TABLE) {
        throw error(wrong_object_type, in_quotes(name) + " is a " + kind_name(facts.kind) + ", not a table",
                    "A rollup learns of changes by triggers on the tables that it reads.", kind_hint(facts.kind));
    }
    if (facts.persistence == RELPERSISTENCE_TEMP) {
        refuse("a rollup cannot follow temporary table " + in_quotes(name), "It is gone with its session.",
               "Create the table without TEMPORARY.");
    }
    if (facts.row_security) {
        refuse("a rollup cannot follow table " + in_quotes(name) + ", which has row security",
               "Its rows are not the same for all roles, and those of a rollup are.",
               "ALTER TABLE " + std::string{name} + " DISABLE ROW LEVEL SECURITY; or take another table.");
    }
    if (facts.is_part) {
        refuse("a rollup cannot follow table " + in_quotes(name) + ", which is a partition or child of another one",
               "Statements on that other table change its rows, and its own triggers do not see them.",
               "Name the other table in the query, with a condition that its rows fulfil.");
    }
}

struct unfit_columns {
    const RangeTblEntry* whole_row; // the entry of which the query uses a whole row
    const RangeTblEntry* system;    // or a system column
};

void look_at_column(const Var* column, const RangeTblEntry* entry, void* context)
{
    auto& seen = *static_cast<unfit_columns*>(context);
    if (entry->rtekind == RTE_RELATION && column->varattno <= 0) {
        (column->varattno == 0 ? seen.whole_row : seen.system) = entry;
    }
}

struct table_list {
    List* relations;
};

bool list_tables(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, RangeTblEntry)) {
        const auto* entry = reinterpret_cast<const RangeTblEntry*>(node);
        if (entry->rtekind == RTE_RELATION) {
            auto& to = *static_cast<table_list*>(context);
            to.relations = list_append_unique_oid(to.relations, entry->relid);
        }
        return false;
    }
    if (IsA(node, Query)) {
        return query_tree_walker(reinterpret_cast<Query*>(node), walker(list_tables), context, QTW_EXAMINE_RTES_BEFORE);
    }
    return expression_tree_walker(node, walker(list_tables), context);
}

} // namespace

void require_tables(Query* query)
{
    table_list tables = {NIL};
    list_tables(as_node(query), &tables);
    ListCell* cell = nullptr;
    foreach (cell, tables.relations) {
        require_table(lfirst_oid(cell));
    }
    unfit_columns seen = {};
    visit_columns(query, look_at_column, &seen);
    if (seen.whole_row != nullptr) {
        const char* name = relation_text(seen.whole_row->relid);
        refuse("the query of a rollup must not use a whole row of table " + in_quotes(name), {},
               "Name the columns, as in count(t.id) or row(t.a, t.b).");
    }
    if (seen.system != nullptr) {
        const char* name = relation_text(seen.system->relid);
        refuse("the query of a rollup must not use a system column of table " + in_quotes(name),
               "What ctid, tableoid, xmin and their like say is not kept.", "Keep what you need in a column.");
    }
}

void require_functions(Query* query)
{
    function_walk seen = {};
    seen.reserved[0] = restriction_function();
    seen.reserved[1] = as_of_function();
    look_at_functions(as_node(query), &seen);
    if (OidIsValid(seen.reserved_one)) {
        const char* name = get_func_name(seen.reserved_one);
        refuse("the query of a rollup must not call function etl." + std::string{name},
               "It stands for something else in the queries that are made of it.",
               "Leave it out; for the moment of a refresh write now().");
    }
    if (OidIsValid(seen.volatile_one)) {
        const char* name = get_func_name(seen.volatile_one);
        refuse("the query of a rollup must not use volatile function " + in_quotes(name),
               "It may answer differently at each refresh.",
               "Keep its answer in a column, or use a function that is IMMUTABLE.");
    }
    if (OidIsValid(seen.hiding_one)) {
        const char* name = get_func_name(seen.hiding_one);
        refuse("the query of a rollup must not use function " + in_quotes(name) + ", which is STABLE",
               "It may read tables that the rollup does not know of.",
               "Write what it does into the query; or, where its answer follows from its arguments alone, ALTER "
               "FUNCTION … IMMUTABLE.");
    }
    if (OidIsValid(seen.telling_one) && !seen.session) {
        const char* name = get_func_name(seen.telling_one);
        refuse("the query of a rollup must not use function " + in_quotes(name) +
                   ", which tells of the session, the transaction or the system",
               "It may answer differently at each refresh.", "Keep its answer in a column.");
    }
    if (seen.naming) {
        refuse("the query of a rollup must not look up names of objects, as casts to regclass and the like do",
               "What they are depends on the search path and on what objects there are.",
               "Keep the object's name or number in a column.");
    }
    if (seen.session) {
        refuse("the query of a rollup must not depend on the role or the settings of a session", {},
               "Leave current_user, current_setting() and their like out.");
    }
}

} // namespace etl::rollup
