// PostgreSQL marks functions that never fail as leakproof. Of the others, those are known here that a group's key is
// often made by. What is not known may fail.
#include "rollup/raising_pg.hpp"

extern "C" {
#include <access/transam.h>
#include <catalog/pg_type.h>
#include <utils/builtins.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
}

#include <algorithm>
#include <array>
#include <cstring>

namespace etl::rollup {
namespace {

// These fail for a bad unit, format or time zone. Where that is a constant, it is good: the query was tried with it.
constexpr Oid of_moments[] = {F_DATE_TRUNC_TEXT_TIMESTAMP,
                              F_DATE_TRUNC_TEXT_TIMESTAMPTZ,
                              F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT,
                              F_DATE_BIN_INTERVAL_TIMESTAMP_TIMESTAMP,
                              F_DATE_BIN_INTERVAL_TIMESTAMPTZ_TIMESTAMPTZ,
                              F_DATE_TIMESTAMP,
                              F_DATE_TIMESTAMPTZ,
                              F_TIMESTAMP_DATE,
                              F_TIMESTAMP_TIMESTAMPTZ,
                              F_TIMESTAMPTZ_DATE,
                              F_TIMESTAMPTZ_TIMESTAMP,
                              F_TIMEZONE_TEXT_TIMESTAMP,
                              F_TIMEZONE_TEXT_TIMESTAMPTZ,
                              F_EXTRACT_TEXT_DATE,
                              F_EXTRACT_TEXT_TIMESTAMP,
                              F_EXTRACT_TEXT_TIMESTAMPTZ,
                              F_DATE_PART_TEXT_DATE,
                              F_DATE_PART_TEXT_TIMESTAMP,
                              F_DATE_PART_TEXT_TIMESTAMPTZ,
                              F_TO_CHAR_TIMESTAMP_TEXT,
                              F_TO_CHAR_TIMESTAMPTZ_TEXT};

// These never fail, for all that is known.
constexpr Oid harmless[] = {F_LOWER_TEXT,
                            F_UPPER_TEXT,
                            F_TEXTCAT,
                            F_BTRIM_TEXT,
                            F_LENGTH_TEXT,
                            F_LEFT,
                            F_TEXT_BPCHAR,
                            F_TEXT_BOOL,
                            F_FLOOR_FLOAT8,
                            F_FLOOR_NUMERIC,
                            F_CEIL_FLOAT8,
                            F_CEIL_NUMERIC,
                            F_ROUND_NUMERIC,
                            F_JSON_OBJECT_FIELD,
                            F_JSON_OBJECT_FIELD_TEXT,
                            F_JSONB_OBJECT_FIELD,
                            F_JSONB_OBJECT_FIELD_TEXT};

// These fail for numbers that are too large alone.
constexpr Oid of_numbers[] = {F_INT2PL,
                              F_INT2MI,
                              F_INT2MUL,
                              F_INT4PL,
                              F_INT4MI,
                              F_INT4MUL,
                              F_INT8PL,
                              F_INT8MI,
                              F_INT8MUL,
                              F_INT84PL,
                              F_INT84MI,
                              F_INT84MUL,
                              F_INT48PL,
                              F_INT48MI,
                              F_INT48MUL,
                              F_FLOAT8PL,
                              F_FLOAT8MI,
                              F_FLOAT8MUL,
                              F_NUMERIC_ADD,
                              F_NUMERIC_SUB,
                              F_NUMERIC_MUL,
                              F_INT2_INT4,
                              F_INT2_INT8,
                              F_INT4_INT8,
                              F_INT4_FLOAT8,
                              F_INT8_FLOAT8,
                              F_INT2_NUMERIC,
                              F_INT4_NUMERIC,
                              F_INT8_NUMERIC,
                              F_FLOAT8_NUMERIC,
                              F_NUMERIC_NUMERIC_INT4};

constexpr Oid divisions[] = {F_INT2DIV,  F_INT2MOD,  F_INT4DIV,   F_INT4MOD,     F_INT8DIV,    F_INT8MOD,
                             F_INT84DIV, F_INT48DIV, F_FLOAT8DIV, F_NUMERIC_DIV, F_NUMERIC_MOD};

constexpr Oid extractions[] = {F_EXTRACT_TEXT_DATE,   F_EXTRACT_TEXT_TIMESTAMP,   F_EXTRACT_TEXT_TIMESTAMPTZ,
                               F_DATE_PART_TEXT_DATE, F_DATE_PART_TEXT_TIMESTAMP, F_DATE_PART_TEXT_TIMESTAMPTZ};

// Units of which each moment has a small number, and an infinite one has none.
constexpr const char* small_units[] = {"hour", "minute", "day", "dow", "isodow", "doy", "week", "month", "quarter"};

template <std::size_t N>
bool is_among(const Oid (&known)[N], Oid function)
{
    return std::find(std::begin(known), std::end(known), function) != std::end(known);
}

bool is_constant(const void* node)
{
    return IsA(node, Const);
}

int count_of_others(const List* arguments)
{
    int count = 0;
    ListCell* cell = nullptr;
    foreach (cell, arguments) {
        count += is_constant(lfirst(cell)) ? 0 : 1;
    }
    return count;
}

// By a constant other than 0 and -1.
bool is_safe_division(Oid function, const List* arguments)
{
    if (!is_among(divisions, function) || !is_constant(lsecond(arguments))) {
        return false;
    }
    const auto* divisor = static_cast<const Const*>(lsecond(arguments));
    if (divisor->constisnull) {
        return true;
    }
    switch (divisor->consttype) {
    case INT2OID:
    case INT4OID:
    case INT8OID:
        return static_cast<std::int64_t>(divisor->constvalue) > 0;
    default:
        return false;
    }
}

bool is_small_unit(const Const* unit)
{
    const char* name = unit->constisnull ? "" : text_to_cstring(DatumGetTextPP(unit->constvalue));
    return std::any_of(std::begin(small_units), std::end(small_units),
                       [=](const char* known) { return strcmp(known, name) == 0; });
}

// As in extract(hour FROM sold_at)::int.
bool is_small_number(const Node* node)
{
    const auto* call = IsA(node, FuncExpr) ? reinterpret_cast<const FuncExpr*>(node) : nullptr;
    return call != nullptr && is_among(extractions, call->funcid) && is_constant(linitial(call->args)) &&
           is_small_unit(static_cast<const Const*>(linitial(call->args)));
}

bool is_safe(Oid function, const List* arguments, raising how)
{
    if (is_among(of_moments, function)) {
        return count_of_others(arguments) <= 1;
    }
    if (is_among(of_numbers, function)) {
        return how == raising::beyond || is_small_number(static_cast<const Node*>(linitial(arguments)));
    }
    return get_func_leakproof(function) || is_among(harmless, function) || is_safe_division(function, arguments);
}

bool is_comparison(Oid op)
{
#if PG_VERSION_NUM >= 180000
    const List* orders = get_op_index_interpretation(op);
#else
    const List* orders = get_op_btree_interpretation(op);
#endif
    return op < FirstNormalObjectId && orders != NIL;
}

// A value of PostgreSQL's own type as a text.
bool is_printing(const CoerceViaIO* cast)
{
    const Oid from = exprType(reinterpret_cast<const Node*>(cast->arg));
    return (cast->resulttype == TEXTOID || cast->resulttype == VARCHAROID) && from < FirstNormalObjectId &&
           !type_is_rowtype(from);
}

bool find_raising(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    const raising how = *static_cast<raising*>(context);
    bool safe = true;
    switch (nodeTag(node)) {
    case T_List:
    case T_Var:
    case T_Const:
    case T_RelabelType:
    case T_CollateExpr:
    case T_NullTest:
    case T_BooleanTest:
    case T_BoolExpr:
    case T_CaseExpr:
    case T_CaseWhen:
    case T_CaseTestExpr:
    case T_CoalesceExpr:
    case T_MinMaxExpr:
    case T_FieldSelect:
        break;
    case T_OpExpr:
    case T_DistinctExpr:
    case T_NullIfExpr: { // all of one shape
        const auto* operation = reinterpret_cast<const OpExpr*>(node);
        safe = is_comparison(operation->opno) || is_safe(get_opcode(operation->opno), operation->args, how);
        break;
    }
    case T_ScalarArrayOpExpr:
        safe = is_comparison(reinterpret_cast<const ScalarArrayOpExpr*>(node)->opno);
        break;
    case T_FuncExpr: {
        const auto* call = reinterpret_cast<const FuncExpr*>(node);
        safe = is_safe(call->funcid, call->args, how);
        break;
    }
    case T_CoerceViaIO:
        safe = is_printing(reinterpret_cast<const CoerceViaIO*>(node));
        break;
    default:
        return true;
    }
    return !safe || expression_tree_walker(node, walker(find_raising), context);
}

} // namespace

bool may_raise(Node* expression, raising how)
{
    return find_raising(expression, &how);
}

} // namespace etl::rollup
