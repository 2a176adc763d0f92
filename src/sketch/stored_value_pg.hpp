// Values of any type in a state: in memory as PostgreSQL has them, so that they are compared and returned as they are,
// stored as bytes that are read with care, for a stored state may come from anybody.
//
//   text, varchar, char(n)                         the bytes, checked against the database's encoding
//   numbers, moments, uuid, bytea and their like   what the type's send function writes; none depends on a setting
//   all other types                                their text under fixed settings (pg/portable_settings.hpp)
//
// Reading a text of a domain with a condition, or of anything that holds one, runs the code of whoever made the domain.
// Such values are texts in memory as well, are ordered by these, and are read only where the reader has named the type.
#pragma once

#include "pg/function.hpp"

#include <string_view>

namespace etl {

// A type. Trivial: it lives in a memory context.
struct stored_type {
    enum class form : std::uint8_t { text, binary, written };

    Oid type;
    std::string_view schema;
    std::string_view name;
    std::uint64_t shape; // of its rows (sketch/stored_types_pg.hpp)
    std::int16_t length;
    bool by_value;
    form stored;
    bool held_as_text; // in memory
    bool has_order;
    bool is_plain_text; // its order, in the collation below, is that of its bytes
    Oid collation;      // of its order
    Oid io_parameter;
    FmgrInfo write;
    FmgrInfo read;
    FmgrInfo order;
};

// What is known of a type, in `memory`; its values are ordered by a collation. Raises for types whose values cannot be
// stored: pseudo-types, and rows of no named type.
stored_type* make_stored_type(Oid type, Oid collation, MemoryContext memory);

// Throws where values were stored while the type's rows had other columns.
void require_shape(std::uint64_t now, std::uint64_t stored, std::string_view schema, std::string_view name);

// A type by its name, or InvalidOid.
Oid find_type(std::string_view schema, std::string_view name);
Oid find_collation(std::string_view schema, std::string_view name);
struct qualified_name {
    std::string_view schema;
    std::string_view name;
};
qualified_name name_of_collation(Oid collation, MemoryContext memory);

// A value as it lies in memory: detoasted, or the text that stands for it. What had to be made lies in the current
// memory context. Cheap, and raises nothing, for values that are short or not compressed.
Datum held_value(stored_type& of, Datum value);

// Its bytes in memory: eight for what is passed by value, otherwise what the datum points to, with a header of four
// bytes in front of a varlena.
std::size_t held_size(const stored_type& of, Datum held) noexcept;
void write_held(const stored_type& of, Datum held, std::byte* to) noexcept;
Datum read_held(const stored_type& of, const std::byte* from) noexcept;

// Order of held values; that of their bytes where the type has none. May raise.
int compare_held(stored_type& of, Datum a, Datum b);

// Tells apart what may look different and compare as equal.
int compare_bytes(const stored_type& of, Datum a, Datum b) noexcept;

// A held value's stored bytes, and back, in the current memory context. May raise; refuses bytes that are no value in
// the name of the state type.
std::string_view stored_bytes(stored_type& of, Datum held);
Datum held_from_stored(stored_type& of, std::string_view bytes, const char* state_type);

// A held value as a value of its type.
Datum real_value(stored_type& of, Datum held);

// An array of values of a type, copied into the current memory context; without flags none is NULL. May raise.
Datum make_array(Oid type, Datum* values, bool* nulls, std::size_t size);

} // namespace etl
