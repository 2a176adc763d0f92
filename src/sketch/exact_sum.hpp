// Exact sums: of doubles, of their squares, and of whole numbers.
//
// A sum that is rounded after every addition depends on the order of the rows, and parallel workers see a different
// one each time; with large values and a small spread the variance that comes of it is noise. These sums are exact
// until they are read: any order, and any division into parts, gives the same bits.
//
// Every double is a whole multiple of 2^-1074, and every square of one is a whole multiple of 2^-2148, so a sum is one
// large whole number. It is kept in digits of 32 bits within words of 64: an addition touches two of them (four for
// a square) and carries nothing; only when a word could overflow are the carries passed on. (R. M. Neal describes
// such a "small superaccumulator" in "Fast exact summation using small and large superaccumulators", 2015.)
#pragma once

#include "core/byte_io.hpp"
#include "sketch/big_natural.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

namespace etl {

// The sum of values (power 1) or of their squares (power 2).
template <int Power>
class exact_power_sum {
  public:
    static_assert(Power == 1 || Power == 2);

    void add(double value)
    {
        const auto bits = std::bit_cast<std::uint64_t>(value);
        const auto raised = static_cast<unsigned>(bits >> 52 & 0x7ff);
        if (raised == 0x7ff) {
            add_special(value);
            return;
        }
        const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
        const std::uint64_t mantissa = raised == 0 ? fraction : fraction | std::uint64_t{1} << 52;
        const unsigned exponent = raised == 0 ? 0 : raised - 1;
        if constexpr (Power == 1) {
            add_narrow(mantissa, exponent, static_cast<std::int64_t>(bits) >> 63);
        } else {
            add_wide(static_cast<unsigned __int128>(mantissa) * mantissa, 2 * exponent, 0);
        }
    }

    void add(std::int64_t value)
    {
        const std::int64_t sign = value >> 63;
        const std::uint64_t magnitude =
            (static_cast<std::uint64_t>(value) ^ static_cast<std::uint64_t>(sign)) - static_cast<std::uint64_t>(sign);
        if constexpr (Power == 1) {
            add_wide(magnitude, bits_below_one, sign);
        } else {
            add_wide(static_cast<unsigned __int128>(magnitude) * magnitude, bits_below_one, 0);
        }
    }

    void merge(const exact_power_sum& other);

    // The double nearest to the sum, ties to even. NaN where a NaN or infinities of both signs were added, else an
    // infinity where one was; also where the sum is beyond the largest double.
    double rounded() const;
    bool is_finite() const noexcept { return specials_ == 0; }

    // The sum of the finite values as a whole number of units of 2^-1074 or 2^-2148.
    struct whole {
        bool is_negative;
        natural magnitude;
    };
    whole units() const;

    // The flat form is the same for the same sum: flags u8, first digit u16, digits u16, u32 each.
    void write(byte_writer& to) const;
    void read(byte_reader& from);

    friend bool operator==(const exact_power_sum& a, const exact_power_sum& b) { return a.normal() == b.normal(); }

    static constexpr unsigned bits_below_one = Power * 1074;

  private:
    // Room for 2^64 of the largest values, and the sign.
    static constexpr std::size_t digits = (bits_below_one + Power * 1024 + 64) / 32 + 2;
    // A digit grows by less than 2^52 with each addition.
    static constexpr unsigned most_added = 1024;

    enum special : std::uint8_t { nan = 1, infinity = 2, negative_infinity = 4 };
    using words = std::array<std::int64_t, digits>;

    struct normal_form {
        words digits;
        std::uint8_t specials;
        friend bool operator==(const normal_form&, const normal_form&) = default;
    };

    // sign is 0 or -1: (x ^ sign) - sign is x or -x.
    static std::int64_t with_sign(std::uint64_t part, std::int64_t sign)
    {
        return (static_cast<std::int64_t>(part) ^ sign) - sign;
    }

    // Adds 53 bits that begin at a bit.
    void add_narrow(std::uint64_t part, unsigned bit, std::int64_t sign)
    {
        std::int64_t* to = &words_[bit / 32];
        const unsigned shift = bit % 32;
        to[0] += with_sign(static_cast<std::uint32_t>(part << shift), sign);
        to[1] += with_sign(part >> (32 - shift), sign);
        count_addition();
    }

    // Adds 126 bits that begin at a bit.
    void add_wide(unsigned __int128 part, unsigned bit, std::int64_t sign)
    {
        std::int64_t* to = &words_[bit / 32];
        const unsigned shift = bit % 32;
        const auto low = static_cast<std::uint64_t>(part);
        const auto high = static_cast<std::uint64_t>(part >> 64);
        const std::uint64_t shifted = low << shift;
        to[0] += with_sign(static_cast<std::uint32_t>(shifted), sign);
        to[1] += with_sign(shifted >> 32, sign);
        to[2] += with_sign((low >> 1 >> (63 - shift)) + static_cast<std::uint32_t>(high << shift), sign);
        const std::uint64_t top = high >> (32 - shift);
        to[3] += with_sign(static_cast<std::uint32_t>(top), sign);
        to[4] += with_sign(top >> 32, sign);
        count_addition();
    }

    void count_addition()
    {
        if (++added_ == most_added) {
            carry(words_);
            added_ = 0;
        }
    }

    void add_special(double value);
    static void carry(words& to);
    normal_form normal() const;

    words words_{}; // from the second on at most most_added × 2^52, of either sign
    unsigned added_ = 0;
    std::uint8_t specials_ = 0;
};

extern template class exact_power_sum<1>;
extern template class exact_power_sum<2>;

using exact_sum = exact_power_sum<1>;
using exact_square_sum = exact_power_sum<2>;

// What n values with these sums have in common, each the correctly rounded true value. n > 0, and n > 1 for the
// sample variance. NaN where a value was NaN or infinite.
double mean(const exact_sum& sum, std::uint64_t n);
double sample_variance(const exact_sum& sum, const exact_square_sum& squares, std::uint64_t n);
double population_variance(const exact_sum& sum, const exact_square_sum& squares, std::uint64_t n);

// The exact sum of whole numbers, as PostgreSQL's sum(bigint) gives it: no limit but 128 bits, which throw.
class whole_sum {
  public:
    whole_sum() = default;
    explicit whole_sum(__int128 value) : sum_{value} {}

    void add(std::int64_t value) { add_wide(value); }
    void merge(const whole_sum& other) { add_wide(other.sum_); }

    __int128 value() const noexcept { return sum_; }
    double rounded() const noexcept { return static_cast<double>(sum_); }
    std::string to_string() const;

    void write(byte_writer& to) const;
    void read(byte_reader& from);

    friend bool operator==(const whole_sum&, const whole_sum&) = default;

  private:
    void add_wide(__int128 value)
    {
        __int128 sum = 0;
        if (__builtin_add_overflow(sum_, value, &sum)) {
            refuse_overflow();
        }
        sum_ = sum;
    }
    [[noreturn]] static void refuse_overflow();

    // Memory contexts align to eight bytes.
    using wide [[gnu::aligned(8)]] = __int128;
    wide sum_ = 0;
};

} // namespace etl
