#include "validate/json_schema_number.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "core/cpp_only.hpp"

namespace etl::validate::schema {
namespace {

// Exponents beyond this are taken for this: no text has as many digits.
constexpr std::int64_t largest_exponent = std::int64_t{1} << 60;

std::int64_t read_exponent(std::string_view digits) noexcept
{
    const bool negative = digits.front() == '-';
    if (negative || digits.front() == '+') {
        digits.remove_prefix(1);
    }
    std::int64_t exponent = 0;
    for (const char c : digits) {
        exponent = exponent > largest_exponent / 10 ? largest_exponent : exponent * 10 + (c - '0');
    }
    return negative ? -exponent : exponent;
}

} // namespace

decimal::decimal(std::string_view text) noexcept : negative_{text.front() == '-'}
{
    const std::size_t e = text.find_first_of("eE");
    const std::string_view mantissa = text.substr(0, e).substr(negative_ ? 1 : 0);
    const std::size_t first = mantissa.find_first_of("123456789");
    first_ = last_ = mantissa.data();
    if (first == std::string_view::npos) {
        negative_ = false;
        return;
    }
    const std::size_t last = mantissa.find_last_of("123456789");
    const std::size_t dot = std::min(mantissa.find('.'), mantissa.size());
    first_ = mantissa.data() + first;
    last_ = mantissa.data() + last + 1;
    count_ = static_cast<std::int64_t>(last + 1 - first) - (first < dot && dot < last ? 1 : 0);
    point_ = static_cast<std::int64_t>(dot) - static_cast<std::int64_t>(first) + (first > dot ? 1 : 0);
    if (e != std::string_view::npos) {
        point_ += read_exponent(text.substr(e + 1));
    }
}

std::uint64_t decimal::hash() const noexcept
{
    std::uint64_t hash = negative_ ? 0x243f6a8885a308d3 : 0x13198a2e03707344;
    digit_reader digits{*this};
    for (unsigned digit = 0; digits.next(digit);) {
        hash = (hash ^ digit) * 0x9e3779b97f4a7c15;
        hash ^= hash >> 32;
    }
    return hash + static_cast<std::uint64_t>(point_);
}

std::optional<std::uint64_t> decimal::as_count() const noexcept
{
    constexpr std::int64_t surely_fits = 18;
    if (!is_integer() || negative_) {
        return std::nullopt;
    }
    if (point_ > surely_fits) {
        return std::numeric_limits<std::uint64_t>::max();
    }
    std::uint64_t made = 0;
    digit_reader digits{*this};
    for (std::int64_t i = 0; i < point_; ++i) {
        unsigned digit = 0;
        made = made * 10 + (digits.next(digit) ? digit : 0);
    }
    return made;
}

std::strong_ordering decimal::compare_magnitude(const decimal& other) const noexcept
{
    if (is_zero() || other.is_zero()) {
        return count_ <=> other.count_;
    }
    if (point_ != other.point_) {
        return point_ <=> other.point_;
    }
    digit_reader mine{*this};
    digit_reader theirs{other};
    for (;;) {
        unsigned a = 0;
        unsigned b = 0;
        const bool more = mine.next(a);
        const bool more_there = theirs.next(b);
        if (!more || !more_there) {
            return static_cast<int>(more) <=> static_cast<int>(more_there);
        }
        if (a != b) {
            return a <=> b;
        }
    }
}

std::strong_ordering operator<=>(const decimal& a, const decimal& b) noexcept
{
    if (a.negative_ != b.negative_) {
        return a.negative_ ? std::strong_ordering::less : std::strong_ordering::greater;
    }
    return a.negative_ ? b.compare_magnitude(a) : a.compare_magnitude(b);
}

std::optional<std::int64_t> small_integer(std::string_view text) noexcept
{
    constexpr std::size_t longest = 18;
    const bool negative = text.front() == '-';
    text.remove_prefix(negative ? 1 : 0);
    if (text.size() > longest) {
        return std::nullopt;
    }
    std::int64_t made = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        made = made * 10 + (c - '0');
    }
    return negative ? -made : made;
}

std::optional<divisor> divisor::from(std::string_view text) noexcept
{
    const decimal constant{text};
    if (constant.is_zero() || constant.negative_ || constant.count_ > most_digits) {
        return std::nullopt;
    }
    divisor made;
    made.text_ = text;
    decimal::digit_reader digits{constant};
    for (unsigned digit = 0; digits.next(digit);) {
        made.digits_ = made.digits_ * 10 + digit;
    }
    made.exponent_ = constant.point_ - constant.count_;
    made.at_a_time_ = static_cast<int>(std::min<std::int64_t>(18, most_digits + 2 - constant.count_));
    made.small_ = small_integer(text);
    return made;
}

// With number = n × 10^a and constant = d × 10^b: the number is a multiple where d divides n × 10^(a-b). Where a < b,
// it is none, because n, whose last digit is not zero, is then no multiple of 10^(b-a).
bool divisor::divides(std::string_view number) const noexcept
{
    if (small_) {
        if (const auto small = small_integer(number)) {
            return *small % *small_ == 0;
        }
    }
    const decimal exact{number};
    const std::int64_t shift = exact.point_ - exact.count_ - exponent_;
    if (exact.is_zero() || shift < 0) {
        return exact.is_zero();
    }
    const wide remainder = remainder_of(exact);
    return remainder == 0 || multiplied(remainder, power_of_ten(static_cast<std::uint64_t>(shift))) == 0;
}

// The digits as one integer, modulo the constant's: several at a time, which beside a remainder stay in 128 bits.
divisor::wide divisor::remainder_of(const decimal& number) const noexcept
{
    wide remainder = 0;
    decimal::digit_reader digits{number};
    for (bool more = true; more;) {
        std::uint64_t next = 0;
        std::uint64_t scale = 1;
        for (int i = 0; i < at_a_time_ && more; ++i) {
            unsigned digit = 0;
            more = digits.next(digit);
            next = more ? next * 10 + digit : next;
            scale = more ? scale * 10 : scale;
        }
        remainder = (remainder * scale + next) % digits_;
    }
    return remainder;
}

// a × b modulo the constant's digits, by doubling: those are below 10^36, so that a double stays in 128 bits.
divisor::wide divisor::multiplied(wide a, wide b) const noexcept
{
    wide product = 0;
    for (a %= digits_; b != 0; b >>= 1, a = a * 2 % digits_) {
        if ((b & 1) != 0) {
            product = (product + a) % digits_;
        }
    }
    return product;
}

divisor::wide divisor::power_of_ten(std::uint64_t exponent) const noexcept
{
    wide power = 1 % digits_;
    for (wide base = 10 % digits_; exponent != 0; exponent >>= 1, base = multiplied(base, base)) {
        if ((exponent & 1) != 0) {
            power = multiplied(power, base);
        }
    }
    return power;
}

} // namespace etl::validate::schema
