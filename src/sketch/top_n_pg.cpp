// The aggregates etl.top_n, etl.latest_n, etl.first_n, their single-value forms, and the type etl.top_n_state.
#include "sketch/top_n_pg.hpp"

#include "pg/calling_expression.hpp"
#include "pg/state_type.hpp"

extern "C" {
#include <mb/pg_wchar.h>
#include <utils/array.h>
#include <utils/datum.h>
#include <utils/lsyscache.h>
}

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace etl {
namespace {

void check_foreign(std::span<const std::byte> bytes)
{
    check_top_n(bytes, pg::poll);
}

// --- states of an aggregate ----------------------------------------------------------------------------------------

// The state that a call changes: the aggregate's object, or one for the call alone.
class own_top_n {
  public:
    own_top_n(pg::arguments args, const top_kind& kind, std::uint32_t n)
    {
        if (MemoryContext aggregate = pg::aggregate_context(args)) {
            datum_ = expanded_top_n::create(aggregate, [&](std::pmr::memory_resource* memory) {
                return std::pmr::polymorphic_allocator<top_n_state>{memory}.new_object<top_n_state>(memory, kind, n);
            });
            state_ = expanded_top_n::find(datum_);
        } else {
            for_call_ = std::make_unique<top_n_state>(&memory_, kind, n);
            state_ = for_call_.get();
        }
    }

    top_n_state& operator*() const noexcept { return *state_; }

    Datum datum() const
    {
        if (for_call_ == nullptr) {
            return datum_;
        }
        std::pmr::vector<std::byte> flat;
        for_call_->write(flat);
        pg::require_value_size(flat.size());
        return pg::make_varlena(flat);
    }

  private:
    pg::context_resource memory_;
    std::unique_ptr<top_n_state> for_call_;
    top_n_state* state_ = nullptr;
    Datum datum_ = 0;
};

// The object behind the first argument, where this aggregate may change it.
top_n_state* state_in_place(pg::arguments args)
{
    return !args.is_null(0) && expanded_top_n::is_own(args.datum(0)) && pg::aggregate_context(args) != nullptr
               ? expanded_top_n::find(args.datum(0))
               : nullptr;
}

std::span<const std::byte> flat_bytes(Datum state)
{
    return pg::call([state] { return pg::varlena_bytes(state); });
}

// --- kinds of states that were stored ------------------------------------------------------------------------------

[[noreturn]] void refuse_unknown(const char* what, std::string_view schema, std::string_view name)
{
    throw error(sqlstate::undefined_object,
                std::string{what} + " " + std::string{schema} + "." + std::string{name} + " does not exist",
                "The state holds values of it.");
}

void require_encoding(const top_n_header& header)
{
    if (header.encoding != GetDatabaseEncoding()) {
        throw error(sqlstate::invalid_parameter_value, "the state was made in a database of another encoding",
                    "Its texts would be read as other characters.",
                    "Make the state anew in this database from its rows.");
    }
}

Oid type_named(std::string_view schema, std::string_view name)
{
    const Oid found = find_type(schema, name);
    if (!OidIsValid(found)) {
        refuse_unknown("type", schema, name);
    }
    return found;
}

const top_kind& kind_named(const top_n_header& header, MemoryContext memory)
{
    require_encoding(header);
    const Oid value = type_named(header.value_schema, header.value_type);
    const Oid order = type_named(header.order_schema, header.order_type);
    const Oid collation =
        header.collation.empty() ? InvalidOid : find_collation(header.collation_schema, header.collation);
    if (!header.collation.empty() && !OidIsValid(collation)) {
        refuse_unknown("collation", header.collation_schema, header.collation);
    }
    return *pg::call([&] { return make_top_kind(value, order, collation, header.ascending, memory); });
}

bool is_of_kind(const top_n_header& header, const top_kind& kind)
{
    top_n_header wanted = kind.header;
    wanted.n = header.n;
    return header == wanted;
}

// The kinds of the states that one expression reads; mostly there is but one.
struct known_kinds {
    explicit known_kinds(MemoryContext context) : memory{context} {}

    const top_kind& of(const top_n_header& header)
    {
        const auto found = std::ranges::find_if(all, [&](const top_kind* known) { return is_of_kind(header, *known); });
        return found != all.end() ? **found : *all.emplace_back(&kind_named(header, memory));
    }

    MemoryContext memory;
    std::vector<const top_kind*> all;
};

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
    const auto n = args.get<std::int32_t>(n_argument);
    if (n < 0 || static_cast<std::uint32_t>(n) > top_n::max_n) {
        throw error(sqlstate::invalid_parameter_value,
                    "n must be between 0 and " + std::to_string(top_n::max_n) + ", not " + std::to_string(n));
    }
    return static_cast<std::uint32_t>(n);
}

struct cached_kind {
    explicit cached_kind(const top_kind* of) : kind{of} {}
    const top_kind* kind;
};

const top_kind* kind_of_arguments(pg::arguments args, bool ascending)
{
    return pg::call([args, ascending] {
        const Oid value = args.type(value_argument);
        const Oid order = args.type(order_argument);
        if (!OidIsValid(value) || !OidIsValid(order)) {
            ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("could not determine the types of the values")));
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
    if (args.is_null(order_argument)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
    const std::uint32_t n = wanted_n(args);
    const auto& kind = *args.cached<cached_kind>([=] { return kind_of_arguments(args, ascending); }).kind;
    if (top_n_state* state = state_in_place(args)) {
        require_same_n(state->n(), n);
        add_to(*state, args);
        return args.datum(0);
    }
    const own_top_n made{args, kind, n};
    if (!args.is_null(0)) {
        top_n_reader before{flat_bytes(args.datum(0))};
        require_mergeable(*made, before.header());
        (*made).add_stored(before);
    }
    add_to(*made, args);
    return made.datum();
}

// --- reading -------------------------------------------------------------------------------------------------------

// A state to be read: an aggregate's object, or one made of the bytes.
struct read_top_n {
    read_top_n(Datum value, const top_kind* kind, known_kinds* kinds)
    {
        object = expanded_top_n::find(value);
        if (object == nullptr) {
            top_n_reader from{flat_bytes(value)};
            const top_kind& of = kind != nullptr ? *kind : kinds->of(from.header());
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
    return pg::call([=, type = state.kind().value->type] {
        int size = static_cast<int>(entries.size());
        int from = 1;
        std::int16_t length = 0;
        bool by_value = false;
        char alignment = 0;
        get_typlenbyvalalign(type, &length, &by_value, &alignment);
        return PointerGetDatum(
            size == 0 ? construct_empty_array(type)
                      : construct_md_array(values, nulls, 1, &size, &from, type, length, by_value, alignment));
    });
}

known_kinds& kinds_of(pg::arguments args)
{
    return args.cached<known_kinds>([args] { return args.raw()->flinfo->fn_mcxt; });
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
    return kinds_of(args).of(header);
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
    known_kinds& kinds = kinds_of(args);
    top_n_reader from{flat_bytes(args.datum(1))};
    if (top_n_state* state = state_in_place(args)) {
        require_mergeable(*state, from.header());
        state->add_stored(from);
        return args.datum(0);
    }
    const own_top_n made{args, kinds.of(from.header()), from.header().n};
    (*made).add_stored(from);
    if (!args.is_null(0)) {
        top_n_reader before{flat_bytes(args.datum(0))};
        require_mergeable(*made, before.header());
        (*made).add_stored(before);
    }
    return made.datum();
}

ETL_FUNCTION(etl_top_n_final, args)
{
    if (args.is_null(0)) {
        return args.null_result();
    }
    const read_top_n state{args.datum(0), nullptr, &kinds_of(args)};
    return array_of(*state.object);
}

ETL_FUNCTION(etl_latest_final, args)
{
    if (args.is_null(0)) {
        return args.null_result();
    }
    const read_top_n state{args.datum(0), nullptr, &kinds_of(args)};
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
    const top_kind& kind = kind_with_witness(args, top_n_reader{bytes}.header());
    const read_top_n state{value, &kind, nullptr};
    return array_of(*state.object);
}
