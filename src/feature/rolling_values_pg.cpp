#include "feature/rolling_values_pg.hpp"

#include "core/bytes.hpp"
#include "pg/numeric.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/date.h>
#include <utils/numeric.h>
}

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace etl::feature {
namespace {

using kind = rolling_value::kind;

// A whole number, as a sum of many can be.
Datum numeric_of(__int128 number)
{
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    if (number >= -most && number <= most) {
        return NumericGetDatum(int64_to_numeric(static_cast<std::int64_t>(number)));
    }
    constexpr int digits_most = 10; // 10,000^10 > 2^127
    std::int16_t digits[digits_most];
    int at = digits_most;
    const bool is_negative = number < 0;
    for (auto left = static_cast<unsigned __int128>(is_negative ? -number : number); left > 0; left /= 10'000) {
        digits[--at] = static_cast<std::int16_t>(left % 10'000);
    }
    int end = digits_most;
    while (digits[end - 1] == 0) {
        --end;
    }
    return pg::make_numeric(
        {is_negative ? decimal::sign::negative : decimal::sign::positive,
         digits_most - at - 1,
         {reinterpret_cast<const char*>(digits + at), static_cast<std::size_t>(end - at) * sizeof(std::int16_t)}},
        0);
}

Datum average(Datum sum, std::uint64_t values)
{
    return DirectFunctionCall2(numeric_div, sum, NumericGetDatum(int64_to_numeric(static_cast<std::int64_t>(values))));
}

Datum whole_datum(const rolling_value& value, const planned_call& call)
{
    const __int128 number = value.whole();
    if (call.function == rolling_function::avg) {
        return average(numeric_of(number), value.rows);
    }
    if (call.result == NUMERICOID) {
        return numeric_of(number);
    }
    const auto narrow = static_cast<std::int64_t>(number);
    if (narrow != number) {
        throw error(sqlstate::numeric_value_out_of_range, "bigint out of range");
    }
    if (call.function == rolling_function::sum) {
        return Int64GetDatum(narrow);
    }
    switch (call.source) {
    case INT2OID:
        return Int16GetDatum(static_cast<std::int16_t>(narrow));
    case INT4OID:
    case DATEOID:
        return Int32GetDatum(static_cast<std::int32_t>(narrow));
    default:
        return Int64GetDatum(narrow);
    }
}

Datum real_datum(double value, const planned_call& call)
{
    const bool is_float4 = call.source == FLOAT4OID && call.function != rolling_function::avg;
    if (!is_float4) {
        return Float8GetDatum(value);
    }
    const auto narrow = static_cast<float>(value);
    if (std::isinf(narrow) && !std::isinf(value)) {
        throw error(sqlstate::numeric_value_out_of_range, "value out of range: overflow");
    }
    return Float4GetDatum(narrow);
}

Datum decimal_datum(const rolling_value& value, const planned_call& call)
{
    const Datum sum = pg::make_numeric(value.decimal, value.places);
    return call.function == rolling_function::avg ? average(sum, value.rows) : sum;
}

Datum datum_of(const rolling_value& value, const planned_call& call, const rolling_plan& plan)
{
    switch (value.is) {
    case kind::whole:
        return whole_datum(value, call);
    case kind::real:
        return real_datum(value.real, call);
    case kind::decimal:
        return decimal_datum(value, call);
    default:
        return feature::datum_of(plan.slots[call.slot].type, value.bytes);
    }
}

// The bytes of a value without its length, which may be written in two ways. It is not toasted: nothing is raised.
std::span<const std::byte> image_of(const packed_type& type, std::span<const std::byte> bytes)
{
    return type.length == -1 ? pg::varlena_bytes(feature::datum_of(type, bytes)) : bytes;
}

bool is_count(rolling_function of)
{
    return of == rolling_function::rows || of == rolling_function::count || of == rolling_function::distinct;
}

} // namespace

type_order::type_order(std::span<const planned_slot> slots) : slots_{slots}
{
    for (const planned_slot& slot : slots) {
        types_.push_back(slot.form == slot_form::bytes
                             ? pg::call([&slot] { return lookup_type_cache(slot.type.type, TYPECACHE_CMP_PROC_FINFO); })
                             : nullptr);
    }
}

int type_order::compare(std::size_t slot, std::span<const std::byte> a, std::span<const std::byte> b) const
{
    const planned_slot& of = slots_[slot];
    const int order = pg::call([&] {
        MemoryContext old = MemoryContextSwitchTo(scratch_.get());
        const Datum made =
            FunctionCall2Coll(&types_[slot]->cmp_proc_finfo, of.collation, datum_of(of.type, a), datum_of(of.type, b));
        MemoryContextSwitchTo(old);
        MemoryContextReset(scratch_.get());
        return DatumGetInt32(made);
    });
    if (order != 0) {
        return order;
    }
    // Equal values that look different, as 1.0 and 1.00 do: the answer must not depend on which row comes first.
    const auto left = image_of(of.type, a);
    const auto right = image_of(of.type, b);
    const int common = std::memcmp(left.data(), right.data(), std::min(left.size(), right.size()));
    return common != 0 ? common : (left.size() > right.size()) - (left.size() < right.size());
}

rolling_rows::rolling_rows(const rolling_plan& plan)
    : plan_{plan}, values_{pg::allocate_array<Datum>(plan.result_columns())}, nulls_{pg::allocate_array<bool>(
                                                                                  plan.result_columns())}
{
}

void rolling_rows::value(std::size_t call, std::size_t span, const rolling_value& value)
{
    if (call == 0 && span == 0) {
        scratch_.reset();
    }
    const planned_call& of = plan_.calls[call];
    const std::size_t column = plan_.carried.size() + call * plan_.spans.size() + span;
    nulls_[column] = value.is == kind::null;
    if (is_count(of.function)) {
        values_[column] = Int64GetDatum(static_cast<std::int64_t>(value.low));
    } else if (value.is != kind::null) {
        values_[column] = pg::call([&] {
            MemoryContext old = MemoryContextSwitchTo(scratch_.get());
            const Datum made = datum_of(value, of, plan_);
            MemoryContextSwitchTo(old);
            return made;
        });
    }
}

void rolling_rows::row(const row_head* row)
{
    const auto* at = reinterpret_cast<const std::byte*>(row + 1) + plan_.slots.size() * sizeof(row_slot);
    const std::byte* nulls = at;
    at += (plan_.carried.size() + 7) / 8;
    for (std::size_t c = 0; c < plan_.carried.size(); ++c) {
        nulls_[c] = (nulls[c / 8] >> (c % 8) & std::byte{1}) != std::byte{0};
        values_[c] = nulls_[c] ? Datum{0} : unpack(plan_.carried[c], at);
    }
    put({values_, plan_.result_columns()}, {nulls_, plan_.result_columns()});
}

} // namespace etl::feature
