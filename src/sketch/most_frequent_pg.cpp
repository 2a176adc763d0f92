// The aggregates etl.most_frequent and etl.frequencies, the type etl.frequency_state, and what reads it.
#include "pg/result_set.hpp"
#include "pg/state_type.hpp"
#include "sketch/grown_state_pg.hpp"
#include "sketch/most_frequent_state_pg.hpp"

extern "C" {
#include <mb/pg_wchar.h>
#include <utils/array.h>
#include <utils/lsyscache.h>
}

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace etl {
namespace {

using grown_frequencies = grown_state<frequencies>;

void check_foreign(std::span<const std::byte> bytes)
{
    check_frequencies(bytes, pg::poll);
}

// --- kinds of states that were stored ------------------------------------------------------------------------------

bool is_same_kind(const frequencies_header& a, const frequencies_header& b) noexcept
{
    return a.encoding == b.encoding && a.value_schema == b.value_schema && a.value_type == b.value_type &&
           a.collation_schema == b.collation_schema && a.collation == b.collation;
}

value_kind* kind_named(const frequencies_header& header, MemoryContext memory)
{
    if (header.encoding != GetDatabaseEncoding()) {
        throw error(sqlstate::invalid_parameter_value, "the state was made in a database of another encoding",
                    "Its texts would be read as other characters.",
                    "Make the state anew in this database from its rows.");
    }
    const Oid type = find_type(header.value_schema, header.value_type);
    const Oid collation =
        header.collation.empty() ? InvalidOid : find_collation(header.collation_schema, header.collation);
    if (!OidIsValid(type) || (!header.collation.empty() && !OidIsValid(collation))) {
        throw error(sqlstate::undefined_object,
                    "type " + std::string{header.value_schema} + "." + std::string{header.value_type} +
                        " or its collation does not exist",
                    "The state holds values of it.");
    }
    value_kind* made = pg::call([=] { return make_value_kind(type, collation, memory); });
    if (made->value->type != type) {
        refuse_state(frequencies_type, "It names a domain.");
    }
    return made;
}

// The kinds of the states that one expression reads; mostly there is but one.
struct known_kinds {
    explicit known_kinds(MemoryContext context) : memory{context} {}

    value_kind* of(const frequencies_header& header)
    {
        for (value_kind* known : all) {
            if (is_same_kind(header, {GetDatabaseEncoding(), 0, 0, 0, known->value->schema, known->value->name,
                                      known->collated.schema, known->collated.name})) {
                return known;
            }
        }
        return all.emplace_back(kind_named(header, memory));
    }

    MemoryContext memory;
    std::vector<value_kind*> all;
};

known_kinds& kinds_of(pg::arguments args)
{
    return args.cached<known_kinds>([args] { return args.raw()->flinfo->fn_mcxt; });
}

std::string described(const frequencies_header& of)
{
    return std::string{of.value_type} +
           (of.counters == 0 ? " exactly" : " by " + std::to_string(of.counters) + " counters") +
           (of.k == 0 ? "" : " for the first " + std::to_string(of.k));
}

void require_mergeable(const frequencies_header& own, const frequencies_header& other)
{
    if (!is_same_kind(own, other) || own.counters != other.counters || own.k != other.k) {
        throw error(sqlstate::invalid_parameter_value, "states of different kinds cannot be merged",
                    "One counts " + described(own) + ", the other " + described(other) + ".",
                    "Merge states that were made with the same type and the same number of counters.");
    }
}

void merge_stored(frequencies& into, frequencies_reader& from)
{
    require_mergeable(into.header(), from.header());
    if (into.table().rows() == 0) {
        into.add_stored(from);
        return;
    }
    pg::context_resource memory;
    frequencies other{&memory, &into.kind(), into.k(), into.table().counters()};
    other.add_stored(from);
    into.merge(other);
}

// --- transition ----------------------------------------------------------------------------------------------------

struct asked {
    std::uint32_t k = 0;
    std::uint32_t counters = 0;
};

std::uint32_t number_in(pg::arguments args, int i, const char* name, std::int32_t least)
{
    const auto given = args.get<std::int32_t>(i);
    if (given < least || given > static_cast<std::int32_t>(frequency_table::max_counters)) {
        throw error(sqlstate::invalid_parameter_value, std::string{name} + " must be between " + std::to_string(least) +
                                                           " and " + std::to_string(frequency_table::max_counters) +
                                                           ", not " + std::to_string(given));
    }
    return static_cast<std::uint32_t>(given);
}

struct cached_kind {
    explicit cached_kind(value_kind* of) : kind{of} {}
    value_kind* kind;
};

value_kind* kind_of_argument(pg::arguments args)
{
    return args
        .cached<cached_kind>([args] {
            return pg::call([args] {
                const Oid type = args.type(1);
                if (!OidIsValid(type)) {
                    throw error(sqlstate::datatype_mismatch, "could not determine the type of the values");
                }
                return make_value_kind(type, pg::argument_collation(args, 1), args.raw()->flinfo->fn_mcxt);
            });
        })
        .kind;
}

void require_same(const char* name, std::uint32_t had, std::uint32_t given)
{
    if (had != given) {
        throw error(sqlstate::invalid_parameter_value, std::string{name} +
                                                           " must be the same for all rows of a group, not " +
                                                           std::to_string(had) + " and " + std::to_string(given));
    }
}

Datum add(pg::arguments args, const asked& wanted)
{
    if (frequencies* state = grown_frequencies::in_place(args)) {
        require_same("k", state->k(), wanted.k);
        require_same("counters", state->table().counters(), wanted.counters);
        state->add(args.datum(1));
        return args.datum(0);
    }
    const grown_frequencies made{args, kind_of_argument(args), wanted.k, wanted.counters};
    if (!args.is_null(0)) {
        frequencies_reader before{flat_bytes(args.datum(0))};
        merge_stored(*made, before);
    }
    made->add(args.datum(1));
    return made.datum();
}

// --- reading -------------------------------------------------------------------------------------------------------

// A state to be read: an aggregate's object, or one made of the bytes.
struct read_frequencies {
    read_frequencies(Datum value, known_kinds& kinds)
    {
        object = grown_frequencies::expanded::find(value);
        if (object == nullptr) {
            frequencies_reader from{flat_bytes(value)};
            made = std::make_unique<frequencies>(&memory, kinds.of(from.header()), from.header().k,
                                                 from.header().counters);
            made->add_stored(from);
            object = made.get();
        }
    }

    pg::context_resource memory;
    std::unique_ptr<frequencies> made;
    const frequencies* object;
};

void require_type(Oid given, const frequencies& state)
{
    const stored_type& own = *state.kind().value;
    if (given != own.type) {
        throw error(sqlstate::datatype_mismatch, "the state holds values of type " + std::string{own.name}, {},
                    "Give a NULL of the values' type: etl.most_frequent_values(state, NULL::" +
                        std::string{own.schema} + "." + std::string{own.name} + ").");
    }
}

Datum array_of(const frequencies& state, Oid element)
{
    const auto values = state.ordered();
    const std::size_t size = std::min<std::size_t>(values.size(), state.k());
    auto* found = pg::allocate_array<Datum>(size);
    for (std::size_t i = 0; i < size; ++i) {
        found[i] = state.value_of(*values[i]);
    }
    return pg::call([=] {
        std::int16_t length = 0;
        bool by_value = false;
        char alignment = 0;
        get_typlenbyvalalign(element, &length, &by_value, &alignment);
        return PointerGetDatum(
            size == 0 ? construct_empty_array(element)
                      : construct_array(found, static_cast<int>(size), element, length, by_value, alignment));
    });
}

std::int64_t rows_wanted(pg::arguments args)
{
    if (args.is_null(2)) {
        return std::numeric_limits<std::int64_t>::max();
    }
    return number_in(args, 2, "k", 0);
}

} // namespace
} // namespace etl

using namespace etl;

ETL_STATE_TYPE(frequency_state, check_foreign)

// (state, value[, counters])
ETL_FUNCTION(etl_frequencies_add, args)
{
    if (args.is_null(1)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
    return add(args, {0, args.count() > 2 ? number_in(args, 2, "counters", 1) : 0});
}

// (state, value, k[, counters])
ETL_FUNCTION(etl_most_frequent_add, args)
{
    if (args.is_null(1)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
    const asked wanted{number_in(args, 2, "k", 1), args.count() > 3 ? number_in(args, 3, "counters", 1) : 0};
    if (wanted.counters > 0 && wanted.counters < wanted.k) {
        throw error(sqlstate::invalid_parameter_value, "counters must be at least k, which is " +
                                                           std::to_string(wanted.k) + ", not " +
                                                           std::to_string(wanted.counters));
    }
    return add(args, wanted);
}

ETL_FUNCTION(etl_frequencies_combine, args)
{
    if (args.is_null(1)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
    frequencies_reader from{flat_bytes(args.datum(1))};
    if (frequencies* state = grown_frequencies::in_place(args)) {
        merge_stored(*state, from);
        return args.datum(0);
    }
    const grown_frequencies made{args, kinds_of(args).of(from.header()), from.header().k, from.header().counters};
    made->add_stored(from);
    if (!args.is_null(0)) {
        frequencies_reader before{flat_bytes(args.datum(0))};
        merge_stored(*made, before);
    }
    return made.datum();
}

ETL_FUNCTION(etl_most_frequent_final, args)
{
    if (args.is_null(0)) {
        return args.null_result();
    }
    const read_frequencies state{args.datum(0), kinds_of(args)};
    const Oid given = args.type(1);
    require_type(pg::call([given] { return getBaseType(given); }), *state.object);
    return array_of(*state.object, given);
}

// (state, type of the values, k)
ETL_FUNCTION(etl_most_frequent_values, args)
{
    pg::result_set rows{args};
    if (args.is_null(0)) {
        return rows.finish();
    }
    const read_frequencies state{args.datum(0), kinds_of(args)};
    require_type(args.type(1), *state.object);
    const std::int64_t wanted = rows_wanted(args);
    const auto values = state.object->ordered();
    for (std::size_t i = 0; i < values.size() && static_cast<std::int64_t>(i) < wanted; ++i) {
        std::array row{state.object->value_of(*values[i]), Int64GetDatum(static_cast<std::int64_t>(values[i]->count)),
                       Int64GetDatum(static_cast<std::int64_t>(values[i]->error))};
        std::array nulls{false, false, false};
        rows.put(row, nulls);
    }
    return rows.finish();
}

ETL_FUNCTION(etl_frequencies_rows, args)
{
    return args.result(static_cast<std::int64_t>(frequencies_reader{flat_bytes(args.given(0))}.header().rows));
}

// The lowest count where all counters are taken: that of the last value, as they are written.
ETL_FUNCTION(etl_frequencies_most_missed, args)
{
    frequencies_reader from{flat_bytes(args.given(0))};
    std::uint64_t lowest = std::numeric_limits<std::uint64_t>::max();
    poller polls{pg::poll};
    for (std::size_t i = 0; i < from.values(); ++i) {
        lowest = std::min(lowest, from.next().count);
        polls.tick();
    }
    const bool is_full = from.header().counters > 0 && from.values() == from.header().counters;
    return args.result(is_full ? static_cast<std::int64_t>(lowest) : std::int64_t{0});
}
