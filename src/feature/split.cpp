#include "feature/split.hpp"

#include "core/error.hpp"

#include <cmath>
#include <cstdio>
#include <string>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

constexpr double tolerance = 1e-9;

constexpr unsigned fraction_bits = 53;

constexpr std::uint64_t first_bits(std::uint64_t hash) noexcept
{
    return hash >> (64 - fraction_bits);
}

std::string shown(double number)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.15g", number);
    return text;
}

[[noreturn]] void refuse(const std::string& message)
{
    throw error(sqlstate::invalid_parameter_value, message, {},
                "Give the share of each part, as in ARRAY[0.8, 0.1, 0.1].");
}

} // namespace

void check_fractions(std::span<const double> fractions)
{
    double sum = 0;
    for (const double fraction : fractions) {
        if (!(fraction > 0)) {
            refuse("a fraction of a split must be greater than 0, not " + shown(fraction));
        }
        sum += fraction;
    }
    if (!(std::abs(sum - 1) < tolerance)) {
        refuse("the fractions of a split must sum to 1, not to " + shown(sum));
    }
}

std::int32_t part_of(std::uint64_t hash, std::span<const double> fractions) noexcept
{
    const double at = static_cast<double>(first_bits(hash)) * 0x1p-53;
    std::int32_t part = 1;
    double end = fractions[0];
    while (part < static_cast<std::int32_t>(fractions.size()) && at >= end) {
        end += fractions[static_cast<std::size_t>(part)];
        ++part;
    }
    return part;
}

std::int32_t bucket_of(std::uint64_t hash, std::int32_t buckets) noexcept
{
    __extension__ using wide = unsigned __int128;
    return static_cast<std::int32_t>(wide{first_bits(hash)} * static_cast<std::uint32_t>(buckets) >> fraction_bits);
}

} // namespace etl::feature
