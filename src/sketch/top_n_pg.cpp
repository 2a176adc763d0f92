// The aggregates etl.top_n, etl.latest_n, etl.first_n, their single-value forms, and the type etl.top_n_state.
#include "sketch/top_n_pg.hpp"

#include "pg/state_type.hpp"
#include "sketch/grown_state_pg.hpp"
#include "sketch/known_kinds_pg.hpp"

extern "C" {
#include <utils/datum.h>
#include <utils/lsyscache.h>
}

#include <memory>
#include <string>

namespace etl {
namespace {

using grown_top_n = grown_state<top_n_state>;

void check_foreign(std::span<const std::byte> bytes)
{
    check_top_n(bytes, pg::poll);
}

// --- kinds of states that were stored ------------------------------------------------------------------------------

[[noreturn]] void refuse_unknown(const char* what, std::string_view schema, std::string_view name)
{
    throw error(sqlstate::undefined_object,
                std::string{what} + " " + std::string{schema} + "." + std::string{name} + " does not exist",
                "The state holds values of it.");
}

Oid type_named(std::string_view schema, std::string_view name)
{
    const Oid found = find_type(schema, name);
    if (!OidIsValid(found)) {
        refuse_unknown("type", schema, name);
    }
    return found;
}

void require_shapes(const top_n_header& now, const top_n_header& stored)
{
    require_shape(now.value_shape, stored.value_shape, stored.value_schema, stored.value_type);
    require_shape(now.order_shape, stored.order_shape, stored.order_schema, stored.order_type);
}

struct kind_rules {
    using kind = const top_kind;
    using header = top_n_header;
    static constexpr const char* state_type = top_n_type;

    static const top_kind* named(const top_n_header& header, MemoryContext memory)
    {
        require_own_encoding(header.encoding);
        const Oid value = type_named(header.value_schema, header.value_type);
        const Oid order = type_named(header.order_schema, header.order_type);
        const Oid collation =
            header.collation.empty() ? InvalidOid : find_collation(header.collation_schema, header.collation);
        if (!header.collation.empty() && !OidIsValid(collation)) {
            refuse_unknown("collation", header.collation_schema, header.collation);
        }
        const top_kind* made =
            pg::call([&] { return make_top_kind(value, order, collation, header.ascending, memory); });
        require_shapes(made->header, header);
        return made;
    }

    static bool is_of(const top_n_header& header, const top_kind& kind)
    {
        top_n_header wanted = kind.header;
        wanted.n = header.n;
        return header == wanted;
    }
};

using kinds = known_kinds<kind_rules>;

std::string described(const top_n_header& of)
{
    return "the " + std::string{of.ascending ? "first " : "greatest "} + std::to_string(of.n) + " of type " +
           std::string{of.value_type} + " by " + std::string{of.order_type} +
           (of.collation.empty() ? "" : " in collation " + std::string{of.collation});
}

void require_mergeable(const top_n_state& into, const top_n_header& header)
{
    top_n_header own = into.kind().header;
    own.n = into.n();
    if (own != header) {
        top_n_header now = header;
        now.value_shape = own.value_shape;
        now.order_shape = own.order_shape;
        if (own == now) {
            require_shapes(own, header);
        }
        throw error(sqlstate::invalid_parameter_value, "states of different kinds cannot be merged",
                    "One keeps " + described(own) + ", the other " + described(header) + ".",
                    "Merge states that were made with the same types, order and n.");
    }
}

// --- transition ----------------------------------------------------------------------------------------------------

enum argument { state_argument, value_argument, order_argument, n_argument };

std::uint32_t wanted_n(pg::arguments args)
{
    if (args.count() <= n_argument) {
        return 1;
    }
    if (args.is_null(n_argument)) {
        throw error(sqlstate::null_value_not_allowed, "n must not be NULL");
    }
    const auto n = args.get<std::int32_t>(n_argument);
    if (n < 0 || static_cast<std::uint32_t>(n) > top_n::max_n) {
        throw error(sqlstate::invalid_parameter_value,
                    "n must be between 0 and " + std::to_string(top_n::max_n) + ", not " + std::to_string(n));
    }
    return static_cast<std::uint32_t>(n);
}

const top_kind* kind_of_arguments(pg::arguments args, bool ascending)
{
    return pg::call([args, ascending] {
        const Oid value = args.type(value_argument);
        const Oid order = args.type(order_argument);
        if (!OidIsValid(value) || !OidIsValid(order)) {
            throw error(sqlstate::datatype_mismatch, "could not determine the types of the values");
        }
        return make_top_kind(value, order, pg::argument_collation(args, order_argument), ascending,
                             args.raw()->flinfo->fn_mcxt);
    });
}

void require_same_n(std::uint32_t had, std::uint32_t n)
{
    if (had != n) {
        throw error(sqlstate::invalid_parameter_value, "n must be the same for all rows of a group, not " +
                                                           std::to_string(had) + " and " + std::to_string(n));
    }
}

void add_to(top_n_state& state, pg::arguments args)
{
    state.add(args.datum(value_argument), args.is_null(value_argument), args.datum(order_argument));
}

Datum add(pg::arguments args, bool ascending)
{
    const std::uint32_t n = wanted_n(args);
    if (args.is_null(order_argument)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
    const auto& kind = *args.cached<const top_kind*>([=] { return kind_of_arguments(args, ascending); });
    if (top_n_state* state = grown_top_n::in_place(args)) {
        require_same_n(state->n(), n);
        add_to(*state, args);
        return args.datum(0);
    }
    const grown_top_n made{args, kind, n};
    if (!args.is_null(0)) {
        top_n_reader before{flat_bytes(args.datum(0))};
        require_mergeable(*made, before.header());
        made->add_stored(before);
    }
    add_to(*made, args);
    return made.datum();
}

// --- reading -------------------------------------------------------------------------------------------------------

// A state to be read: an aggregate's object, or one made of the bytes.
struct read_top_n {
    read_top_n(Datum value, const top_kind* kind, kinds* known)
    {
        object = expanded_top_n::find(value);
        if (object == nullptr) {
            top_n_reader from{flat_bytes(value)};
            const top_kind& of = kind != nullptr ? *kind : known->of(from.header());
            made = std::make_unique<top_n_state>(&memory, of, from.header().n);
            made->add_stored(from);
            object = made.get();
        }
    }

    pg::context_resource memory;
    std::unique_ptr<top_n_state> made;
    const top_n_state* object;
};

Datum value_of(const top_n_state& state, const top_entry& entry)
{
    stored_type& type = *state.kind().value;
    return entry.is_null() ? Datum{0} : real_value(type, read_held(type, entry.value()));
}

// The values as an array, copied.
Datum array_of(const top_n_state& state)
{
    const auto entries = state.sorted();
    auto* values = pg::allocate_array<Datum>(entries.size());
    auto* nulls = pg::allocate_array<bool>(entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
        nulls[i] = entries[i]->is_null();
        values[i] = value_of(state, *entries[i]);
    }
    return pg::call([=, type = state.kind().value->type] { return make_array(type, values, nulls, entries.size()); });
}

// The caller of a final function promises the type of its result by that of an argument.
void require_result(pg::arguments args, const top_n_state& state)
{
    if (args.type(value_argument) != state.kind().value->type) {
        throw error(sqlstate::datatype_mismatch,
                    "the state holds values of type " + std::string{state.kind().header.value_type});
    }
}

const top_kind& kind_with_witness(pg::arguments args, const top_n_header& header)
{
    const Oid witness = args.type(1);
    if (!OidIsValid(witness) || find_type(header.value_schema, header.value_type) != witness) {
        const char* given = pg::call([witness] { return format_type_be(witness); });
        throw error(sqlstate::datatype_mismatch,
                    "the state holds values of type " + std::string{header.value_type} + ", not " + given, {},
                    "Give a NULL of the values' type: etl.top_values(state, NULL::" + std::string{header.value_schema} +
                        "." + std::string{header.value_type} + ").");
    }
    return kinds::of_expression(args).of(header);
}

} // namespace
} // namespace etl

using namespace etl;

ETL_STATE_TYPE(top_n_state, check_foreign)

ETL_FUNCTION(etl_top_n_add, args)
{
    return add(args, false);
}

ETL_FUNCTION(etl_first_n_add, args)
{
    return add(args, true);
}

ETL_FUNCTION(etl_top_n_combine, args)
{
    if (args.is_null(1)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
    kinds& known = kinds::of_expression(args);
    top_n_reader from{flat_bytes(args.datum(1))};
    if (top_n_state* state = grown_top_n::in_place(args)) {
        require_mergeable(*state, from.header());
        state->add_stored(from);
        return args.datum(0);
    }
    const grown_top_n made{args, known.of(from.header()), from.header().n};
    made->add_stored(from);
    if (!args.is_null(0)) {
        top_n_reader before{flat_bytes(args.datum(0))};
        require_mergeable(*made, before.header());
        made->add_stored(before);
    }
    return made.datum();
}

ETL_FUNCTION(etl_top_n_final, args)
{
    if (args.is_null(0)) {
        return args.null_result();
    }
    const read_top_n state{args.datum(0), nullptr, &kinds::of_expression(args)};
    require_result(args, *state.object);
    return array_of(*state.object);
}

ETL_FUNCTION(etl_latest_final, args)
{
    if (args.is_null(0)) {
        return args.null_result();
    }
    const read_top_n state{args.datum(0), nullptr, &kinds::of_expression(args)};
    require_result(args, *state.object);
    const auto entries = state.object->sorted();
    if (entries.empty() || entries[0]->is_null()) {
        return args.null_result();
    }
    const stored_type& type = *state.object->kind().value;
    const Datum found = value_of(*state.object, *entries[0]);
    return pg::call([&type, found] {
        std::int16_t length = 0;
        bool by_value = false;
        get_typlenbyval(type.type, &length, &by_value);
        return datumCopy(found, by_value, length);
    });
}

ETL_FUNCTION(etl_top_values, args)
{
    if (args.is_null(0)) {
        return args.null_result();
    }
    const Datum value = args.datum(0);
    const auto bytes = flat_bytes(value);
    const top_n_reader reader{bytes};
    const read_top_n state{value, &kind_with_witness(args, reader.header()), nullptr};
    return array_of(*state.object);
}
