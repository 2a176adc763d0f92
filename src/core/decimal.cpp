#include "core/decimal.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr int base_digits = 4; // decimal places of one digit

// Where a sign stands in the order of values: what differs in rank needs no look at digits.
int rank(const decimal& value) noexcept
{
    switch (value.is) {
    case decimal::sign::negative_infinity:
        return -2;
    case decimal::sign::negative:
        return value.count() == 0 ? 0 : -1;
    case decimal::sign::positive:
        return value.count() == 0 ? 0 : 1;
    case decimal::sign::infinity:
        return 2;
    case decimal::sign::not_a_number:
        break;
    }
    return 3;
}

int compare_magnitudes(const decimal& left, const decimal& right) noexcept
{
    if (left.weight != right.weight) {
        return left.weight < right.weight ? -1 : 1;
    }
    const int digits = left.count() > right.count() ? left.count() : right.count();
    for (int i = 0; i < digits; ++i) {
        if (left.digit(i) != right.digit(i)) {
            return left.digit(i) < right.digit(i) ? -1 : 1;
        }
    }
    return 0;
}

// Exact, because mantissa and power of ten are, and one operation rounds once.
bool convert_small(const decimal& value, double& made) noexcept
{
    constexpr std::array powers{1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    constexpr std::int64_t exact = std::int64_t{1} << 53;
    const int exponent = base_digits * (value.weight - value.count() + 1);
    if (value.count() > base_digits || exponent > 22 || exponent < -22) {
        return false;
    }
    std::int64_t mantissa = 0;
    for (int i = 0; i < value.count(); ++i) {
        mantissa = mantissa * 10000 + value.digit(i);
    }
    if (mantissa > exact) {
        return false;
    }
    const auto whole = static_cast<double>(mantissa);
    made = exponent < 0 ? whole / powers[static_cast<std::size_t>(-exponent)]
                        : whole * powers[static_cast<std::size_t>(exponent)];
    return true;
}

double convert_by_text(const decimal& value)
{
    std::string text{"0"};
    for (int i = 0; i < value.count(); ++i) {
        const std::string digit = std::to_string(value.digit(i));
        text.append(base_digits - digit.size(), '0') += digit;
    }
    text += 'e' + std::to_string(base_digits * (value.weight - value.count() + 1));
    double made = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), made);
    if (read.ec == std::errc::result_out_of_range) {
        return value.weight > 0 ? std::numeric_limits<double>::infinity() : 0.0;
    }
    return made;
}

} // namespace

int decimal::digit(int i) const noexcept
{
    std::int16_t made = 0;
    if (i < count()) {
        std::memcpy(&made, digits.data() + 2 * static_cast<std::size_t>(i), sizeof made);
    }
    return made;
}

int compare(const decimal& left, const decimal& right) noexcept
{
    const int left_rank = rank(left);
    const int right_rank = rank(right);
    if (left_rank != right_rank) {
        return left_rank < right_rank ? -1 : 1;
    }
    switch (left_rank) {
    case 1:
        return compare_magnitudes(left, right);
    case -1:
        return compare_magnitudes(right, left);
    default:
        return 0;
    }
}

double nearest_double(const decimal& value)
{
    switch (value.is) {
    case decimal::sign::not_a_number:
        return std::numeric_limits<double>::quiet_NaN();
    case decimal::sign::infinity:
        return std::numeric_limits<double>::infinity();
    case decimal::sign::negative_infinity:
        return -std::numeric_limits<double>::infinity();
    case decimal::sign::positive:
    case decimal::sign::negative:
        break;
    }
    double made = 0;
    if (!convert_small(value, made)) {
        made = convert_by_text(value);
    }
    return value.is == decimal::sign::negative ? -made : made;
}

} // namespace etl
