// The continuous distributions that expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than knows,
// in the parametrisation of scipy.stats, which Great Expectations (GX) hands its arguments to.
//
//   name      parameters, in this order          as a dict
//   norm      loc, scale (both optional)         mean, std_dev
//   beta      a, b, then loc, scale              alpha, beta, loc, scale
//   gamma     a, then loc, scale                 alpha, loc, scale
//   uniform   loc, scale: [loc, loc + scale]     min, max (GX passes max as the scale: [-5, 11] is from -5 to 6)
//   expon     loc, scale                         loc, scale
//   chi2      df, then loc, scale                df, loc, scale
//
// loc is 0 and scale is 1 where they are not given. Shapes and scales must be positive.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace etl::validate {

class distribution {
  public:
    // Throws invalid_parameter_value for an unknown name and for parameters that are missing, too many or not positive.
    distribution(std::string_view name, std::span<const double> positional);
    distribution(std::string_view name, const std::map<std::string, double>& named);

    double cdf(double x) const;

    // What scipy would be given: GX reports it as details.expected_params.
    std::span<const double> parameters() const noexcept { return {parameters_.data(), count_}; }

  private:
    enum class family { norm, beta, gamma, uniform, expon, chi2 };
    struct signature {
        const char* name;
        family of;
        std::size_t shapes; // required and positive; loc and scale follow
        std::array<const char*, 4> names;
    };

    static const signature& find(std::string_view name);
    void require_positive(const signature& of) const;
    double standard_cdf(double z) const;

    family family_;
    std::size_t shapes_;
    std::size_t count_ = 0;
    std::array<double, 4> parameters_{};
};

} // namespace etl::validate
