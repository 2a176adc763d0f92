#include "feature/rolling_plan_pg.hpp"

#include "pg/memory.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <utils/array.h>
#include <utils/lsyscache.h>
}

#include <string>

namespace etl::feature {
namespace {

constexpr char plan_query[] = "SELECT * FROM etl._rolling_plan($1, $2, $3, $4, $5, $6)";
constexpr int plan_arguments = 6;

// The columns of etl._rolling_plan.
enum plan_column {
    scan_column = 1,
    columns_column,
    forms_column,
    slot_types_column,
    slot_collations_column,
    functions_column,
    slots_column,
    sources_column,
    results_column,
    spans_column,
    carried_column
};

// Everything below may raise, and owns nothing.

[[noreturn]] void refuse_plan()
{
    throw error(sqlstate::internal_error, "etl._rolling_plan has made no plan");
}

Datum field(int column)
{
    bool is_null = false;
    const Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &is_null);
    if (is_null) {
        refuse_plan();
    }
    return value;
}

const char* text_field(int column)
{
    return text_to_cstring(DatumGetTextPP(field(column)));
}

// An array's elements, which are passed by value.
template <class Element>
std::span<Element> array_field(int column)
{
    ArrayType* array = DatumGetArrayTypeP(field(column));
    const int count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    if (ARR_HASNULL(array)) {
        refuse_plan();
    }
    return {reinterpret_cast<Element*>(ARR_DATA_PTR(array)), static_cast<std::size_t>(count)};
}

template <class Element>
std::span<Element> new_array(std::size_t count)
{
    return {pg::allocate_array<Element>(count), count};
}

slot_form form_of(char letter)
{
    switch (letter) {
    case 'r':
        return slot_form::real;
    case 'd':
        return slot_form::decimal;
    case 'p':
        return slot_form::print;
    case 'b':
        return slot_form::bytes;
    default:
        return slot_form::whole;
    }
}

rolling_function function_of(char letter)
{
    constexpr char letters[] = "#csamxdl";
    const char* found = std::char_traits<char>::find(letters, sizeof letters - 1, letter);
    if (found == nullptr) {
        refuse_plan();
    }
    return static_cast<rolling_function>(found - letters);
}

std::span<planned_slot> read_slots()
{
    const char* forms = text_field(forms_column);
    const auto types = array_field<Oid>(slot_types_column);
    const auto collations = array_field<Oid>(slot_collations_column);
    const auto made = new_array<planned_slot>(types.size());
    for (std::size_t i = 0; i < made.size(); ++i) {
        made[i] = {form_of(forms[i]), make_packed_type(getBaseType(types[i])), collations[i]};
    }
    return made;
}

std::span<planned_call> read_calls()
{
    const char* functions = text_field(functions_column);
    const auto slots = array_field<std::int32_t>(slots_column);
    const auto sources = array_field<Oid>(sources_column);
    const auto results = array_field<Oid>(results_column);
    const auto made = new_array<planned_call>(slots.size());
    for (std::size_t i = 0; i < made.size(); ++i) {
        made[i] = {function_of(functions[i]), static_cast<std::size_t>(slots[i]), getBaseType(sources[i]), results[i]};
    }
    return made;
}

std::span<packed_type> read_carried()
{
    const auto types = array_field<Oid>(carried_column);
    const auto made = new_array<packed_type>(types.size());
    for (std::size_t i = 0; i < made.size(); ++i) {
        made[i] = make_packed_type(types[i]);
    }
    return made;
}

} // namespace

rolling_plan make_rolling_plan(pg::arguments args, int first)
{
    Oid types[plan_arguments] = {TEXTOID, NAMEARRAYOID, NAMEOID, INTERVALARRAYOID, TEXTARRAYOID, NAMEARRAYOID};
    Datum values[plan_arguments];
    char nulls[plan_arguments];
    for (int i = 0; i < plan_arguments; ++i) {
        values[i] = args.datum(first + i);
        nulls[i] = args.is_null(first + i) ? 'n' : ' ';
    }
    SPI_execute_with_args(plan_query, plan_arguments, types, values, nulls, true, 1);
    rolling_plan made{};
    made.scan = text_field(scan_column);
    made.columns = text_field(columns_column);
    made.slots = read_slots();
    made.calls = read_calls();
    made.spans = array_field<std::int64_t>(spans_column);
    made.carried = read_carried();
    return made;
}

} // namespace etl::feature
