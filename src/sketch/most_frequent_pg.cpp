// The aggregates etl.most_frequent and etl.frequencies, the type etl.frequency_state, and what reads it.
#include "pg/result_set.hpp"
#include "pg/state_type.hpp"
#include "sketch/grown_state_pg.hpp"
#include "sketch/known_kinds_pg.hpp"
#include "sketch/most_frequent_state_pg.hpp"

extern "C" {
#include <utils/lsyscache.h>
}

#include <algorithm>
#include <array>
#include <memory>
#include <string>

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
           a.collation_schema == b.collation_schema && a.collation == b.collation && a.value_shape == b.value_shape;
}

struct kind_rules {
    using kind = value_kind;
    using header = frequencies_header;
    static constexpr const char* state_type = frequencies_type;

    static value_kind* named(const frequencies_header& header, MemoryContext memory)
    {
        require_own_encoding(header.encoding);
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
        if (made->value->type == type) {
            require_shape(made->value->shape, header.value_shape, header.value_schema, header.value_type);
        }
        return made;
    }

    static bool is_of(const frequencies_header& header, const value_kind& kind)
    {
        return is_same_kind(header, {GetDatabaseEncoding(), 0, 0, 0, kind.value->schema, kind.value->name,
                                     kind.collated.schema, kind.collated.name, kind.value->shape});
    }
};

using kinds = known_kinds<kind_rules>;

std::string described(const frequencies_header& of)
{
    return std::string{of.value_type} +
           (of.counters == 0 ? " exactly" : " by " + std::to_string(of.counters) + " counters") +
           (of.k == 0 ? "" : " for the first " + std::to_string(of.k));
}

void require_mergeable(const frequencies_header& own, const frequencies_header& other)
{
    if (own.value_schema == other.value_schema && own.value_type == other.value_type) {
        require_shape(own.value_shape, other.value_shape, other.value_schema, other.value_type);
    }
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
    if (args.is_null(i)) {
        throw error(sqlstate::null_value_not_allowed, std::string{name} + " must not be NULL");
    }
    const auto given = args.get<std::int32_t>(i);
    if (given < least || given > static_cast<std::int32_t>(frequency_table::max_counters)) {
        throw error(sqlstate::invalid_parameter_value, std::string{name} + " must be between " + std::to_string(least) +
                                                           " and " + std::to_string(frequency_table::max_counters) +
                                                           ", not " + std::to_string(given));
    }
    return static_cast<std::uint32_t>(given);
}

value_kind* kind_of_argument(pg::arguments args)
{
    return args.cached<value_kind*>([args] {
        return pg::call([args] {
            const Oid type = args.type(1);
            if (!OidIsValid(type)) {
                throw error(sqlstate::datatype_mismatch, "could not determine the type of the values");
            }
            return make_value_kind(type, pg::argument_collation(args, 1), args.raw()->flinfo->fn_mcxt);
        });
    });
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
    if (args.is_null(1)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
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
    read_frequencies(Datum value, kinds& known)
    {
        object = grown_frequencies::expanded::find(value);
        if (object == nullptr) {
            frequencies_reader from{flat_bytes(value)};
            made = std::make_unique<frequencies>(&memory, &known.of(from.header()), from.header().k,
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
    pg::context_resource memory;
    const auto values = state.ordered(&memory);
    const std::size_t size = std::min<std::size_t>(values.size(), state.k());
    auto* found = pg::allocate_array<Datum>(size);
    for (std::size_t i = 0; i < size; ++i) {
        found[i] = state.value_of(*values[i]);
    }
    return pg::call([=] { return make_array(element, found, nullptr, size); });
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
    return add(args, {0, args.count() > 2 ? number_in(args, 2, "counters", 1) : 0});
}

// (state, value, k[, counters])
ETL_FUNCTION(etl_most_frequent_add, args)
{
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
    const grown_frequencies made{args, &kinds::of_expression(args).of(from.header()), from.header().k,
                                 from.header().counters};
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
    const read_frequencies state{args.datum(0), kinds::of_expression(args)};
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
    const read_frequencies state{args.datum(0), kinds::of_expression(args)};
    require_type(args.type(1), *state.object);
    const std::int64_t wanted = rows_wanted(args);
    pg::context_resource memory;
    const auto values = state.object->ordered(&memory);
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
