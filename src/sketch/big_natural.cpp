#include "sketch/big_natural.hpp"

#include <algorithm>
#include <ranges>
#include <bit>
#include <cmath>
#include <limits>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr int digit_bits = 32;

int bit_width(const natural& number)
{
    return number.empty()
               ? 0
               : static_cast<int>(number.size() - 1) * digit_bits + static_cast<int>(std::bit_width(number.back()));
}

bool bit_at(const natural& number, int bit)
{
    return (number[static_cast<std::size_t>(bit) / digit_bits] >> bit % digit_bits & 1) != 0;
}

bool any_bit_below(const natural& number, int bit)
{
    const auto whole = static_cast<std::size_t>(bit) / digit_bits;
    if (std::any_of(number.begin(), number.begin() + static_cast<std::ptrdiff_t>(std::min(whole, number.size())),
                    [](std::uint32_t digit) { return digit != 0; })) {
        return true;
    }
    const auto mask = (std::uint32_t{1} << bit % digit_bits) - 1;
    return whole < number.size() && (number[whole] & mask) != 0;
}

// number × 2^(32 digits)
natural shifted(const natural& number, std::size_t digits)
{
    natural result(digits, 0);
    result.insert(result.end(), number.begin(), number.end());
    return result;
}

// Divides digit by digit; true when something remains.
bool divide(natural& number, std::uint64_t divisor)
{
    unsigned __int128 rest = 0;
    for (std::uint32_t& digit : number | std::views::reverse) {
        rest = rest << digit_bits | digit;
        digit = static_cast<std::uint32_t>(rest / divisor);
        rest -= static_cast<unsigned __int128>(digit) * divisor;
    }
    trim(number);
    return rest != 0;
}

// The same by a divisor below 2^127, so that no remainder overflows: bit by bit, unless that is too much.
bool divide(natural& number, unsigned __int128 divisor)
{
    if (divisor >> 64 == 0) {
        return divide(number, static_cast<std::uint64_t>(divisor));
    }
    unsigned __int128 rest = 0;
    natural quotient(number.size(), 0);
    for (int bit = bit_width(number); bit-- > 0;) {
        rest = rest << 1 | static_cast<unsigned>(bit_at(number, bit));
        if (rest >= divisor) {
            rest -= divisor;
            quotient[static_cast<std::size_t>(bit) / digit_bits] |= std::uint32_t{1} << bit % digit_bits;
        }
    }
    number = std::move(quotient);
    trim(number);
    return rest != 0;
}

// The nearest double to number × 2^exponent, plus less than 2^exponent where `more` says so.
double round_to_even(const natural& number, int exponent, bool more)
{
    constexpr int precision = std::numeric_limits<double>::digits;
    constexpr int lowest = std::numeric_limits<double>::min_exponent - precision; // of the smallest subnormal's bit
    const int dropped = std::max({bit_width(number) - precision, lowest - exponent, 0});
    std::uint64_t kept = 0;
    for (int bit = bit_width(number); bit-- > dropped;) {
        kept = kept << 1 | static_cast<unsigned>(bit_at(number, bit));
    }
    if (dropped > 0 && dropped <= bit_width(number) && bit_at(number, dropped - 1) &&
        ((kept & 1) != 0 || more || any_bit_below(number, dropped - 1))) {
        ++kept;
    }
    return std::ldexp(static_cast<double>(kept), exponent + dropped);
}

} // namespace

void trim(natural& number)
{
    while (!number.empty() && number.back() == 0) {
        number.pop_back();
    }
}

natural natural_of(unsigned __int128 value)
{
    natural result;
    for (; value != 0; value >>= digit_bits) {
        result.push_back(static_cast<std::uint32_t>(value));
    }
    return result;
}

natural product(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b)
{
    natural result(a.size() + b.size(), 0);
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::uint64_t carry = 0;
        for (std::size_t j = 0; j < b.size(); ++j) {
            carry += std::uint64_t{a[i]} * b[j] + result[i + j];
            result[i + j] = static_cast<std::uint32_t>(carry);
            carry >>= digit_bits;
        }
        result[i + b.size()] = static_cast<std::uint32_t>(carry);
    }
    trim(result);
    return result;
}

natural difference(natural a, std::span<const std::uint32_t> b)
{
    std::int64_t carry = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        carry += a[i];
        carry -= i < b.size() ? b[i] : 0;
        a[i] = static_cast<std::uint32_t>(carry);
        carry >>= digit_bits;
    }
    trim(a);
    return a;
}

int compare(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) noexcept
{
    if (a.size() != b.size()) {
        return a.size() < b.size() ? -1 : 1;
    }
    for (std::size_t i = a.size(); i-- > 0;) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

// The quotient gets 64 bits and more before it is rounded, whatever the divisor is; a remainder counts as some more.
double nearest_double(const natural& number, int exponent, unsigned __int128 divisor)
{
    if (divisor == 1) {
        return round_to_even(number, exponent, false);
    }
    constexpr std::size_t more_digits = 6;
    natural quotient = shifted(number, more_digits);
    const bool rest = divide(quotient, divisor);
    return round_to_even(quotient, exponent - static_cast<int>(more_digits) * digit_bits, rest);
}

} // namespace etl
