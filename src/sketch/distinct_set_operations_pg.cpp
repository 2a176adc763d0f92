// What is asked of stored sets of distinct values: their size, their members, and what two of them make.
#include "pg/state_type.hpp"
#include "sketch/distinct_set_kind_pg.hpp"
#include "sketch/distinct_set_object_pg.hpp"

extern "C" {
#include <access/detoast.h>
}

namespace etl::pg {

std::int64_t cardinality(Datum set)
{
    const auto* front = reinterpret_cast<const varlena*>(PG_DETOAST_DATUM_SLICE(set, 0, distinct_set::header_size));
    const auto bytes = std::as_bytes(std::span{VARDATA_ANY(front), VARSIZE_ANY_EXHDR(front)});
    const std::int64_t count = distinct_set::closed_count(bytes, toast_raw_datum_size(set) - VARHDRSZ);
    if (count >= 0) {
        return count;
    }
    const distinct_set open{varlena_bytes(set)};
    context_resource memory;
    const set_surroundings in{memory, poll};
    growing_set counted{open.kind()};
    counted.add_all(open, in);
    return static_cast<std::int64_t>(counted.count(in));
}

} // namespace etl::pg

namespace {

using etl::distinct_set;
using etl::set_kind;
using etl::set_operation;
using etl::value_reader;
using etl::pg::arguments;

// The set of an argument; closed where an open one was given.
distinct_set closed_set(arguments args, int i)
{
    const distinct_set given{etl::pg::read_state(args, i)};
    return given.is_open() ? distinct_set{etl::pg::varlena_bytes(etl::pg::closed_copy(given))} : given;
}

Datum combine(arguments args, set_operation operation)
{
    const distinct_set left = closed_set(args, 0);
    const distinct_set right = closed_set(args, 1);
    etl::require_same_kind(left.kind(), right.kind());
    etl::pg::state_buffer made;
    combine_sets(operation, left, right, made, etl::pg::poll);
    return made.datum();
}

template <class Entry>
Datum contains(arguments args, const set_kind& kind, const Entry& entry)
{
    const distinct_set set{etl::pg::read_state(args, 0)};
    etl::require_kind_of_set(set.kind(), kind);
    return args.result(set.contains(entry, etl::pg::poll));
}

Datum contains_number(arguments args, const set_kind& kind, std::int64_t value)
{
    return contains(args, kind, etl::spread(static_cast<std::uint64_t>(value)));
}

Datum contains_read(arguments args, const value_reader& by)
{
    return by.kind.width == sizeof(std::uint64_t) ? contains(args, by.kind, by.bits(args.datum(1)))
                                                  : contains(args, by.kind, by.print(args.datum(1)));
}

} // namespace

ETL_FUNCTION(etl_distinct_set_cardinality, args)
{
    return args.result(etl::pg::cardinality(args.datum(0)));
}

ETL_FUNCTION(etl_set_union, args)
{
    return combine(args, set_operation::unite);
}

ETL_FUNCTION(etl_set_intersection, args)
{
    return combine(args, set_operation::intersect);
}

ETL_FUNCTION(etl_set_difference, args)
{
    return combine(args, set_operation::subtract);
}

ETL_FUNCTION(etl_distinct_set_contains_text, args)
{
    return contains_read(args, etl::reader_of_text(args, 1));
}

ETL_FUNCTION(etl_distinct_set_contains_numeric, args)
{
    return contains(args, etl::numeric_set, etl::numeric_entry(args.datum(1)));
}

ETL_FUNCTION(etl_distinct_set_contains_uuid, args)
{
    return contains(args, etl::uuid_set, etl::uuid_entry(args.datum(1)));
}

ETL_FUNCTION(etl_distinct_set_contains_bigint, args)
{
    return contains_number(args, etl::integer_set, DatumGetInt64(args.datum(1)));
}

ETL_FUNCTION(etl_distinct_set_contains_integer, args)
{
    return contains_number(args, etl::integer_set, DatumGetInt32(args.datum(1)));
}

ETL_FUNCTION(etl_distinct_set_contains_smallint, args)
{
    return contains_number(args, etl::integer_set, DatumGetInt16(args.datum(1)));
}

ETL_FUNCTION(etl_distinct_set_contains_timestamptz, args)
{
    return contains_number(args, etl::timestamptz_set, DatumGetInt64(args.datum(1)));
}

ETL_FUNCTION(etl_distinct_set_contains_timestamp, args)
{
    return contains_number(args, etl::timestamp_set, DatumGetInt64(args.datum(1)));
}

ETL_FUNCTION(etl_distinct_set_contains_date, args)
{
    return contains_number(args, etl::date_set, DatumGetInt32(args.datum(1)));
}

ETL_FUNCTION(etl_distinct_set_contains_value, args)
{
    return contains_read(args, etl::reader_of_value(args, 1));
}
