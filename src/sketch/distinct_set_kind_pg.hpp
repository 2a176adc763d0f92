// How values of each type become entries of a distinct set (sketch/distinct_set.hpp).
//
//   whole numbers, moments, dates, booleans, floats,
//   OIDs and whatever else is passed by value            the value itself: 8 bytes, 2 and 2::bigint are one value
//   uuid                                                 the value itself: 16 bytes
//   text, varchar, char(n), name                         the hash of their bytes; where the collation holds different
//                                                        texts for equal, two of its own hashes
//   enums                                                the hash of their label, which outlives a dump
//   anything else                                        its fingerprint (sketch/fingerprint_pg.hpp)
//
// A set knows the type of its values where that has the same OID in every database. 2 and 2::numeric are of two types.
#pragma once

#include "pg/function.hpp"
#include "sketch/distinct_set.hpp"
#include "sketch/fingerprint_pg.hpp"

extern "C" {
#include <catalog/pg_type.h>
}

namespace etl {

inline constexpr set_kind integer_set{INT8OID, 8, false};
inline constexpr set_kind text_set{TEXTOID, 16, false};
inline constexpr set_kind numeric_set{NUMERICOID, 16, false};
inline constexpr set_kind uuid_set{UUIDOID, 16, false};
inline constexpr set_kind timestamptz_set{TIMESTAMPTZOID, 8, false};
inline constexpr set_kind timestamp_set{TIMESTAMPOID, 8, false};
inline constexpr set_kind date_set{DATEOID, 8, false};

// How the values of one argument are read. Learnt once for a calling expression.
struct value_reader {
    enum class form : std::uint8_t { bits, real4, real8, label, padded_text, name, print };

    set_kind kind;
    form how;
    int size; // of a value of bits
    Oid type;
    printer* prints;

    std::uint64_t bits(Datum value) const;
    fingerprint print(Datum value) const;
};

// Of an argument of any type. May raise.
const value_reader& reader_of_value(pg::arguments args, int i);

// Of a text: where the collation is nondeterministic, or the text is one only by an implicit cast from a type that
// compares otherwise (citext), by the rules of those. May raise.
const value_reader& reader_of_text(pg::arguments args, int i);

fingerprint numeric_entry(Datum value);
fingerprint uuid_entry(Datum value);

// Throw datatype_mismatch: two sets, or a set and a value that it is asked for.
void require_same_kind(const set_kind& one, const set_kind& other);
void require_kind_of_set(const set_kind& set, const set_kind& value);

} // namespace etl
