// Which part of a split, or which bucket, a key belongs to, by its hash.
#pragma once

#include <cstdint>
#include <span>

namespace etl::feature {

// Throws unless the fractions are greater than 0 and sum to 1, but for less than 1e-9.
void check_fractions(std::span<const double> fractions);

// The part, from 1: the first 53 bits of the hash, read as a fraction of 1, lie below the sum of its fraction and of
// those before it. The last part takes what rounding leaves.
std::int32_t part_of(std::uint64_t hash, std::span<const double> fractions) noexcept;

// The bucket, from 0, when the same fraction of 1 is divided evenly among so many.
std::int32_t bucket_of(std::uint64_t hash, std::int32_t buckets) noexcept;

} // namespace etl::feature
