// What the answer of a view's query depends on beside the tables that it names: functions that may answer otherwise the
// next time, settings, and functions that somebody may change.
//
// An immutable function is taken at its word. A stable one may read a clock, a table or a setting; of PostgreSQL's own
// some are known to depend on nothing but settings (the time zone above all), and those are allowed.
#include "pg/function.hpp"
#include "rollup/single_match_pg.hpp"
#include "rollup/tree_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/table.h>
#include <access/transam.h>
#include <catalog/pg_proc.h>
#include <catalog/pg_type.h>
#include <funcapi.h>
#include <nodes/nodeFuncs.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/syscache.h>
}

#include <algorithm>
#include <array>
#include <cstring>

namespace {

using namespace etl::rollup;

struct traits {
    const char* unpredictable;
    bool uses_settings;
    List* functions;
};

// Names in pg_catalog of stable functions whose answer is settled by their arguments and by etl._setting_values().
// Sorted. What reads text as a moment is not among them: it may read 'now'. Nor is timetz(), which looks up today's
// offset.
constexpr std::array settled = {
    "array_out",
    "array_to_json",
    "array_to_string",
    "bpchar",
    "concat",
    "concat_ws",
    "date",
    "date_cmp_timestamptz",
    "date_eq_timestamptz",
    "date_ge_timestamptz",
    "date_gt_timestamptz",
    "date_le_timestamptz",
    "date_lt_timestamptz",
    "date_ne_timestamptz",
    "date_out",
    "date_part",
    "date_trunc",
    "extract",
    "format",
    "generate_series",
    "interval_out",
    "json_agg",
    "json_agg_finalfn",
    "json_agg_transfn",
    "json_build_array",
    "json_build_object",
    "json_object_agg",
    "json_object_agg_finalfn",
    "json_object_agg_transfn",
    "jsonb_agg",
    "jsonb_agg_finalfn",
    "jsonb_agg_transfn",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_object_agg",
    "jsonb_object_agg_finalfn",
    "jsonb_object_agg_transfn",
    "quote_literal",
    "quote_nullable",
    "time",
    "timestamp",
    "timestamp_cmp_timestamptz",
    "timestamp_eq_timestamptz",
    "timestamp_ge_timestamptz",
    "timestamp_gt_timestamptz",
    "timestamp_le_timestamptz",
    "timestamp_lt_timestamptz",
    "timestamp_ne_timestamptz",
    "timestamp_out",
    "timestamptz",
    "timestamptz_cmp_date",
    "timestamptz_cmp_timestamp",
    "timestamptz_eq_date",
    "timestamptz_eq_timestamp",
    "timestamptz_ge_date",
    "timestamptz_ge_timestamp",
    "timestamptz_gt_date",
    "timestamptz_gt_timestamp",
    "timestamptz_le_date",
    "timestamptz_le_timestamp",
    "timestamptz_lt_date",
    "timestamptz_lt_timestamp",
    "timestamptz_mi_interval",
    "timestamptz_ne_date",
    "timestamptz_ne_timestamp",
    "timestamptz_out",
    "timestamptz_pl_interval",
    "to_char",
    "to_json",
    "to_jsonb",
};

// Those that call themselves immutable, and yet print by extra_float_digits or bytea_output. Sorted.
constexpr std::array printers = {"box_out",  "byteaout", "circle_out", "float4out", "float8out",
                                 "line_out", "lseg_out", "path_out",   "point_out", "poly_out"};

template <typename Names>
bool is_among(const Names& names, const char* name)
{
    return std::binary_search(names.begin(), names.end(), name,
                              [](const char* left, const char* right) { return strcmp(left, right) < 0; });
}

void doubt(traits& found, const char* why)
{
    if (found.unpredictable == nullptr) {
        found.unpredictable = why;
    }
}

// A function of the query itself, or one that an aggregate is made of.
void judge_function(traits& found, Oid function)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) {
        doubt(found, "it calls a function that is gone");
        return;
    }
    const auto* form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    const bool own = function < FirstNormalObjectId;
    if (!own) {
        found.functions = list_append_unique_oid(found.functions, function);
    }
    if (form->provolatile == PROVOLATILE_IMMUTABLE) {
        found.uses_settings = found.uses_settings || (own && is_among(printers, NameStr(form->proname)));
    } else {
        if (own && form->provolatile == PROVOLATILE_STABLE && is_among(settled, NameStr(form->proname))) {
            found.uses_settings = true;
        } else {
            doubt(found, psprintf("it calls %s(), which is not immutable", NameStr(form->proname)));
        }
    }
    ReleaseSysCache(tuple);
}

// Whether a function of PostgreSQL's own is stable, as those are that print values of any type.
bool is_stable(Oid function)
{
    return function < FirstNormalObjectId && func_volatile(function) == PROVOLATILE_STABLE;
}

// True where a part of the aggregate is_stable().
bool judge_aggregate(traits& found, Oid aggregate)
{
    judge_function(found, aggregate);
    bool stable = false;
    ListCell* cell = nullptr;
    foreach (cell, parts_of_aggregate(aggregate)) {
        judge_function(found, lfirst_oid(cell));
        stable = stable || is_stable(lfirst_oid(cell));
    }
    return stable;
}

bool judge_called(Oid function, void* context)
{
    judge_function(*static_cast<traits*>(context), function);
    return false;
}

// How a value is printed: known where its type, and that of its elements, is PostgreSQL's own.
void judge_output(traits& found, Oid type)
{
    const Oid element = get_element_type(type);
    if (OidIsValid(element)) {
        judge_output(found, element);
        return;
    }
    if (type >= FirstNormalObjectId || type == RECORDOID) {
        doubt(found, psprintf("it prints a value of type %s", format_type_be(type)));
        return;
    }
    Oid function;
    bool is_varlena;
    getTypeOutputInfo(type, &function, &is_varlena);
    judge_function(found, function);
}

void judge_arguments(traits& found, const List* arguments)
{
    ListCell* cell = nullptr;
    foreach (cell, arguments) {
        judge_output(found, exprType(static_cast<const Node*>(lfirst(cell))));
    }
}

void judge_call(traits& found, const FuncExpr* call)
{
    if (is_stable(call->funcid)) {
        judge_arguments(found, call->args);
    }
}

void judge_call(traits& found, const Aggref* call)
{
    if (judge_aggregate(found, call->aggfnoid)) {
        ListCell* cell = nullptr;
        foreach (cell, call->args) {
            judge_output(found, exprType(reinterpret_cast<const Node*>(lfirst_node(TargetEntry, cell)->expr)));
        }
    }
}

void judge_call(traits& found, const WindowFunc* call)
{
    if (judge_aggregate(found, call->winfnoid)) {
        judge_arguments(found, call->args);
    }
}

void judge_relation(traits& found, const RangeTblEntry* entry)
{
    if (entry->rtekind == RTE_RELATION && entry->relid < FirstNormalObjectId) {
        doubt(found, psprintf("it reads %s, which the system writes", get_rel_name(entry->relid)));
    }
    if (entry->tablesample != nullptr) {
        doubt(found, "it reads a sample of a table");
    }
}

// What stands in a query and answers by more than its arguments, without a function of its own.
const char* unpredictable_kind(const Node* node)
{
    switch (nodeTag(node)) {
    case T_SQLValueFunction:
        return "it reads the clock or the session (CURRENT_DATE, CURRENT_USER and the like)";
    case T_NextValueExpr:
        return "it takes values from a sequence";
    case T_XmlExpr:
        return "it makes XML, which depends on settings";
#if PG_VERSION_NUM >= 160000
    case T_JsonConstructorExpr:
        return "it makes JSON with SQL/JSON, which may depend on settings";
#endif
#if PG_VERSION_NUM >= 170000
    case T_JsonExpr:
        return "it reads JSON with SQL/JSON, which may depend on settings";
#endif
    default:
        return nullptr;
    }
}

bool visit(Node* node, void* context)
{
    auto& found = *static_cast<traits*>(context);
    if (node == nullptr) {
        return false;
    }
    switch (nodeTag(node)) {
    case T_Query:
        return query_tree_walker(reinterpret_cast<Query*>(node), walker(visit), context, QTW_EXAMINE_RTES_BEFORE);
    case T_RangeTblEntry: // what is in it comes by itself
        judge_relation(found, reinterpret_cast<const RangeTblEntry*>(node));
        return false;
    case T_Aggref:
        judge_call(found, reinterpret_cast<const Aggref*>(node));
        break;
    case T_WindowFunc:
        judge_call(found, reinterpret_cast<const WindowFunc*>(node));
        break;
    case T_FuncExpr:
        judge_call(found, reinterpret_cast<const FuncExpr*>(node));
        [[fallthrough]];
    default:
        check_functions_in_node(node, judge_called, context);
    }
    if (const char* kind = unpredictable_kind(node)) {
        doubt(found, kind);
    }
    return expression_tree_walker(node, walker(visit), context);
}

traits traits_of(Oid view)
{
    traits found = {};
    visit(reinterpret_cast<Node*>(query_of_view(view)), &found);
    return found;
}

Datum oid_array(const List* oids)
{
    auto* values = etl::pg::allocate_array<Datum>(list_length(oids) + 1);
    int count = 0;
    ListCell* cell = nullptr;
    foreach (cell, oids) {
        values[count++] = ObjectIdGetDatum(lfirst_oid(cell));
    }
    return PointerGetDatum(construct_array(values, count, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

Datum row_of(FunctionCallInfo fcinfo, const traits& found)
{
    TupleDesc shape;
    get_call_result_type(fcinfo, nullptr, &shape);
    Datum values[] = {found.unpredictable == nullptr ? Datum{0} : CStringGetTextDatum(found.unpredictable),
                      BoolGetDatum(found.uses_settings), oid_array(found.functions)};
    bool nulls[] = {found.unpredictable == nullptr, false, false};
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
}

} // namespace

ETL_FUNCTION(etl_query_traits, args)
{
    return row_of(args.raw(), traits_of(DatumGetObjectId(args.datum(0))));
}
