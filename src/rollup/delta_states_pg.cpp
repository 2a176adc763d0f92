#include "rollup/delta_states_pg.hpp"

#include "rollup/delta_blocks_pg.hpp"
#include "rollup/kept_types_pg.hpp"
#include "rollup/raising_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/stratnum.h>
#include <catalog/namespace.h>
#include <catalog/pg_aggregate.h>
#include <catalog/pg_namespace.h>
#include <catalog/pg_operator.h>
#include <catalog/pg_type.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
#include <utils/typcache.h>
}

#include <algorithm>
#include <string_view>

namespace etl::rollup {
namespace {

using std::string_view;

const char* conjoined(const char* one, const char* other)
{
    return other == nullptr ? one : psprintf("%s AND %s", one, other);
}

// The sum of a numeric keeps the digits of the one with most of them, and quotients depend on that; NaN and Infinity
// cannot be taken out of a sum again.
void guard_numeric(delta_states& to, const aggregate_parts& parts)
{
    if (parts.argument_type != NUMERICOID) {
        return;
    }
    add_loss(to, parts.has_fixed_scale ? psprintf("coalesce(sum(%s)%s IN ('NaN', 'Infinity', '-Infinity'), false)",
                                                  parts.argument, filter_text(parts, is_old))
                                       : psprintf("count(%s)%s > 0", parts.argument, filter_text(parts, is_old)));
}

const char* numeric_removal(const aggregate_parts& parts)
{
    if (parts.argument_type != NUMERICOID) {
        return "taken out";
    }
    return parts.has_fixed_scale ? "taken out; the group is computed anew where the value is NaN or infinite"
                                 : "the group is computed anew, as numeric without a scale does not tell how many "
                                   "digits are left";
}

void keep(delta_states& to, const Aggref* aggregate, const char* value, const char* how, const char* removal)
{
    auto* made = fresh<delta_value>();
    *made = {aggregate, value, how, removal};
    to.values = lappend(to.values, made);
}

// Kinds --------------------------------------------------------------------------------------------------------------

bool is_whole_number(Oid type)
{
    return type == INT2OID || type == INT4OID || type == INT8OID;
}

const char* no_exact_sum(const aggregate_parts& parts)
{
    return psprintf(
        "%s of type %s cannot be merged exactly: its result depends on the order of additions, or cannot be "
        "taken apart again.",
        parts.name, format_type_be(parts.argument_type));
}

const char* keep_sum(delta_states& to, const Aggref* aggregate, const aggregate_parts& parts)
{
    const bool is_mean = string_view{parts.name} == "avg";
    if (!is_whole_number(parts.argument_type) && parts.argument_type != NUMERICOID) {
        return no_exact_sum(parts);
    }
    const bool is_small = parts.argument_type == INT2OID || parts.argument_type == INT4OID;
    const char* count = add_count(to, parts);
    const char* sum = add_sum(to, parts, is_small ? "bigint" : "numeric", psprintf("sum(%s)", parts.argument), false);
    guard_numeric(to, parts);
    keep(to, aggregate,
         is_mean ? psprintf("CASE WHEN s.%s > 0 THEN s.%s::numeric / s.%s END", count, sum, count)
                 : psprintf("CASE WHEN s.%s > 0 THEN s.%s END", count, sum),
         is_mean ? "a sum and a count" : "a sum, and the count of its values", numeric_removal(parts));
    return nullptr;
}

const char* keep_variance(delta_states& to, const Aggref* aggregate, const aggregate_parts& parts)
{
    if (!is_whole_number(parts.argument_type) && parts.argument_type != NUMERICOID) {
        return no_exact_sum(parts);
    }
    const string_view name{parts.name};
    const bool is_root = name.substr(0, 6) == "stddev";
    const bool is_sample = name.size() < 4 || name.substr(name.size() - 4) != "_pop";
    const char* count = add_count(to, parts);
    const char* value = parts.argument_type == NUMERICOID ? parts.argument : psprintf("%s::numeric", parts.argument);
    const char* sum = add_sum(to, parts, "numeric", psprintf("sum(%s)", value), false);
    const char* squares = add_sum(to, parts, "numeric", psprintf("sum(%s * %s)", value, value), false);
    guard_numeric(to, parts);
    keep(to, aggregate,
         psprintf("etl.%s(s.%s, s.%s, s.%s, %s)", is_root ? "_delta_deviation" : "_delta_variance", count, sum, squares,
                  is_sample ? "true" : "false"),
         "a count, a sum and a sum of squares", numeric_removal(parts));
    return nullptr;
}

const char* keep_logical(delta_states& to, const Aggref* aggregate, const aggregate_parts& parts)
{
    const bool is_any = string_view{parts.name} == "bool_or";
    aggregate_parts rows = parts;
    rows.argument = nullptr;
    rows.filter = conjoined(parts.argument, parts.filter);
    const char* truths = add_count(to, rows);
    rows.filter = conjoined(psprintf("NOT %s", parts.argument), parts.filter);
    const char* lies = add_count(to, rows);
    keep(to, aggregate,
         psprintf("CASE WHEN s.%s > 0 THEN %s WHEN s.%s > 0 THEN %s END", is_any ? truths : lies,
                  is_any ? "true" : "false", is_any ? lies : truths, is_any ? "false" : "true"),
         "the counts of true and of false", "taken out");
    return nullptr;
}

// Which order an operator is of; from version 18 on a type of its own, with the same numbers.
#if PG_VERSION_NUM >= 180000
using order_kind = CompareType;
#else
using order_kind = int16;
#endif

bool order_of_extreme(const Aggref* aggregate, extreme_order& found)
{
    HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate->aggfnoid));
    const Oid op =
        HeapTupleIsValid(tuple) ? reinterpret_cast<Form_pg_aggregate>(GETSTRUCT(tuple))->aggsortop : InvalidOid;
    if (HeapTupleIsValid(tuple)) {
        ReleaseSysCache(tuple);
    }
    Oid family = InvalidOid;
    Oid input = InvalidOid;
    order_kind kind{};
    if (!OidIsValid(op) || !get_ordering_op_properties(op, &family, &input, &kind) ||
        lookup_type_cache(aggregate->aggtype, TYPECACHE_BTREE_OPFAMILY)->btree_opf != family) {
        return false;
    }
    found.is_least = static_cast<int>(kind) == BTLessStrategyNumber;
    tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(op));
    const auto* form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
    found.sooner =
        psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)), NameStr(form->oprname));
    ReleaseSysCache(tuple);
    return true;
}

const char* keep_extreme(delta_states& to, const Aggref* aggregate, const aggregate_parts& parts,
                         const extreme_order& order)
{
    keep(to, aggregate, psprintf("s.%s", add_extreme(to, aggregate, parts, order)),
         order.is_least ? "the least value" : "the greatest value",
         order.is_least ? "the group is computed anew where fewer rows have its least value than before"
                        : "the group is computed anew where fewer rows have its greatest value than before");
    return nullptr;
}

bool has_hash(Oid type)
{
    return OidIsValid(lookup_type_cache(type, TYPECACHE_HASH_PROC)->hash_proc);
}

const char* no_lasting_values(const aggregate_parts& parts)
{
    return psprintf("%s of type %s cannot be kept: a label that is renamed, or a dump, would make other values of "
                    "the same.",
                    parts.name, format_type_be(parts.argument_type));
}

const char* keep_distinct(delta_states& to, const Aggref* aggregate, const aggregate_parts& parts)
{
    if (!has_hash(parts.argument_type)) {
        return psprintf("The set of distinct values of type %s cannot be kept: the type has no hash function.",
                        format_type_be(parts.argument_type));
    }
    if (!outlasts_catalog(parts.argument_type)) {
        return no_lasting_values(parts);
    }
    const Oid taken_as = type_in_set(parts.argument_type);
    if (!OidIsValid(taken_as)) {
        return psprintf("The set of distinct values of type %s cannot be kept: PostgreSQL takes it for a text.",
                        format_type_be(parts.argument_type));
    }
    aggregate_parts plain = parts;
    if (taken_as != parts.argument_type) {
        plain.argument = psprintf("%s::%s", parts.argument, type_text(taken_as, -1));
    }
    const delta_set* set = add_set(to, plain);
    const bool is_set = aggregate->aggtype != INT8OID;
    keep(to, aggregate,
         is_set ? psprintf("etl._distinct_set_combine(s.%s, s.%s)", set->base, set->tail)
                : psprintf("s.%s", set->count),
         "the set of distinct values, and their number",
         "the group is computed anew where fewer rows with the value are there than before");
    return nullptr;
}

const char* keep_once(delta_states& to, const Aggref* aggregate, const aggregate_parts& parts)
{
    to.rests_on_once = true;
    keep(to, aggregate, psprintf("s.%s", add_count(to, parts)), "a count, as no value occurs twice", "taken out");
    return nullptr;
}

// States of our own that the same values give in any order and any division into parts.
bool is_exact_state(string_view name, int arguments)
{
    return name == "moments" || name == "histogram" || name == "velocity_tiles" ||
           (name == "frequencies" && arguments == 1);
}

const char* keep_state(delta_states& to, const Aggref* aggregate, const aggregate_parts& parts)
{
    if (!outlasts_catalog(parts.argument_type)) {
        return no_lasting_values(parts);
    }
    const char* type = format_type_be_qualified(aggregate->aggtype);
    const char* call = psprintf("etl.%s(%s)", quote_identifier(parts.name), parts.all_arguments);
    keep(to, aggregate, psprintf("s.%s", add_merged(to, parts, type, call)), "its state, merged by etl.merge",
         "the group is computed anew");
    return nullptr;
}

// Which kind ---------------------------------------------------------------------------------------------------------

bool is_one_of(string_view name, std::initializer_list<string_view> names)
{
    return std::find(names.begin(), names.end(), name) != names.end();
}

// The digits after the point that every value of a numeric expression has; -1 where that is not known.
int fixed_scale(Node* expression)
{
    if (exprType(expression) != NUMERICOID) {
        return -1;
    }
    const int32 modifier = exprTypmod(expression);
    if (modifier >= static_cast<int32>(VARHDRSZ)) {
        // The scale's eleven bits, signed (numeric.c, numeric_typmod_scale); a negative one leaves no digits.
        return std::max((((modifier - static_cast<int32>(VARHDRSZ)) & 0x7ff) ^ 1024) - 1024, 0);
    }
    const auto* call = IsA(expression, FuncExpr) ? reinterpret_cast<FuncExpr*>(expression) : nullptr;
    const bool is_cast = call != nullptr && list_length(call->args) == 1 &&
                         is_whole_number(exprType(as_node(linitial(call->args)))) &&
                         get_func_namespace(call->funcid) == PG_CATALOG_NAMESPACE &&
                         string_view{get_func_name(call->funcid)} == "numeric";
    if (is_cast) {
        return 0;
    }
    if (!IsA(expression, OpExpr) || list_length(reinterpret_cast<OpExpr*>(expression)->args) != 2) {
        return -1;
    }
    const auto* operation = reinterpret_cast<OpExpr*>(expression);
    const int left = fixed_scale(as_node(linitial(operation->args)));
    const int right = fixed_scale(as_node(lsecond(operation->args)));
    const string_view name{get_opname(operation->opno)};
    if (left < 0 || right < 0 || get_func_namespace(get_opcode(operation->opno)) != PG_CATALOG_NAMESPACE) {
        return -1;
    }
    return name == "*" ? left + right : name == "+" || name == "-" ? std::max(left, right) : -1;
}

// Only of the rows that FILTER lets in, where computing it of others might fail.
Node* filtered(const Aggref* aggregate, Node* expression)
{
    return aggregate->aggfilter != nullptr && may_raise(expression, raising::ever)
               ? only_where(as_node(aggregate->aggfilter), expression)
               : expression;
}

aggregate_parts parts_of(delta_states& to, const Aggref* aggregate)
{
    aggregate_parts parts = {};
    const Oid space = get_func_namespace(aggregate->aggfnoid);
    parts.name = get_func_name(aggregate->aggfnoid);
    parts.is_builtin = space == PG_CATALOG_NAMESPACE;
    parts.is_ours = space == get_namespace_oid("etl", true);
    parts.all_arguments = "";
    ListCell* cell = nullptr;
    foreach (cell, aggregate->args) {
        const auto* target = lfirst_node(TargetEntry, cell);
        if (target->resjunk) {
            continue;
        }
        Node* expression = as_node(target->expr);
        const char* column = psprintf("r.%s", column_name(add_column(to, filtered(aggregate, expression))));
        if (parts.argument == nullptr) {
            parts.argument = column;
            parts.argument_type = exprType(expression);
            parts.has_fixed_scale = fixed_scale(expression) >= 0;
        }
        parts.all_arguments = psprintf("%s%s%s", parts.all_arguments, *parts.all_arguments == 0 ? "" : ", ", column);
    }
    if (aggregate->aggfilter != nullptr) {
        parts.filter = psprintf("r.%s", column_name(add_column(to, as_node(aggregate->aggfilter))));
    }
    return parts;
}

const char* keep_builtin(delta_states& to, const Aggref* aggregate, const aggregate_parts& parts)
{
    if (is_one_of(parts.name, {"sum", "avg"})) {
        return keep_sum(to, aggregate, parts);
    }
    if (is_one_of(parts.name, {"variance", "var_samp", "var_pop", "stddev", "stddev_samp", "stddev_pop"})) {
        return keep_variance(to, aggregate, parts);
    }
    return psprintf("aggregate %s cannot be merged.", parts.name);
}

} // namespace

const delta_value* find_value(const delta_states& in, const Aggref* aggregate)
{
    ListCell* cell = nullptr;
    foreach (cell, in.values) {
        const auto* value = static_cast<const delta_value*>(lfirst(cell));
        if (equal(value->of, aggregate)) {
            return value;
        }
    }
    return nullptr;
}

const char* add_aggregate(delta_states& to, const Aggref* aggregate, bool is_once)
{
    if (find_value(to, aggregate) != nullptr) {
        return nullptr;
    }
    const aggregate_parts parts = parts_of(to, aggregate);
    const bool is_distinct = aggregate->aggdistinct != NIL;
    const bool is_count = parts.is_builtin && string_view{parts.name} == "count";
    const bool is_counting_distinct = parts.is_ours && string_view{parts.name} == "count_distinct";
    extreme_order order = {};
    if (aggregate->aggkind != AGGKIND_NORMAL || list_length(aggregate->aggargtypes) != list_length(aggregate->args)) {
        return psprintf("aggregate %s depends on the order of the rows, and cannot be merged.", parts.name);
    }
    if (type_is_rowtype(parts.argument_type)) {
        return psprintf("%s of type %s cannot be merged, as a row of NULLs is NULL in some places and not in others.",
                        parts.name, format_type_be(parts.argument_type));
    }
    if ((is_count && is_distinct) || is_counting_distinct) {
        return is_once ? keep_once(to, aggregate, parts) : keep_distinct(to, aggregate, parts);
    }
    if (parts.is_ours && string_view{parts.name} == "distinct_set") {
        return keep_distinct(to, aggregate, parts);
    }
    if (parts.is_builtin && is_one_of(parts.name, {"bool_and", "bool_or", "every"})) {
        return keep_logical(to, aggregate, parts);
    }
    if (order_of_extreme(aggregate, order)) {
        return keep_extreme(to, aggregate, parts, order);
    }
    if (is_count) {
        keep(to, aggregate, psprintf("s.%s", add_count(to, parts)), "a count", "taken out");
        return nullptr;
    }
    if (is_distinct) {
        return psprintf("%s(DISTINCT …) cannot be merged.", parts.name);
    }
    if (parts.is_ours && is_exact_state(parts.name, list_length(aggregate->args))) {
        return keep_state(to, aggregate, parts);
    }
    return parts.is_builtin ? keep_builtin(to, aggregate, parts)
                            : psprintf("aggregate %s cannot be merged.", parts.name);
}

} // namespace etl::rollup
