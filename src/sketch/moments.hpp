// Count, extremes and the sums of the first four powers of a column, as one flat state.
//
// The sums are exact, so that the same values give the same state in any order and any division into parts, and mean
// and variance are the correctly rounded true ones, whatever the values have in common. Every finite double is a whole
// multiple of 2^-1088, and its fourth power one of 2^-4352: a sum is one large whole number, in digits of 32 bits
// within words of 64, to which an addition carries nothing (exact_sum.hpp does the same over the full range). Few
// columns use that range. So the state spans the digits from the lowest to the highest that some value has, d of them;
// a power p then has p × d digits, at p times the place. Which ones depends on the values alone, not on their order.
//
// Most groups are small. Up to 26 values other than 0 are kept as they are, and summed when the 27th comes or somebody
// asks.
//
// Layout, little-endian:
//
//   magic u32, version u32     state_header
//   count u64                  values, NaN and infinities too
//   least f64, greatest f64    of all but NaN; Infinity and -Infinity where there is none
//   added u32                  additions since the last carry
//   low u8                     the lowest digit in units of 2^32
//   digits u8                  d; in a list, the number of its values
//   specials u8                bits: a NaN, Infinity, -Infinity was added
//   form u8                    0 sums that grow, 1 sums that are stored, 2 a list
//
// then in a list f64[digits], in order when stored; while it grows there may be room for more. Otherwise the sums of
// the powers 4, 3, 2, 1: p × d digits each, the lowest first, and what is above them. While sums grow a digit is an
// i64; adding to a sum may touch words behind it, by zero, so there is one more at the end. Stored, digits are u32
// without a carry to pass on. What is above them is an i64 in both, with the sum's sign.
#pragma once

#include "core/bytes.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace etl {

class moments {
  public:
    static constexpr char type_name[] = "etl.moments";

    // Takes the state in the buffer and lets it grow; an empty buffer becomes the state of no values.
    explicit moments(flat_buffer& buffer);

    void add(double value);

    // Adds all values of another state, which stays as it is and must not lie in this state's buffer.
    void merge(std::span<const std::byte> other);

    // The stored form: the same bytes for the same values. `to` is empty.
    static void pack(std::span<const std::byte> state, flat_buffer& to);

    // What moments_reader takes of a state. A sum's digits have no carries to pass on, but for the last: it is what is
    // above all digits, and has the sign. The sum of power p is in units of 2^(p × exponent).
    enum special : std::uint8_t { is_nan = 1, is_infinity = 2, is_negative_infinity = 4, any_special = 7 };
    struct summary {
        std::uint64_t count;
        double least;
        double greatest;
        std::uint8_t specials;
    };
    struct power_sums {
        int exponent;
        std::array<std::vector<std::int64_t>, 4> digits; // of the powers 1, 2, 3, 4; empty where all values are 0
    };
    static summary read_summary(std::span<const std::byte> state);
    static power_sums read_sums(std::span<const std::byte> state);

    // Proves that bytes from outside are a state with every property named above, or throws.
    static void check(std::span<const std::byte> bytes);

  private:
    void include(double value);
    void list_to_sums();
    void cover(unsigned low, unsigned end);
    void add_to_sums(double value);
    void merge_sums(std::span<const std::byte> other);
    void widen(unsigned low, unsigned digits);

    flat_buffer& buffer_;
};

} // namespace etl
