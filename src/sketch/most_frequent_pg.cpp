// The aggregates etl.most_frequent and etl.frequencies, the type etl.frequency_state, and what reads it.
#include "sketch/most_frequent.hpp"
#include "pg/result_set.hpp"
#include "pg/state_type.hpp"
#include "sketch/fingerprint_pg.hpp"
#include "sketch/grown_state_pg.hpp"
#include "sketch/stored_value_pg.hpp"

extern "C" {
#include <catalog/pg_collation.h>
#include <mb/pg_wchar.h>
#include <nodes/execnodes.h>
#include <utils/array.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace etl {
namespace {

// --- kinds of values -----------------------------------------------------------------------------------------------

// A type and its equality. Trivial: it lives in a memory context, longer than the states that use it.
struct value_kind {
    stored_type* value;
    printer* print;
    bool is_trusted;  // values with one fingerprint are equal
    bool looks_alike; // equal values have the same bytes
    Oid collation;    // of the equality, where it is not that of bytes
    qualified_name collated;
    FmgrInfo equal;
};

void find_equality(value_kind& to, Oid type, MemoryContext memory)
{
    const TypeCacheEntry* known = lookup_type_cache(type, TYPECACHE_EQ_OPR);
    if (!OidIsValid(known->eq_opr)) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                        errmsg("values of type %s cannot be compared", format_type_be(type)),
                        errhint("Cast the values to a type that has a default btree or hash operator class.")));
    }
    fmgr_info_cxt(get_opcode(known->eq_opr), &to.equal, memory);
}

// May raise.
value_kind* make_value_kind(Oid given, Oid collation, MemoryContext memory)
{
    const Oid type = getBaseType(given);
    auto* made = static_cast<value_kind*>(MemoryContextAllocZero(memory, sizeof(value_kind)));
    if (OidIsValid(collation) && !get_collation_isdeterministic(collation)) {
        made->collation = collation;
        made->collated = name_of_collation(collation, memory);
    }
    made->value = make_stored_type(type, C_COLLATION_OID, memory);
    if (made->value->held_as_text) {
        made->is_trusted = made->looks_alike = true;
        return made;
    }
    MemoryContext old = MemoryContextSwitchTo(memory);
    made->print = make_printer(type, OidIsValid(made->collation) ? made->collation : C_COLLATION_OID);
    MemoryContextSwitchTo(old);
    made->is_trusted = !may_use_hashes(*made->print);
    made->looks_alike = are_bytes_printed(*made->print);
    find_equality(*made, type, memory);
    return made;
}

// May raise.
fingerprint print_held(const value_kind& kind, Datum held)
{
    if (kind.value->held_as_text) {
        return fingerprint_of(pg::varlena_text(held));
    }
    fingerprint made{};
    if (!print(*kind.print, held, 0, made)) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                        errmsg("a value of type %s has no hash function", format_type_be(kind.value->type))));
    }
    return made;
}

bool are_equal(value_kind& kind, Datum a, Datum b)
{
    return kind.is_trusted ||
           pg::call([&kind, a, b] { return DatumGetBool(FunctionCall2Coll(&kind.equal, kind.collation, a, b)); });
}

Datum held_of(const value_kind& kind, const counted_value& value)
{
    return read_held(*kind.value, value.bytes);
}

class held_value_is final : public same_value {
  public:
    held_value_is(value_kind& kind, Datum held) noexcept : kind_{kind}, held_{held} {}
    bool is(const counted_value& found) const override { return are_equal(kind_, held_of(kind_, found), held_); }

  private:
    value_kind& kind_;
    Datum held_;
};

class rules_of final : public value_rules {
  public:
    explicit rules_of(value_kind& kind) noexcept : kind_{kind} {}
    bool are_equal(const counted_value& a, const counted_value& b) const override
    {
        return etl::are_equal(kind_, held_of(kind_, a), held_of(kind_, b));
    }
    bool is_shown_before(const counted_value& a, const counted_value& b) const override
    {
        return !kind_.looks_alike && compare_bytes(*kind_.value, held_of(kind_, a), held_of(kind_, b)) < 0;
    }

  private:
    value_kind& kind_;
};

// --- states --------------------------------------------------------------------------------------------------------

// Memory of one exact table.
std::size_t most_bytes()
{
    constexpr std::size_t beside = std::size_t{64} << 20;
    return get_hash_memory_limit() + beside;
}

class frequencies {
  public:
    frequencies(std::pmr::memory_resource* memory, value_kind* kind, std::uint32_t k, std::uint32_t counters)
        : kind_{kind}, k_{k}, table_{memory, counters, most_bytes()}
    {
    }

    value_kind& kind() const noexcept { return *kind_; }
    std::uint32_t k() const noexcept { return k_; }
    const frequency_table& table() const noexcept { return table_; }

    void add(Datum value)
    {
        const Datum held = held_value(*kind_->value, value);
        const fingerprint key = pg::call([this, held] { return print_held(*kind_, held); });
        counted_value* found = table_.find(key, held_value_is{*kind_, held});
        if (found == nullptr) {
            counted_value& made = table_.add(key, held_size(*kind_->value, held));
            write_held(*kind_->value, held, made.bytes);
            return;
        }
        table_.count(*found);
        if (!kind_->looks_alike && compare_bytes(*kind_->value, held, held_of(*kind_, *found)) < 0) {
            write_held(*kind_->value, held, table_.replace_bytes(*found, held_size(*kind_->value, held)));
        }
    }

    void add_stored(frequencies_reader& from)
    {
        poller polls{pg::poll};
        for (std::size_t i = 0; i < from.values(); ++i) {
            const stored_frequency next = from.next();
            const Datum held = held_from_stored(*kind_->value, next.value, frequencies_type);
            const fingerprint key = pg::call([this, held] { return print_held(*kind_, held); });
            if (table_.find(key, held_value_is{*kind_, held}) != nullptr) {
                refuse_state(frequencies_type, "It holds a value twice.");
            }
            counted_value& made = table_.add_stored(key, held_size(*kind_->value, held), next.count, next.error);
            write_held(*kind_->value, held, made.bytes);
            polls.tick();
        }
        from.finish();
        table_.add_rows(from.header().rows);
    }

    void merge(const frequencies& other) { table_.merge(other.table_, rules_of{*kind_}, pg::poll); }

    // The most frequent first; of equal counts the lower value.
    std::vector<const counted_value*> ordered() const
    {
        std::vector<const counted_value*> made;
        for (const counted_value& value : table_.values()) {
            made.push_back(&value);
        }
        poller polls{pg::poll};
        std::ranges::sort(made, [this, &polls](const counted_value* a, const counted_value* b) {
            polls.tick();
            return a->count != b->count ? a->count > b->count : is_lower(*a, *b);
        });
        return made;
    }

    void write(std::pmr::vector<std::byte>& to) const
    {
        byte_writer writer{to};
        const auto values = ordered();
        write_frequencies_header(writer, header(), values.size());
        poller polls{pg::poll};
        for (const counted_value* value : values) {
            write_frequency(writer, {value->count, value->error, stored_bytes(*kind_->value, held_of(*kind_, *value))});
            polls.tick();
        }
    }

    frequencies_header header() const
    {
        return {GetDatabaseEncoding(),  k_,
                table_.counters(),      table_.rows(),
                kind_->value->schema,   kind_->value->name,
                kind_->collated.schema, kind_->collated.name};
    }

  private:
    bool is_lower(const counted_value& a, const counted_value& b) const
    {
        const Datum left = held_of(*kind_, a);
        const Datum right = held_of(*kind_, b);
        const int order = compare_held(*kind_->value, left, right);
        return order != 0 ? order < 0 : compare_bytes(*kind_->value, left, right) < 0;
    }

    value_kind* kind_;
    std::uint32_t k_;
    frequency_table table_;
};

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
                    ereport(ERROR,
                            (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("could not determine the type of the values")));
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
        found[i] = real_value(*state.kind().value, held_of(state.kind(), *values[i]));
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
        const value_kind& kind = state.object->kind();
        std::array row{real_value(*kind.value, held_of(kind, *values[i])),
                       Int64GetDatum(static_cast<std::int64_t>(values[i]->count)),
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
