// What moments say of their values: rational arithmetic on the exact sums, rounded once, at its end.
//
// NaN and infinities count as PostgreSQL's aggregates count them: NaN is the greatest value; a sum or mean with an
// infinity is infinite, or NaN with both; what is about a spread is NaN with any of them.
#pragma once

#include "sketch/big_natural.hpp"
#include "sketch/moments.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace etl {

class moments_reader {
  public:
    // The bytes must outlive the reader.
    explicit moments_reader(std::span<const std::byte> state);

    std::uint64_t count() const noexcept { return known_.count; }
    std::optional<double> least() const noexcept;
    std::optional<double> greatest() const noexcept;

    // Correctly rounded. A sum beyond the largest double throws numeric_value_out_of_range. None without values.
    std::optional<double> sum() const;
    std::optional<double> mean() const;

    // The sum of squared differences from the mean, divided by the count (population) or by one less (sample),
    // correctly rounded, and its square root, which overflows only where it is too large itself. None without values;
    // of a sample, with one value.
    enum class divisor { population, sample };
    std::optional<double> variance(divisor by) const;
    std::optional<double> deviation(divisor by) const;

    // g1 = m3 / m2^(3/2) and the excess g2 = m4 / m2² - 3 of the population's central moments m. None where all values
    // are equal. (D. N. Joanes, C. A. Gill: "Comparing measures of sample skewness and kurtosis", 1998.)
    std::optional<double> skewness() const;
    std::optional<double> kurtosis() const;

  private:
    struct whole {
        bool is_negative = false;
        natural magnitude;
    };
    struct exact_sums {
        int exponent;                // the sum of power p is in units of 2^(p × exponent)
        std::array<whole, 4> powers; // 1, 2, 3, 4
    };

    static whole whole_of(std::vector<std::int64_t> digits);
    static whole sum(whole a, const whole& b);
    static whole product(const whole& a, const whole& b);
    static whole times(const whole& a, int factor);

    bool is_finite() const noexcept { return known_.specials == 0; }
    double special_sum() const noexcept;
    std::optional<unsigned __int128> squares_divisor(divisor by) const noexcept;
    whole n() const { return {false, natural_of(known_.count)}; }
    exact_sums read_sums() const;
    whole spread(const exact_sums& sums) const;

    std::span<const std::byte> state_;
    moments::summary known_;
};

} // namespace etl
