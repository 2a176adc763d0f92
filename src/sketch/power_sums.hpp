// The sums of the first four powers of doubles, as digits of 32 bits: where moments keep them, and how one is added to.
//
// Internal to moments.cpp, which describes them. d is the number of digits that the first powers have; power p has
// p × d, and one word above them.
#pragma once

#include "core/bytes.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace etl::powers_in_digits {

constexpr int powers = 4;
constexpr unsigned digit_bits = 32;
constexpr std::int64_t digit_mask = 0xffffffff;
// The lowest bit of a double is 2^-1074; 14 more below it put 2^0 at the beginning of a digit, so that most whole
// numbers have one digit.
constexpr unsigned bits_below_one = 1088;
constexpr unsigned bits_below_double = bits_below_one - 1074;
constexpr unsigned most_digits = 66;
// A digit grows by less than 2^32 with each addition.
constexpr std::uint32_t most_added = std::uint32_t{1} << 30;
// Where the sums lie among d digits: the fourth powers first, each with one word above its digits.
constexpr std::size_t first_word(unsigned power, std::size_t d)
{
    constexpr std::size_t digits_before[powers + 1] = {10, 9, 7, 4, 0};
    return digits_before[power] * d + (powers - power);
}

// The bytes of all sums.
constexpr std::size_t growing_size(std::size_t d)
{
    return d == 0 ? 0 : (first_word(0, d) + 1) * sizeof(std::int64_t);
}

constexpr std::size_t packed_size(std::size_t d)
{
    constexpr std::size_t digits_of_all = 10;
    return d == 0 ? 0 : digits_of_all * d * sizeof(std::uint32_t) + powers * sizeof(std::int64_t);
}

// A finite double other than 0 as ± an odd number × 2^bit, in units of 2^-1088.
struct binary_form {
    std::uint64_t significand;
    unsigned bit;
    std::int64_t sign; // 0 or -1

    explicit binary_form(double value)
    {
        const auto bits = std::bit_cast<std::uint64_t>(value);
        const auto raised = static_cast<unsigned>(bits >> 52 & 0x7ff);
        const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
        significand = raised == 0 ? fraction : fraction | std::uint64_t{1} << 52;
        const auto zeros = static_cast<unsigned>(std::countr_zero(significand));
        significand >>= zeros;
        bit = (raised == 0 ? 0 : raised - 1) + zeros + bits_below_double;
        sign = static_cast<std::int64_t>(bits) >> 63;
    }

    unsigned low() const { return bit / digit_bits; }
    unsigned high() const { return (bit + static_cast<unsigned>(std::bit_width(significand)) - 1) / digit_bits; }
};

// The words of growing sums, at any alignment.
class words {
  public:
    explicit words(std::byte* first) noexcept : first_{first} {}

    std::int64_t at(std::size_t i) const noexcept { return load<std::int64_t>(first_ + i * sizeof(std::int64_t)); }
    void put(std::size_t i, std::int64_t value) const noexcept { store(first_ + i * sizeof(std::int64_t), value); }
    void increase(std::size_t i, std::int64_t by) const noexcept { put(i, at(i) + by); }

  private:
    std::byte* first_;
};

// The digits of a state in either form: at(power, i) is digit i, or with i = power × d what is above all digits.
class digits_of {
  public:
    digits_of(const std::byte* first, std::size_t d, bool packed) noexcept : first_{first}, d_{d}, packed_{packed} {}

    std::int64_t at(unsigned power, std::size_t i) const noexcept
    {
        if (!packed_) {
            return load<std::int64_t>(first_ + (first_word(power, d_) + i) * sizeof(std::int64_t));
        }
        // Before this sum lie words above digits, as many as sums, and twice the bytes of a digit each.
        const std::size_t before = (first_word(power, d_) + (powers - power)) * sizeof(std::uint32_t);
        const std::byte* digit = first_ + before + i * sizeof(std::uint32_t);
        return i < power * d_ ? load<std::uint32_t>(digit) : load<std::int64_t>(digit);
    }

    // The sum's digits without carries to pass on; the last is what is above them.
    std::vector<std::int64_t> carried(unsigned power) const
    {
        std::vector<std::int64_t> result(power * d_ + 1);
        for (std::size_t i = 0; i < result.size(); ++i) {
            result[i] += at(power, i);
            if (i + 1 < result.size()) {
                result[i + 1] = result[i] >> digit_bits;
                result[i] &= digit_mask;
            }
        }
        return result;
    }

  private:
    const std::byte* first_;
    std::size_t d_;
    bool packed_;
};

// Passes on the carries of all sums.
inline void carry(const words& sums, std::size_t d)
{
    for (unsigned power = 1; power <= powers; ++power) {
        const std::size_t first = first_word(power, d);
        for (std::size_t i = first; i < first + power * d; ++i) {
            const std::int64_t digit = sums.at(i);
            sums.increase(i + 1, digit >> digit_bits);
            sums.put(i, digit & digit_mask);
        }
    }
}

// Adds a power of 64 × limbs bits that begins at a bit. sign is 0 or -1: (x ^ sign) - sign is x or -x.
template <std::size_t limbs>
void add_power(const words& sums, std::size_t first, const std::array<std::uint64_t, limbs>& power, unsigned bit,
               std::int64_t sign)
{
    const auto signed_of = [sign](std::uint64_t part) { return (static_cast<std::int64_t>(part) ^ sign) - sign; };
    const unsigned shift = bit % digit_bits;
    std::size_t at = first + bit / digit_bits;
    std::uint64_t above = 0;
    for (const std::uint64_t limb : power) {
        const std::uint64_t shifted = limb << shift | above;
        above = limb >> 1 >> (63 - shift);
        sums.increase(at, signed_of(static_cast<std::uint32_t>(shifted)));
        sums.increase(at + 1, signed_of(shifted >> digit_bits));
        at += 2;
    }
    sums.increase(at, signed_of(above));
}

// A number times one of 64 bits.
template <std::size_t limbs>
std::array<std::uint64_t, limbs + 1> times(const std::array<std::uint64_t, limbs>& number, std::uint64_t factor)
{
    std::array<std::uint64_t, limbs + 1> result;
    std::uint64_t above = 0;
    for (std::size_t i = 0; i < limbs; ++i) {
        const auto part = static_cast<unsigned __int128>(number[i]) * factor + above;
        result[i] = static_cast<std::uint64_t>(part);
        above = static_cast<std::uint64_t>(part >> 64);
    }
    result[limbs] = above;
    return result;
}

} // namespace etl::powers_in_digits
