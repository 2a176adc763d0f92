// The distribution of a column as one flat state: all its values while they are few, then a part of them, with a known
// error.
//
// Values lie at levels: one at level h stands for 2^h values of the column. New ones come to level 0. When a level is
// full it is sorted, every other value goes up a level, and the rest is dropped. (Levels that halve into the next are
// J. I. Munro's and M. S. Paterson's, "Selection and sorting with limited storage", 1980. KLL sketches, 2016, halve
// by chance, which takes less room and gives a likely error in place of a certain one.)
//
// The rank of x is the number of values up to x, and its estimate the sum of what the kept values up to x stand for.
// Halving level h changes no estimate by more than 2^h: keeping the 1st, 3rd, … value only raises it, keeping the 2nd,
// 4th, … only lowers it. The state counts both, as `above` and `below`, and always does what evens them out. So
//
//     rank(x) - below <= estimate(x) <= rank(x) + above      for every x, order of rows and division into parts,
//
// and for every state of n values that is exact up to k values
//
//     max(above, below) <= (2 + log2(n / k)) / (2 k) × n.
//
// Proof: halving level h takes at least k values off it, and n values put at most n / 2^h there; so every level that
// was halved adds at most n / k to above + below, and of these L levels 2^h k <= n holds for the highest: L <= 1 +
// log2(n / k). The difference of above and below is never more than n / k: a halving takes it to zero or beyond by at
// most 2^h <= n / k, and merging adds two differences as it adds two n. The larger of both is half of their sum and
// difference.
//
// Layout, little-endian:
//
//   magic u32, version u32     state_header
//   count u64, nans u64        values that are not NaN, and those that are
//   least f64, greatest f64    of the former; Infinity and -Infinity where there is none
//   kept u32                   k: all values are kept up to so many; even
//   level_0 u32                values at level 0
//   upper u32                  values at all levels above it
//   levels u16                 how many those are
//   packed u16                 1 when stored: level 0 is sorted, and nothing follows its last value
//   above u64, below u64       only with levels
//   values u32[levels]         at each level from the highest down to 1
//   f64[upper]                 each level sorted
//   f64[level_0]
#pragma once

#include "core/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace etl {

class quantiles {
  public:
    static constexpr char type_name[] = "etl.quantiles";
    static constexpr int default_kept = 2048;
    static constexpr int least_kept = 64;
    static constexpr int most_kept = 131072;

    // Takes the state in the buffer and lets it grow; an empty buffer becomes the state of no values. Throws
    // invalid_parameter_value for a number of kept values that is out of range, odd, or not the state's.
    quantiles(flat_buffer& buffer, int kept);

    void add(double value);

    // Adds the values of another state, which stays as it is and must not lie in this state's buffer. Takes any state
    // as it is into a buffer that is empty.
    static void merge(flat_buffer& buffer, std::span<const std::byte> other);

    // The stored form: while all values are kept the same bytes for the same values. `to` is empty.
    static void pack(std::span<const std::byte> state, flat_buffer& to);

    // Proves that bytes from outside are a state with every property named above, or throws.
    static void check(std::span<const std::byte> bytes);

    // The state in pieces.
    struct contents {
        std::uint64_t count = 0;
        std::uint64_t nans = 0;
        double least = 0;
        double greatest = 0;
        std::uint32_t kept = 0;
        std::uint64_t above = 0;
        std::uint64_t below = 0;
        std::vector<std::vector<double>> levels; // level 0 first, and there always
    };
    static contents read(std::span<const std::byte> state);

  private:
    void make_room();

    flat_buffer& buffer_;
};

} // namespace etl
