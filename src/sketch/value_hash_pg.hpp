// The hash of etl.hash128, for whatever goes by it: one 128-bit hash (XXH3) of any values, whatever their types.
//
// The values are chained: h(0) is a constant, h(i) the hash of h(i - 1), whether value i is NULL, and its own
// fingerprint (sketch/fingerprint_pg.hpp). So their order, their number and where each one ends are part of the result,
// and none of them has to be copied. All of it may raise.
#pragma once

#include "sketch/fingerprint_pg.hpp"

namespace etl {

// What a value is before its printer sees it: whole numbers of all sizes are hashed as bigint, and as text char(n), and
// what is a C string: literals without a type, and names.
enum class value_form : std::uint8_t { value, smallint, integer, padded_text, c_string };

// How values of one type are hashed. Trivial: its printer lives in the memory context in which it was learned.
struct value_hash {
    Oid type;
    value_form given;
    bool is_text; // of any type of texts, citext and its kin too
    printer* prints;
};

value_hash learn_value_hash(Oid type, Oid collation);

// The hash of no value at all, which every chain begins with. It never changes: hashes are stored.
inline constexpr std::uint64_t value_hash_seed = 0x70675f65746c0080; // "pg_etl" and 128
inline constexpr fingerprint hash_of_nothing = {value_hash_seed, 0};

// A value's own hash, no link of a chain. Refuses a type without a hash function (42883).
fingerprint own_hash(const value_hash& of, Datum value);

// The hash of all values so far and of one more.
fingerprint chained(const fingerprint& before, const value_hash& of, bool is_null, Datum value);

} // namespace etl
