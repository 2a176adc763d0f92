// The Kolmogorov-Smirnov tests of two expectations: a column against a parameterized distribution, and bootstrapped
// samples of a column against a partition.
//
// Both read the column's values in ascending order, each with its number of rows, as sorted_runs gives them: nothing
// is sorted or copied again.
#pragma once

#include "validate/statistics_distribution.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace etl::validate {

// P(D >= d) for the two-sided statistic D of n values that do have the distribution.
//
// scipy's kstest computes the same in its default mode ("auto" is exact for one sample from scipy 1.5 on), by the
// methods of Simard and L'Ecuyer ("Computing the two-sided Kolmogorov-Smirnov distribution", 2011), as does this:
// Durbin's matrix in the form of Marsaglia, Tsang and Wang (2003), Pelz and Good's asymptotic expansion (1976), and
// the one-sided probability twice where D is large. It agrees with scipy's kstwo.sf to 1e-10 relative. Up to n = 140
// that is the true value to as many digits; above, where p is more than 0.02, the expansion differs from the true value
// by less than 2e-5 of it, and by ever less as n grows.
double kolmogorov_sf(std::uint64_t n, double d);

struct ks_result {
    double statistic; // D
    double p_value;
};

// expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than(column, distribution, p_value = 0.05,
// params). GX demands 0 < p_value < 1; success: p >= p_value.
//   observed_value   p
//   details          {"expected_params": [positional parameters], "observed_ks_result": [D, p]}
class ks_test {
  public:
    ks_test(distribution expected, std::uint64_t n) : expected_{expected}, n_{n} {}

    // Values in ascending order, n rows in all. NaN makes the result NaN, and the expectation fails.
    void add(double value, std::uint64_t rows);
    ks_result result() const; // of no rows: NaN

  private:
    distribution expected_;
    std::uint64_t n_;
    std::uint64_t before_ = 0;
    double largest_ = 0;
};

// A continuous partition: weights of the bins between ascending edges, one edge more than weights.
struct continuous_partition {
    std::vector<double> bins;
    std::vector<double> weights;
};

// expect_column_bootstrapped_ks_test_p_value_to_be_greater_than(column, partition_object, p = 0.05, bootstrap_samples =
// 1000, bootstrap_sample_size = 2 × number of weights).
//
// Draws samples of the column's values, with replacement, and tests each against the distribution that is uniform within
// each bin. The share of samples whose own p-value is at least p, with one more in numerator and denominator, is what is
// observed; success: it is greater than p. GX draws anew each time; here the same rows give the same answer.
//   observed_value   that share
//   details          {"bootstrap_samples", "bootstrap_sample_size",
//                     "observed_partition": {"bins", "weights"}, "expected_partition": {"bins", "weights"},
//                     "observed_cdf": {"x", "cdf_values"}, "expected_cdf": {"x", "cdf_values"}}
// The observed partition has a first bin from the column's minimum, or a last one to its maximum, where rows lie
// outside of the expected one; x of a cdf are the bins, and its values begin with 0.
class bootstrapped_ks_test {
  public:
    // Throws invalid_parameter_value where the partition is no continuous one or reaches to infinity, p is outside of
    // (0, 1), or more than ten million values would be drawn. samples and sample_size 0 are the defaults.
    bootstrapped_ks_test(continuous_partition expected, double p, std::uint64_t n, std::size_t samples = 0,
                         std::size_t sample_size = 0);

    // Values in ascending order, n rows in all.
    void add(double value, std::uint64_t rows);

    struct result {
        double observed_value; // NaN of no rows
        bool success;
        std::size_t samples;
        std::size_t sample_size;
        continuous_partition observed;
        std::vector<double> observed_cdf;
        std::vector<double> expected_cdf;
    };
    result finish() const;

  private:
    struct draw {
        std::uint64_t row; // in ascending order of the values
        std::uint32_t sample;
    };
    struct sample {
        std::uint32_t drawn = 0;
        double largest = 0; // distance so far
    };

    void draw_rows();
    double expected_cdf(double x) const;
    void count(double value, std::uint64_t rows);
    continuous_partition observed() const;
    double smallest_unlikely_distance() const;

    continuous_partition expected_;
    double p_;
    std::uint64_t n_;
    std::size_t sample_size_;
    std::vector<double> cdf_; // at the bins
    std::vector<draw> draws_; // by row
    std::size_t next_draw_ = 0;
    std::vector<sample> samples_;
    std::uint64_t before_ = 0;
    std::vector<std::uint64_t> counts_; // below, in each bin, above
    double least_ = 0;
    double greatest_ = 0;
};

} // namespace etl::validate
