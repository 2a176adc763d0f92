// The states behind etl.frequency_state: what kind of values they count, and the objects that aggregates grow.
#pragma once

#include "pg/expanded_state.hpp"
#include "sketch/most_frequent.hpp"
#include "sketch/stored_value_pg.hpp"

#include <vector>

namespace etl {

struct printer;

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

// Raises for types whose values cannot be compared, hashed or stored. Values of a domain are those of its base type.
value_kind* make_value_kind(Oid given, Oid collation, MemoryContext memory);

class frequencies {
  public:
    frequencies(std::pmr::memory_resource* memory, value_kind* kind, std::uint32_t k, std::uint32_t counters);

    value_kind& kind() const noexcept { return *kind_; }
    std::uint32_t k() const noexcept { return k_; }
    const frequency_table& table() const noexcept { return table_; }

    void add(Datum value);
    void add_stored(frequencies_reader& from); // to an empty one
    void merge(const frequencies& other);

    // The most frequent first; of equal counts the lower value.
    std::pmr::vector<const counted_value*> ordered(std::pmr::memory_resource* memory) const;

    // As a value of its type, or of a domain over it.
    Datum value_of(const counted_value& value) const;

    frequencies_header header() const;
    void write(std::pmr::vector<std::byte>& to) const;

  private:
    bool is_lower(const counted_value& a, const counted_value& b) const;

    value_kind* kind_;
    std::uint32_t k_;
    frequency_table table_;
};

} // namespace etl
