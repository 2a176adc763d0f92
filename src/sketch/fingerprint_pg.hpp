// Fingerprints of values of any type that has a hash function.
//
// PostgreSQL's own hashes are made for hash tables, which compare what they find: they fold 64 bits to 32, leave out
// the sign of a number and the nesting of an array. So they tell values apart no better than 32 bits do, whatever the
// seed.
// Here a value's own bytes are hashed, written such that two values of a type have the same bytes exactly when they are
// equal:
//
//   types whose equal values look alike to a B-tree (BTEQUALIMAGE_PROC), fixed-size numbers and texts
//                                          the bytes
//   double precision, real                 -0 as 0, one NaN
//   numeric                                sign, weight, digits without zeros at their ends
//   interval                               its length in microseconds, as it is compared
//   char(n)                                without the blanks at its end
//   arrays, ranges, multiranges, records   shape, bounds and NULLs, then what is inside, by the same rules
//   jsonb                                  its parts in their order, each after what it is
//   domains                                as what they are made of
//
// What is left are types of extensions whose equal values may look different, and texts of a nondeterministic
// collation. They have two of the type's own extended hashes, by two seeds.
#pragma once

#include "pg/function.hpp"
#include "sketch/fingerprint.hpp"

namespace etl {

// How values of one type are written. Trivial: it lives in a memory context.
struct printer;

// The printer of a base type, made in the current memory context, to which it adds what it learns of the types inside.
// May raise.
printer* make_printer(Oid type, Oid collation);

// The fingerprint of a value; false where a type inside of it, which only the value tells, has no hash function. May
// raise, and leaves to the current memory context what it has detoasted.
bool print(printer& of, Datum value, std::uint64_t seed, fingerprint& to);

// Whether they are the bytes themselves, so that equal values look the same.
bool are_bytes_printed(const printer& of);

// Whether its type's own hashes stand for a value, or may stand for one that is inside it: they are not trusted to tell
// all values apart.
bool may_use_hashes(const printer& of);

} // namespace etl
