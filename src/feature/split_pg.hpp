// The arguments of a split, and the hash that it goes by.
#pragma once

#include "pg/function.hpp"
#include "sketch/value_hash_pg.hpp"

#include <span>

namespace etl::feature {

// A float8[] of fractions, checked. Phase one.
std::span<const double> read_fractions(Datum array);

// The 64 bits that part_of() takes: those that etl.hash128(key, seed) begins with. May raise.
inline std::uint64_t split_hash(const value_hash& of_key, Datum key, const value_hash& of_seed, std::int64_t seed)
{
    return chained(chained(hash_of_nothing, of_key, false, key), of_seed, false, Int64GetDatum(seed)).high;
}

} // namespace etl::feature
