// etl.distinct_set, etl.count_distinct: one transition function per type, which only differ in how a value becomes a
// fingerprint.
#include "sketch/distinct_set.hpp"
#include "pg/state_type.hpp"

extern "C" {
#include <utils/date.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
#include <utils/uuid.h>
}

namespace {

using etl::distinct_set;
using etl::fingerprint;
using etl::number_kind;
using etl::pg::arguments;
using etl::pg::state_buffer;

void check_set(std::span<const std::byte> bytes)
{
    distinct_set::check(bytes, etl::pg::poll);
}

// A set compares texts by their bytes. Asked once per set: the collation is the same for all rows.
void require_bytewise_collation(arguments args)
{
    const Oid collation = args.collation();
    if (!OidIsValid(collation) || get_collation_isdeterministic(collation)) {
        return;
    }
    throw etl::error(etl::sqlstate::feature_not_supported,
                     "nondeterministic collations are not supported for distinct sets",
                     std::string{"Texts that differ in their bytes are equal in collation \""} +
                         get_collation_name(collation) + "\", and the set compares bytes.",
                     "Name another collation, as in etl.count_distinct(x COLLATE \"C\"), or use count(DISTINCT x).");
}

// The transition function of every overload. NULL is no value.
template <class Fingerprint>
Datum add(arguments args, Fingerprint fingerprint_of_argument)
{
    if (args.is_null(1)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
    const fingerprint value = fingerprint_of_argument(args);
    state_buffer state = etl::pg::own_state(args);
    distinct_set{state}.insert(value);
    return state.datum();
}

fingerprint text_fingerprint(arguments args)
{
    if (args.is_null(0)) {
        require_bytewise_collation(args);
    }
    return etl::fingerprint_of(args.get<std::string_view>(1));
}

// The binary form that numeric's send function gives: number of digits, weight, sign and display scale in two bytes
// each, then the digits, without zeros at either end. Only the scale tells 1.0 from 1.00, so it is blanked out.
fingerprint numeric_fingerprint(arguments args)
{
    constexpr std::size_t scale_at = 6;
    auto* form = DatumGetByteaPP(DirectFunctionCall1(numeric_send, args.datum(1)));
    auto* bytes = reinterpret_cast<std::byte*>(VARDATA_ANY(form));
    std::memset(bytes + scale_at, 0, sizeof(std::uint16_t));
    return etl::fingerprint_of(std::span<const std::byte>{bytes, VARSIZE_ANY_EXHDR(form)});
}

fingerprint uuid_fingerprint(arguments args)
{
    static_assert(UUID_LEN == sizeof(fingerprint));
    return etl::fingerprint_of_uuid(reinterpret_cast<const std::byte*>(DatumGetPointer(args.datum(1))));
}

template <number_kind kind>
fingerprint number_fingerprint(arguments args)
{
    return etl::fingerprint_of(args.get<std::int64_t>(1), kind);
}

template <number_kind kind>
fingerprint short_number_fingerprint(arguments args)
{
    return etl::fingerprint_of(std::int64_t{args.get<std::int32_t>(1)}, kind);
}

} // namespace

ETL_STATE_TYPE(distinct_set, check_set)

ETL_FUNCTION(etl_distinct_set_add_text, args)
{
    return add(args, text_fingerprint);
}

ETL_FUNCTION(etl_distinct_set_add_numeric, args)
{
    return add(args, numeric_fingerprint);
}

ETL_FUNCTION(etl_distinct_set_add_uuid, args)
{
    return add(args, uuid_fingerprint);
}

ETL_FUNCTION(etl_distinct_set_add_bigint, args)
{
    return add(args, number_fingerprint<number_kind::integer>);
}

ETL_FUNCTION(etl_distinct_set_add_integer, args)
{
    return add(args, short_number_fingerprint<number_kind::integer>);
}

ETL_FUNCTION(etl_distinct_set_add_smallint, args)
{
    return add(args, [](arguments a) {
        return etl::fingerprint_of(std::int64_t{DatumGetInt16(a.datum(1))}, number_kind::integer);
    });
}

ETL_FUNCTION(etl_distinct_set_add_timestamptz, args)
{
    return add(args, number_fingerprint<number_kind::timestamptz>);
}

ETL_FUNCTION(etl_distinct_set_add_timestamp, args)
{
    return add(args, number_fingerprint<number_kind::timestamp>);
}

ETL_FUNCTION(etl_distinct_set_add_date, args)
{
    return add(args, short_number_fingerprint<number_kind::date>);
}

ETL_FUNCTION(etl_distinct_set_combine, args)
{
    const auto other = etl::pg::read_state(args, 1);
    state_buffer state = etl::pg::own_state(args);
    distinct_set{state}.merge(other, etl::pg::poll);
    return state.datum();
}

ETL_FUNCTION(etl_distinct_set_cardinality, args)
{
    return args.result(static_cast<std::int64_t>(distinct_set::count(etl::pg::read_state(args, 0))));
}

// No rows, or only NULL: nothing to count.
ETL_FUNCTION(etl_count_distinct_final, args)
{
    if (args.is_null(0)) {
        return args.result(std::int64_t{0});
    }
    return args.result(static_cast<std::int64_t>(distinct_set::count(etl::pg::read_state(args, 0))));
}
