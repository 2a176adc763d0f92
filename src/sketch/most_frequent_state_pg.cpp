#include "sketch/most_frequent_state_pg.hpp"
#include "sketch/fingerprint_pg.hpp"

extern "C" {
#include <catalog/pg_collation.h>
#include <mb/pg_wchar.h>
#include <nodes/execnodes.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

#include <algorithm>
#include <string>

namespace etl {
namespace {

void find_equality(value_kind& to, Oid type, MemoryContext memory)
{
    const TypeCacheEntry* known = lookup_type_cache(type, TYPECACHE_EQ_OPR);
    if (!OidIsValid(known->eq_opr)) {
        const char* name = format_type_be(type);
        throw error(sqlstate::undefined_function, std::string{"values of type "} + name + " cannot be compared", {},
                    "Cast the values to a type that has a default btree or hash operator class.");
    }
    fmgr_info_cxt(get_opcode(known->eq_opr), &to.equal, memory);
}

// May raise.
fingerprint print_held(const value_kind& kind, Datum held)
{
    if (kind.value->held_as_text) {
        return fingerprint_of(pg::varlena_text(held));
    }
    fingerprint made{};
    if (!print(*kind.print, held, 0, made)) {
        const char* name = format_type_be(kind.value->type);
        throw error(sqlstate::undefined_function, std::string{"a value of type "} + name + " has no hash function");
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

// Memory of one exact table.
std::size_t most_bytes()
{
    constexpr std::size_t beside = std::size_t{64} << 20;
    return get_hash_memory_limit() + beside;
}

} // namespace

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

frequencies::frequencies(std::pmr::memory_resource* memory, value_kind* kind, std::uint32_t k, std::uint32_t counters)
    : kind_{kind}, k_{k}, table_{memory, counters, most_bytes()}
{
}

void frequencies::add(Datum value)
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

void frequencies::add_stored(frequencies_reader& from)
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

void frequencies::merge(const frequencies& other)
{
    table_.merge(other.table_, rules_of{*kind_}, pg::poll);
}

std::pmr::vector<const counted_value*> frequencies::ordered(std::pmr::memory_resource* memory) const
{
    std::pmr::vector<const counted_value*> made{memory};
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

bool frequencies::is_lower(const counted_value& a, const counted_value& b) const
{
    const Datum left = held_of(*kind_, a);
    const Datum right = held_of(*kind_, b);
    const int order = compare_held(*kind_->value, left, right);
    return order != 0 ? order < 0 : compare_bytes(*kind_->value, left, right) < 0;
}

frequencies_header frequencies::header() const
{
    return {GetDatabaseEncoding(),  k_,
            table_.counters(),      table_.rows(),
            kind_->value->schema,   kind_->value->name,
            kind_->collated.schema, kind_->collated.name,
            kind_->value->shape};
}

void frequencies::write(std::pmr::vector<std::byte>& to) const
{
    byte_writer writer{to};
    const auto values = ordered(to.get_allocator().resource());
    write_frequencies_header(writer, header(), values.size());
    poller polls{pg::poll};
    for (const counted_value* value : values) {
        write_frequency(writer, {value->count, value->error, stored_bytes(*kind_->value, held_of(*kind_, *value))});
        polls.tick();
    }
}

Datum frequencies::value_of(const counted_value& value) const
{
    return real_value(*kind_->value, held_of(*kind_, value));
}

} // namespace etl
