#include "pipeline/called_functions_pg.hpp"

#include "pg/memory.hpp"
#include "pg/tree_walker.hpp"
#include "pg/used_objects.hpp"
#include "pipeline/statement_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/transam.h>
#include <catalog/namespace.h>
#include <catalog/pg_proc.h>
#include <catalog/pg_type.h>
#include <executor/functions.h>
#include <funcapi.h>
#include <parser/analyze.h>
#include <tcop/tcopprot.h>
#include <utils/array.h>
#include <utils/lsyscache.h>
#include <utils/regproc.h>
#include <utils/syscache.h>
}

#include <algorithm>
#include <array>
#include <string_view>

namespace etl::pipeline {

void set_path(const char* path, GucAction action)
{
    set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION, action, true, 0, false);
}

function_kind kind_of(Oid function)
{
    HeapTuple found = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(found)) {
        return {};
    }
    const auto* form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(found));
    const function_kind kind = {form->pronamespace, form->prolang, form->provolatile, form->prokind};
    ReleaseSysCache(found);
    return kind;
}

namespace {

// PostgreSQL's own that run a query, or read a table, which an argument names.
bool is_query_runner(Oid function)
{
    constexpr std::array<std::string_view, 20> names = {"query_to_xml",
                                                        "query_to_xmlschema",
                                                        "query_to_xml_and_xmlschema",
                                                        "cursor_to_xml",
                                                        "cursor_to_xmlschema",
                                                        "table_to_xml",
                                                        "table_to_xmlschema",
                                                        "table_to_xml_and_xmlschema",
                                                        "schema_to_xml",
                                                        "schema_to_xmlschema",
                                                        "schema_to_xml_and_xmlschema",
                                                        "database_to_xml",
                                                        "database_to_xmlschema",
                                                        "database_to_xml_and_xmlschema",
                                                        "ts_stat",
                                                        "lo_import",
                                                        "lo_export",
                                                        "pg_read_file",
                                                        "pg_read_binary_file",
                                                        "pg_ls_dir"};
    const char* name = get_func_name(function);
    return name != nullptr && std::ranges::find(names, name) != names.end();
}

bool see_function(Oid function, void* context)
{
    auto& to = *static_cast<function_list*>(context);
    if (!list_member_oid(to.all, function) && (function >= FirstNormalObjectId || is_query_runner(function))) {
        to.all = lappend_oid(to.all, function);
    }
    return false;
}

bool find_functions(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, Query)) {
        return query_tree_walker(reinterpret_cast<Query*>(node), pg::walker(find_functions), context, 0);
    }
    if (IsA(node, FuncExpr)) {
        auto& to = *static_cast<function_list*>(context);
        to.calls = lappend(to.calls, node);
    }
    check_functions_in_node(node, see_function, context);
    return expression_tree_walker(node, pg::walker(find_functions), context);
}

} // namespace

function_list functions_of(const Query* query)
{
    function_list found = {};
    if (query->commandType == CMD_UTILITY) {
        find_functions(pg::as_node(query_within(query)), &found);
        if (IsA(query->utilityStmt, CallStmt)) {
            find_functions(pg::as_node(reinterpret_cast<const CallStmt*>(query->utilityStmt)->funcexpr), &found);
        }
    } else {
        find_functions(pg::as_node(query), &found);
    }
    return found;
}

// Functions in SQL ----------------------------------------------------------------------------------------------------

namespace {

// The search_path that a function sets for itself; nullptr where it sets none.
const char* path_of(HeapTuple function)
{
    bool absent = false;
    const Datum settings = SysCacheGetAttr(PROCOID, function, Anum_pg_proc_proconfig, &absent);
    if (absent) {
        return nullptr;
    }
    Datum* values = nullptr;
    int count = 0;
    deconstruct_array(DatumGetArrayTypeP(settings), TEXTOID, -1, false, TYPALIGN_INT, &values, nullptr, &count);
    constexpr std::string_view wanted = "search_path=";
    for (int i = 0; i < count; ++i) {
        const char* setting = TextDatumGetCString(values[i]);
        if (std::string_view{setting}.starts_with(wanted)) {
            return setting + wanted.size();
        }
    }
    return nullptr;
}

List* queries_of_tree(Datum body)
{
    Node* tree = static_cast<Node*>(stringToNode(TextDatumGetCString(body)));
    return IsA(tree, List) ? linitial_node(List, reinterpret_cast<List*>(tree)) : list_make1(tree);
}

List* queries_of_source(HeapTuple function, const FuncExpr* call)
{
    bool absent = false;
    const char* source = TextDatumGetCString(SysCacheGetAttr(PROCOID, function, Anum_pg_proc_prosrc, &absent));
    auto* types = prepare_sql_fn_parse_info(function, pg::as_node(call), call->inputcollid);
    List* queries = NIL;
    ListCell* cell = nullptr;
    foreach (cell, pg_parse_query(source)) {
        queries = lappend(queries,
                          parse_analyze_withcb(lfirst_node(RawStmt, cell), source,
                                               reinterpret_cast<ParserSetupHook>(sql_fn_parser_setup), types, nullptr));
    }
    return queries;
}

} // namespace

// The analysed statements of a function in SQL.
List* body_of(const FuncExpr* call)
{
    HeapTuple function = SearchSysCache1(PROCOID, ObjectIdGetDatum(call->funcid));
    bool absent = false;
    const Datum body = SysCacheGetAttr(PROCOID, function, Anum_pg_proc_prosqlbody, &absent);
    List* queries = NIL;
    if (absent) {
        const int level = NewGUCNestLevel();
        const char* path = path_of(function);
        if (path != nullptr) {
            set_path(path, GUC_ACTION_SAVE);
        }
        queries = queries_of_source(function, call);
        AtEOXact_GUC(true, level);
    } else {
        queries = queries_of_tree(body);
    }
    ReleaseSysCache(function);
    return queries;
}

namespace {

int outputs(const Query* query, const TargetEntry*& last)
{
    int count = 0;
    ListCell* cell = nullptr;
    foreach (cell, query->commandType == CMD_SELECT ? query->targetList : query->returningList) {
        const auto* target = lfirst_node(TargetEntry, cell);
        if (!target->resjunk) {
            last = target;
            ++count;
        }
    }
    return count;
}

} // namespace

lineage::known_call* known_by_body(Oid function, List* body)
{
    auto* known = pg::fresh<lineage::known_call>();
    known->function = function;
    const auto* last = body == NIL ? nullptr : static_cast<const Query*>(llast(body));
    const TargetEntry* target = nullptr;
    const int count = last == nullptr || last->commandType == CMD_UTILITY ? 0 : outputs(last, target);
    if (count > 0) {
        known->results = list_make1(const_cast<Query*>(last));
        known->by_column = count > 1 || !type_is_rowtype(exprType(pg::as_node(target->expr)));
    }
    return known;
}

// Queries that functions of this extension get as texts ----------------------------------------------------------------

namespace {

bool names_query(std::string_view argument)
{
    constexpr std::array<std::string_view, 11> names = {"query",    "edges_query", "pairs_query",    "positives",
                                                        "items",    "source",      "spine",          "target",
                                                        "clusters", "link_to",     "personalization"};
    return std::ranges::find(names, argument) != names.end();
}

bool is_word(const char* text, const char* word)
{
    const std::size_t length = strlen(word);
    return pg_strncasecmp(text, word, length) == 0 && (isalnum(static_cast<unsigned char>(text[length])) == 0);
}

// As etl._load_query and etl._query_of tell a query from the name of a table.
bool is_query(const char* text)
{
    text += strspn(text, " \t\r\n(");
    return is_word(text, "select") || is_word(text, "with") || is_word(text, "values") || is_word(text, "table") ||
           strncmp(text, "--", 2) == 0 || strncmp(text, "/*", 2) == 0;
}

void add_relation(lineage::known_call& to, const char* name)
{
    const RangeVar* relation = makeRangeVarFromNameList(stringToQualifiedNameList(
#if PG_VERSION_NUM >= 160000
        name, nullptr
#else
        name
#endif
        ));
    to.relations = lappend_oid(to.relations, RangeVarGetRelid(relation, NoLock, false));
}

void add_query(lineage::known_call& to, const char* text)
{
    ListCell* cell = nullptr;
    foreach (cell, pg_parse_query(text)) {
        to.results =
            lappend(to.results, parse_analyze_fixedparams(lfirst_node(RawStmt, cell), text, nullptr, 0, nullptr));
    }
}

void add_argument(lineage::known_call& to, const char* name, const Node* value)
{
    const char* text = constant_text(value);
    if (text == nullptr) {
        return;
    }
    const Oid type = exprType(pg::as_node(value));
    if (type == REGCLASSOID) {
        to.relations = lappend_oid(to.relations, atooid(text));
    } else if (type == TEXTOID && names_query(name) && *text != '\0') {
        if (is_query(text)) {
            add_query(to, text);
        } else {
            add_relation(to, text);
        }
    }
}

} // namespace

lineage::known_call* known_by_arguments(const FuncExpr* call)
{
    if (strcmp(get_func_name(call->funcid), "ingest") == 0) {
        return nullptr; // its source is the name of a definition
    }
    auto* known = pg::fresh<lineage::known_call>();
    known->function = call->funcid;
    known->call = call;
    const int level = NewGUCNestLevel();
    set_path("pg_catalog, pg_temp", GUC_ACTION_SAVE);
    const call_arguments given = arguments_of(call);
    for (int i = 0; i < given.count; ++i) {
        if (given.values[i] != nullptr) {
            add_argument(*known, given.names[i], given.values[i]);
        }
    }
    AtEOXact_GUC(true, level);
    known->by_column = list_length(known->results) == 1 && strcmp(get_func_name(call->funcid), "deduplicated") == 0;
    return known->results == NIL && known->relations == NIL ? nullptr : known;
}

// Arguments -----------------------------------------------------------------------------------------------------------

call_arguments arguments_of(const FuncExpr* call)
{
    HeapTuple function = SearchSysCache1(PROCOID, ObjectIdGetDatum(call->funcid));
    Oid* types = nullptr;
    char** names = nullptr;
    char* modes = nullptr;
    const int total = get_func_arg_info(function, &types, &names, &modes);
    ReleaseSysCache(function);
    call_arguments made = {0, pg::allocate_array<const char*>(static_cast<std::size_t>(total)),
                           pg::allocate_array<const Node*>(static_cast<std::size_t>(total))};
    for (int i = 0; i < total; ++i) {
        if (modes == nullptr || modes[i] == FUNC_PARAM_IN || modes[i] == FUNC_PARAM_INOUT ||
            modes[i] == FUNC_PARAM_VARIADIC) {
            made.names[made.count] = names == nullptr ? "" : names[i];
            made.values[made.count++] = nullptr;
        }
    }
    int position = 0;
    ListCell* cell = nullptr;
    foreach (cell, call->args) {
        const auto* value = static_cast<const Node*>(lfirst(cell));
        const bool named = IsA(value, NamedArgExpr);
        const auto* by_name = reinterpret_cast<const NamedArgExpr*>(value);
        const int number = named ? by_name->argnumber : position++;
        if (number < made.count) {
            made.values[number] = named ? reinterpret_cast<const Node*>(by_name->arg) : value;
        }
    }
    return made;
}

bool is_null_constant(const Node* value)
{
    return IsA(value, Const) && reinterpret_cast<const Const*>(value)->constisnull;
}

const char* constant_text(const Node* value)
{
    if (!IsA(value, Const)) {
        return nullptr;
    }
    const auto* constant = reinterpret_cast<const Const*>(value);
    if (constant->constisnull || constant->consttype >= FirstNormalObjectId) {
        return nullptr;
    }
    if (constant->consttype == REGCLASSOID) {
        return psprintf("%u", DatumGetObjectId(constant->constvalue));
    }
    Oid output = InvalidOid;
    bool is_varlena = false;
    getTypeOutputInfo(constant->consttype, &output, &is_varlena);
    return OidOutputFunctionCall(output, constant->constvalue);
}

const char* function_name(Oid function)
{
    const char* name = pg::function_identity(function);
    return name == nullptr ? psprintf("function with OID %u", function) : name;
}

} // namespace etl::pipeline
