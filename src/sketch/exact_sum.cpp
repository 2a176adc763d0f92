#include "sketch/exact_sum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::uint32_t digit_mask = 0xffffffff;
constexpr std::uint8_t negative_flag = 8; // in the flat form, beside the specials

} // namespace

template <int Power>
void exact_power_sum<Power>::add_special(double value)
{
    if (std::isnan(value)) {
        specials_ |= nan;
    } else {
        specials_ |= Power == 1 && value < 0 ? negative_infinity : infinity;
    }
}

// Afterwards every word but the last, which has the sign, is a digit.
template <int Power>
void exact_power_sum<Power>::carry(words& to)
{
    for (std::size_t i = 0; i + 1 < digits; ++i) {
        to[i + 1] += to[i] >> 32;
        to[i] &= digit_mask;
    }
}

template <int Power>
typename exact_power_sum<Power>::normal_form exact_power_sum<Power>::normal() const
{
    normal_form result{words_, specials_};
    carry(result.digits);
    return result;
}

template <int Power>
void exact_power_sum<Power>::merge(const exact_power_sum& other)
{
    const normal_form added = other.normal();
    carry(words_);
    for (std::size_t i = 0; i < digits; ++i) {
        words_[i] += added.digits[i];
    }
    carry(words_);
    added_ = 0;
    specials_ |= added.specials;
}

template <int Power>
typename exact_power_sum<Power>::whole exact_power_sum<Power>::units() const
{
    words sum = normal().digits;
    whole result{sum.back() < 0, {}};
    if (result.is_negative) {
        for (std::int64_t& word : sum) {
            word = -word;
        }
        carry(sum);
    }
    for (const std::int64_t word : sum) {
        result.magnitude.push_back(static_cast<std::uint32_t>(word));
    }
    trim(result.magnitude);
    return result;
}

template <int Power>
double exact_power_sum<Power>::rounded() const
{
    constexpr std::uint8_t both = infinity | negative_infinity;
    if ((specials_ & nan) != 0 || (specials_ & both) == both) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    if (specials_ != 0) {
        const double infinite = std::numeric_limits<double>::infinity();
        return (specials_ & infinity) != 0 ? infinite : -infinite;
    }
    const auto [is_negative, sum] = units();
    const double result = nearest_double(sum, -static_cast<int>(bits_below_one));
    return is_negative ? -result : result;
}

template <int Power>
void exact_power_sum<Power>::write(byte_writer& to) const
{
    const auto [is_negative, sum] = units();
    const auto first = std::find_if(sum.begin(), sum.end(), [](std::uint32_t digit) { return digit != 0; });
    to.value(static_cast<std::uint8_t>(specials_ | (is_negative ? negative_flag : 0)));
    to.value(static_cast<std::uint16_t>(sum.empty() ? 0 : first - sum.begin()));
    to.value(static_cast<std::uint16_t>(sum.end() - first));
    to.values(std::span<const std::uint32_t>{first, sum.end()});
}

template <int Power>
void exact_power_sum<Power>::read(byte_reader& from)
{
    const auto flags = from.value<std::uint8_t>();
    const std::size_t first = from.value<std::uint16_t>();
    const std::size_t count = from.value<std::uint16_t>();
    natural sum;
    from.values(sum, count);
    const bool is_negative = (flags & negative_flag) != 0;
    const bool is_trimmed = count == 0 ? first == 0 && !is_negative : sum.front() != 0 && sum.back() != 0;
    if (flags > 15 || !is_trimmed || first + count > digits || (Power == 2 && is_negative) ||
        (first + count == digits && sum.back() > std::numeric_limits<std::int32_t>::max())) {
        from.refuse("A sum in it is out of range.");
    }
    *this = {};
    specials_ = flags & (nan | infinity | negative_infinity);
    for (std::size_t i = 0; i < count; ++i) {
        words_[first + i] = with_sign(sum[i], is_negative ? -1 : 0);
    }
    carry(words_);
}

template class exact_power_sum<1>;
template class exact_power_sum<2>;

double mean(const exact_sum& sum, std::uint64_t n)
{
    if (!sum.is_finite()) {
        return sum.rounded();
    }
    const auto [is_negative, magnitude] = sum.units();
    const double result = nearest_double(magnitude, -static_cast<int>(exact_sum::bits_below_one), n);
    return is_negative ? -result : result;
}

namespace {

// (n Σx² - (Σx)²) / (n divisor). The difference is never negative (Cauchy and Schwarz), and exact.
double variance(const exact_sum& sum, const exact_square_sum& squares, std::uint64_t n, std::uint64_t divisor)
{
    if (!sum.is_finite() || !squares.is_finite()) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    const natural values = sum.units().magnitude;
    const natural raised = product(natural_of(n), squares.units().magnitude);
    const natural square = product(values, values);
    if (compare(raised, square) <= 0) { // equal values, or sums that were not made of the same values
        return 0;
    }
    static_assert(exact_square_sum::bits_below_one == 2 * exact_sum::bits_below_one);
    return nearest_double(difference(raised, square), -static_cast<int>(exact_square_sum::bits_below_one),
                          static_cast<unsigned __int128>(n) * divisor);
}

} // namespace

double sample_variance(const exact_sum& sum, const exact_square_sum& squares, std::uint64_t n)
{
    return variance(sum, squares, n, n - 1);
}

double population_variance(const exact_sum& sum, const exact_square_sum& squares, std::uint64_t n)
{
    return variance(sum, squares, n, n);
}

std::string whole_sum::to_string() const
{
    if (sum_ == 0) {
        return "0";
    }
    std::string text;
    for (__int128 rest = sum_; rest != 0; rest /= 10) {
        const int digit = static_cast<int>(rest % 10);
        text += static_cast<char>('0' + (digit < 0 ? -digit : digit));
    }
    if (sum_ < 0) {
        text += '-';
    }
    std::reverse(text.begin(), text.end());
    return text;
}

void whole_sum::write(byte_writer& to) const
{
    to.value(static_cast<std::uint64_t>(sum_));
    to.value(static_cast<std::int64_t>(sum_ >> 64));
}

void whole_sum::read(byte_reader& from)
{
    const auto low = from.value<std::uint64_t>();
    const auto high = from.value<std::int64_t>();
    sum_ = static_cast<__int128>(static_cast<unsigned __int128>(high) << 64 | low);
}

void whole_sum::refuse_overflow()
{
    throw error(sqlstate::numeric_value_out_of_range, "a sum of whole numbers is out of range",
                "It needs more than 128 bits.");
}

} // namespace etl
