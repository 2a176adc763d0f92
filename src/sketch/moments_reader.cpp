#include "sketch/moments_reader.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr int digit_bits = 32;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// fraction × 2^exponent, with a fraction far from overflow. The exponent is a multiple of 32.
struct scaled {
    double fraction;
    int exponent;
};

scaled scaled_of(const natural& number, unsigned __int128 divisor = 1)
{
    const int bits = static_cast<int>(number.size()) * digit_bits;
    return {nearest_double(number, -bits, divisor), bits};
}

double in_range(double value, const char* what)
{
    if (std::isinf(value)) {
        throw error(sqlstate::numeric_value_out_of_range,
                    std::string{"the "} + what + " is out of range for double precision",
                    "It is larger than the largest double, about 1.8e308.", "Scale the values before they are summed.");
    }
    return value;
}

natural sum_of(natural a, const natural& b)
{
    a.resize(std::max(a.size(), b.size()) + 1);
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        carry += std::uint64_t{a[i]} + (i < b.size() ? b[i] : 0);
        a[i] = static_cast<std::uint32_t>(carry);
        carry >>= digit_bits;
    }
    trim(a);
    return a;
}

} // namespace

// --- whole numbers with a sign --------------------------------------------------------------------------------------

moments_reader::whole moments_reader::whole_of(std::vector<std::int64_t> digits)
{
    whole result{!digits.empty() && digits.back() < 0, {}};
    std::int64_t carry = 0;
    for (std::size_t i = 0; i + 1 < digits.size(); ++i) {
        carry += result.is_negative ? -digits[i] : digits[i];
        result.magnitude.push_back(static_cast<std::uint32_t>(carry));
        carry >>= digit_bits;
    }
    if (!digits.empty()) {
        carry += result.is_negative ? -digits.back() : digits.back();
        result.magnitude.push_back(static_cast<std::uint32_t>(carry));
        result.magnitude.push_back(static_cast<std::uint32_t>(carry >> digit_bits));
    }
    trim(result.magnitude);
    return result;
}

moments_reader::whole moments_reader::sum(whole a, const whole& b)
{
    if (a.is_negative == b.is_negative) {
        return {a.is_negative, sum_of(std::move(a.magnitude), b.magnitude)};
    }
    if (compare(a.magnitude, b.magnitude) < 0) {
        return {b.is_negative, difference(b.magnitude, a.magnitude)};
    }
    return {a.is_negative, difference(std::move(a.magnitude), b.magnitude)};
}

moments_reader::whole moments_reader::product(const whole& a, const whole& b)
{
    return {a.is_negative != b.is_negative, etl::product(a.magnitude, b.magnitude)};
}

moments_reader::whole moments_reader::times(const whole& a, int factor)
{
    return product(a, {factor < 0, natural_of(static_cast<unsigned>(std::abs(factor)))});
}

// --- answers --------------------------------------------------------------------------------------------------------

moments_reader::moments_reader(std::span<const std::byte> state) : state_{state}, known_{moments::read_summary(state)}
{
}

moments_reader::exact_sums moments_reader::read_sums() const
{
    moments::power_sums read = moments::read_sums(state_);
    exact_sums result{read.exponent, {}};
    std::transform(read.digits.begin(), read.digits.end(), result.powers.begin(),
                   [](std::vector<std::int64_t>& digits) { return whole_of(std::move(digits)); });
    return result;
}

// Where the extremes are the wrong way round there are only NaNs.
std::optional<double> moments_reader::least() const noexcept
{
    if (known_.count == 0) {
        return std::nullopt;
    }
    return known_.least <= known_.greatest ? known_.least : nan;
}

std::optional<double> moments_reader::greatest() const noexcept
{
    if (known_.count == 0) {
        return std::nullopt;
    }
    return (known_.specials & moments::is_nan) != 0 ? nan : known_.greatest;
}

double moments_reader::special_sum() const noexcept
{
    constexpr std::uint8_t both = moments::is_infinity | moments::is_negative_infinity;
    if ((known_.specials & moments::is_nan) != 0 || (known_.specials & both) == both) {
        return nan;
    }
    const double infinite = std::numeric_limits<double>::infinity();
    return (known_.specials & moments::is_infinity) != 0 ? infinite : -infinite;
}

std::optional<double> moments_reader::sum() const
{
    if (known_.count == 0) {
        return std::nullopt;
    }
    if (!is_finite()) {
        return special_sum();
    }
    const exact_sums sums = read_sums();
    const whole& first = sums.powers[0];
    const double result = in_range(nearest_double(first.magnitude, sums.exponent), "sum");
    return first.is_negative ? -result : result;
}

std::optional<double> moments_reader::mean() const
{
    if (known_.count == 0) {
        return std::nullopt;
    }
    if (!is_finite()) {
        return special_sum();
    }
    const exact_sums sums = read_sums();
    const whole& first = sums.powers[0];
    const double result = nearest_double(first.magnitude, sums.exponent, known_.count);
    return first.is_negative ? -result : result;
}

// n Σx² - (Σx)², which is n² times the variance, and never negative (Cauchy and Schwarz) unless the state is forged.
moments_reader::whole moments_reader::spread(const exact_sums& sums) const
{
    const auto& [s1, s2, s3, s4] = sums.powers;
    const whole result = sum(product(n(), s2), times(product(s1, s1), -1));
    return result.is_negative ? whole{} : result;
}

std::optional<unsigned __int128> moments_reader::squares_divisor(divisor by) const noexcept
{
    const std::uint64_t parts = by == divisor::sample && known_.count > 0 ? known_.count - 1 : known_.count;
    if (parts == 0) {
        return std::nullopt;
    }
    return static_cast<unsigned __int128>(known_.count) * parts;
}

std::optional<double> moments_reader::variance(divisor by) const
{
    const auto parts = squares_divisor(by);
    if (!parts || !is_finite()) {
        return parts ? std::optional{nan} : std::nullopt;
    }
    const exact_sums sums = read_sums();
    return in_range(nearest_double(spread(sums).magnitude, 2 * sums.exponent, *parts), "variance");
}

std::optional<double> moments_reader::deviation(divisor by) const
{
    const auto parts = squares_divisor(by);
    if (!parts || !is_finite()) {
        return parts ? std::optional{nan} : std::nullopt;
    }
    const exact_sums sums = read_sums();
    const scaled square = scaled_of(spread(sums).magnitude, *parts);
    return in_range(std::ldexp(std::sqrt(square.fraction), square.exponent / 2 + sums.exponent), "standard deviation");
}

// With S for the sums: n³ m3 = n² S3 - 3 n S1 S2 + 2 S1³, and the powers of n cancel out.
std::optional<double> moments_reader::skewness() const
{
    if (known_.count == 0 || !is_finite()) {
        return known_.count == 0 ? std::nullopt : std::optional{nan};
    }
    const exact_sums sums = read_sums();
    const natural square = spread(sums).magnitude;
    if (square.empty()) {
        return std::nullopt;
    }
    const auto& [s1, s2, s3, s4] = sums.powers;
    const whole cube = sum(sum(product(product(n(), n()), s3), times(product(n(), product(s1, s2)), -3)),
                           times(product(s1, product(s1, s1)), 2));
    const scaled above = scaled_of(cube.magnitude);
    const scaled below = scaled_of(square);
    const double result = std::ldexp(above.fraction / (below.fraction * std::sqrt(below.fraction)),
                                     above.exponent - below.exponent / 2 * 3);
    return cube.is_negative ? -result : result;
}

// n⁴ m4 = n³ S4 - 4 n² S1 S3 + 6 n S1² S2 - 3 S1⁴. The excess is taken before anything is rounded.
std::optional<double> moments_reader::kurtosis() const
{
    if (known_.count == 0 || !is_finite()) {
        return known_.count == 0 ? std::nullopt : std::optional{nan};
    }
    const exact_sums sums = read_sums();
    const whole square = spread(sums);
    if (square.magnitude.empty()) {
        return std::nullopt;
    }
    const auto& [s1, s2, s3, s4] = sums.powers;
    const whole nn = product(n(), n());
    const whole ss = product(s1, s1);
    const whole fourth = sum(sum(product(product(nn, n()), s4), times(product(nn, product(s1, s3)), -4)),
                             sum(times(product(n(), product(ss, s2)), 6), times(product(ss, ss), -3)));
    const whole base = product(square, square);
    const whole excess = sum(fourth, times(base, -3));
    const scaled above = scaled_of(excess.magnitude);
    const scaled below = scaled_of(base.magnitude);
    const double result = std::ldexp(above.fraction / below.fraction, above.exponent - below.exponent);
    return excess.is_negative ? -result : result;
}

} // namespace etl
