// etl.split and etl.temporal_split.
#include "feature/split_pg.hpp"

#include "feature/split.hpp"
#include "pg/calling_expression.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/array.h>
#include <utils/fmgrprotos.h>
#include <utils/timestamp.h>
}

#include <type_traits>

namespace etl::feature {
namespace {

void require_list(ArrayType* array, Oid type, const char* what, const char* hint)
{
    const bool has_null = ARR_HASNULL(array) && array_contains_nulls(array);
    if (ARR_NDIM(array) > 1 || has_null || ARR_ELEMTYPE(array) != type) {
        throw error(sqlstate::invalid_parameter_value,
                    std::string{"the "} + what + " of a split must " +
                        (has_null ? "not have NULL among them" : "be an array of one dimension"),
                    {}, hint);
    }
}

} // namespace

std::span<const double> read_fractions(Datum value)
{
    ArrayType* array = DatumGetArrayTypeP(value);
    require_list(array, FLOAT8OID, "fractions", "Give the share of each part, as in ARRAY[0.8, 0.1, 0.1].");
    if (ARR_NDIM(array) == 0) {
        throw error(sqlstate::invalid_parameter_value, "a split must have at least one fraction", {},
                    "Give the share of each part, as in ARRAY[0.8, 0.1, 0.1].");
    }
    const std::span fractions{reinterpret_cast<const double*>(ARR_DATA_PTR(array)),
                              static_cast<std::size_t>(ARR_DIMS(array)[0])};
    check_fractions(fractions);
    return fractions;
}

namespace {

// What is learned once for a calling expression.
struct split_hashes {
    value_hash key;
    value_hash seed;
};
static_assert(std::is_trivial_v<split_hashes>);

const split_hashes& learned(pg::arguments args)
{
    FmgrInfo* function = args.raw()->flinfo;
    if (function->fn_extra == nullptr) {
        const MemoryContext old = MemoryContextSwitchTo(function->fn_mcxt);
        auto* made = static_cast<split_hashes*>(MemoryContextAlloc(CurrentMemoryContext, sizeof(split_hashes)));
        *made = {learn_value_hash(args.type(0), pg::argument_collation(args, 0)),
                 learn_value_hash(INT8OID, InvalidOid)};
        MemoryContextSwitchTo(old);
        function->fn_extra = made;
    }
    return *static_cast<const split_hashes*>(function->fn_extra);
}

const char* shown(PGFunction output, Datum value)
{
    return DatumGetCString(DirectFunctionCall1(output, value));
}

std::span<const TimestampTz> read_cutoffs(Datum value)
{
    ArrayType* array = DatumGetArrayTypeP(value);
    require_list(array, TIMESTAMPTZOID, "cutoffs", "Name the moments, the earliest first.");
    const int count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    const std::span cutoffs{reinterpret_cast<const TimestampTz*>(ARR_DATA_PTR(array)), static_cast<std::size_t>(count)};
    const auto wrong = std::adjacent_find(cutoffs.begin(), cutoffs.end(), std::greater_equal<>{});
    if (wrong != cutoffs.end()) {
        const char* before = shown(timestamptz_out, TimestampTzGetDatum(wrong[0]));
        const char* after = shown(timestamptz_out, TimestampTzGetDatum(wrong[1]));
        throw error(sqlstate::invalid_parameter_value, "the cutoffs of a split must be in ascending order",
                    std::string{after} + " comes after " + before + ".", "Name each moment once, the earliest first.");
    }
    return cutoffs;
}

bool is_zero(const Interval& span) noexcept
{
    return span.time == 0 && span.day == 0 && span.month == 0;
}

// Whether a moment lies in the gap that ends at a cutoff. The moment is before the cutoff.
bool is_in_gap(TimestampTz moment, TimestampTz cutoff, Interval* gap)
{
    if (is_zero(*gap) || TIMESTAMP_NOT_FINITE(cutoff)) {
        return false;
    }
    const Datum begin =
        DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(cutoff), IntervalPGetDatum(gap));
    return moment >= DatumGetTimestampTz(begin);
}

void check_gap(const Interval& gap)
{
    if (gap.time < 0 || gap.day < 0 || gap.month < 0) {
        const char* text = shown(interval_out, IntervalPGetDatum(&gap));
        throw error(sqlstate::invalid_parameter_value,
                    std::string{"the gap of a split must have no negative part, as "} + text + " has", {},
                    "Give an interval, such as '7 days', or leave the argument out to have none.");
    }
}

} // namespace
} // namespace etl::feature

using namespace etl;
using namespace etl::feature;

ETL_FUNCTION(etl_split, args)
{
    const split_hashes& hashes = learned(args);
    const auto fractions = read_fractions(args.given(1));
    const auto seed = args.get<std::int64_t>(2);
    return args.result(part_of(split_hash(hashes.key, args.given(0), hashes.seed, seed), fractions));
}

ETL_FUNCTION(etl_hash_bucket, args)
{
    const auto buckets = args.get<std::int32_t>(1);
    if (buckets < 1) {
        throw error(sqlstate::invalid_parameter_value,
                    "the number of buckets must be at least 1, not " + std::to_string(buckets));
    }
    const split_hashes& hashes = learned(args);
    return args.result(
        bucket_of(split_hash(hashes.key, args.given(0), hashes.seed, args.get<std::int64_t>(2)), buckets));
}

ETL_FUNCTION(etl_temporal_split, args)
{
    const TimestampTz moment = args.get<std::int64_t>(0);
    const auto cutoffs = read_cutoffs(args.given(1));
    Interval* gap = DatumGetIntervalP(args.given(2));
    check_gap(*gap);
    const auto next = std::upper_bound(cutoffs.begin(), cutoffs.end(), moment);
    if (next != cutoffs.end() && is_in_gap(moment, *next, gap)) {
        return args.null_result();
    }
    return args.result(static_cast<std::int32_t>(next - cutoffs.begin()) + 1);
}
