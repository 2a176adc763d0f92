// etl.distinct_set, etl.count_distinct, etl.merge: one transition function per type, which only differ in how a value
// becomes an entry.
#include "pg/calling_expression.hpp"
#include "pg/state_type.hpp"
#include "sketch/distinct_set_kind_pg.hpp"
#include "sketch/distinct_set_object_pg.hpp"

namespace {

using etl::distinct_set;
using etl::growing_set;
using etl::set_kind;
using etl::value_reader;
using etl::pg::arguments;
using etl::pg::context_resource;
using etl::pg::set_object;

void check_set(std::span<const std::byte> bytes)
{
    distinct_set::check(bytes, etl::pg::poll);
}

// Calls change(set, surroundings) with the first argument's set. In an aggregate that is its state, elsewhere a copy,
// which is answered closed.
template <class Change>
Datum with_set(arguments args, const set_kind& kind, Change&& change)
{
    if (MemoryContext aggregate = etl::pg::aggregate_context(args)) {
        set_object* state = set_object::own(args, aggregate, kind);
        context_resource memory = state->memory();
        change(state->set(), etl::set_surroundings{memory, etl::pg::poll});
        return state->datum();
    }
    context_resource memory;
    const etl::set_surroundings in{memory, etl::pg::poll};
    growing_set copy{kind};
    if (!args.is_null(0)) {
        const distinct_set before{etl::pg::read_state(args, 0)};
        etl::require_same_kind(before.kind(), kind);
        copy.add_all(before, in);
    }
    change(copy, in);
    copy.close(in);
    return etl::pg::flat_set(copy, in);
}

// NULL is no value.
Datum leave(arguments args)
{
    return args.is_null(0) ? args.null_result() : args.datum(0);
}

// Behind the first argument, to be read.
set_object* state_of(arguments args)
{
    return args.is_null(0) ? nullptr : set_object::find(args.datum(0));
}

template <class Entry>
[[gnu::noinline]] Datum add_with_care(arguments args, const set_kind& kind, const Entry& entry)
{
    return with_set(args, kind, [&](growing_set& set, const etl::set_surroundings& in) { set.add(entry, in); });
}

// Nearly every row: the state is there, and has room.
template <class Entry>
Datum add(arguments args, const set_kind& kind, const Entry& entry)
{
    set_object* state = set_object::in_place(args);
    const bool is_added = state != nullptr && state->set().kind() == kind && state->set().append(entry);
    return is_added ? args.datum(0) : add_with_care(args, kind, entry);
}

Datum add_read(arguments args, const value_reader& by)
{
    return by.kind.width == sizeof(std::uint64_t) ? add(args, by.kind, by.bits(args.datum(1)))
                                                  : add(args, by.kind, by.print(args.datum(1)));
}

Datum add_number(arguments args, const set_kind& kind, std::int64_t value)
{
    return add(args, kind, etl::spread(static_cast<std::uint64_t>(value)));
}

// As a closed set in the current memory context, whatever it was.
Datum closed(arguments args)
{
    if (set_object* state = state_of(args)) {
        context_resource memory = state->memory();
        const etl::set_surroundings in{memory, etl::pg::poll};
        state->set().close(in);
        return etl::pg::flat_set(state->set(), in);
    }
    return etl::pg::closed_copy(distinct_set{etl::pg::read_state(args, 0)});
}

} // namespace

ETL_STATE_TYPE(distinct_set, check_set)

ETL_FUNCTION(etl_distinct_set_add_text, args)
{
    if (args.is_null(1)) {
        return leave(args);
    }
    set_object* state = state_of(args);
    if (state != nullptr && state->set().kind() == etl::text_set) {
        return add(args, etl::text_set, etl::fingerprint_of(args.get<std::string_view>(1)));
    }
    return add_read(args, etl::reader_of_text(args, 1));
}

ETL_FUNCTION(etl_distinct_set_add_numeric, args)
{
    return args.is_null(1) ? leave(args) : add(args, etl::numeric_set, etl::numeric_entry(args.datum(1)));
}

ETL_FUNCTION(etl_distinct_set_add_uuid, args)
{
    return args.is_null(1) ? leave(args) : add(args, etl::uuid_set, etl::uuid_entry(args.datum(1)));
}

ETL_FUNCTION(etl_distinct_set_add_bigint, args)
{
    return args.is_null(1) ? leave(args) : add_number(args, etl::integer_set, DatumGetInt64(args.datum(1)));
}

ETL_FUNCTION(etl_distinct_set_add_integer, args)
{
    return args.is_null(1) ? leave(args) : add_number(args, etl::integer_set, DatumGetInt32(args.datum(1)));
}

ETL_FUNCTION(etl_distinct_set_add_smallint, args)
{
    return args.is_null(1) ? leave(args) : add_number(args, etl::integer_set, DatumGetInt16(args.datum(1)));
}

ETL_FUNCTION(etl_distinct_set_add_timestamptz, args)
{
    return args.is_null(1) ? leave(args) : add_number(args, etl::timestamptz_set, DatumGetInt64(args.datum(1)));
}

ETL_FUNCTION(etl_distinct_set_add_timestamp, args)
{
    return args.is_null(1) ? leave(args) : add_number(args, etl::timestamp_set, DatumGetInt64(args.datum(1)));
}

ETL_FUNCTION(etl_distinct_set_add_date, args)
{
    return args.is_null(1) ? leave(args) : add_number(args, etl::date_set, DatumGetInt32(args.datum(1)));
}

ETL_FUNCTION(etl_distinct_set_add_value, args)
{
    return args.is_null(1) ? leave(args) : add_read(args, etl::reader_of_value(args, 1));
}

ETL_FUNCTION(etl_distinct_set_combine, args)
{
    if (args.is_null(1)) {
        return leave(args);
    }
    const distinct_set other{etl::pg::read_state(args, 1)};
    return with_set(args, other.kind(),
                    [&](growing_set& set, const etl::set_surroundings& in) { set.add_all(other, in); });
}

ETL_FUNCTION(etl_distinct_set_final, args)
{
    return args.is_null(0) ? args.null_result() : closed(args);
}

// No rows, or only NULL: nothing to count.
ETL_FUNCTION(etl_count_distinct_final, args)
{
    if (args.is_null(0)) {
        return args.result(std::int64_t{0});
    }
    if (set_object* state = state_of(args)) {
        context_resource memory = state->memory();
        return args.result(static_cast<std::int64_t>(state->set().count({memory, etl::pg::poll})));
    }
    return args.result(etl::pg::cardinality(args.datum(0)));
}
