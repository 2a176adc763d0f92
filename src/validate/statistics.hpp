// What the distributional expectations compute from counts: chi-square test, Kullback-Leibler divergence, Cramér's phi,
// and the bins that they use. The definitions are those of Great Expectations (GX) 0.18 and of the scipy functions
// that it calls; next to each stands what GX reports.
//
// A partition is what a suite expects of a column. A categorical one has values and weights; a continuous one has edges
// of bins, weights between them, and maybe weights of the two tails outside.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace etl::validate {

// --- partitions ------------------------------------------------------------------------------------------------------

// Whether the weights sum to one, as numpy's allclose sees it. The number of values must be that of the weights; the
// caller compares them.
bool is_categorical_partition(std::span<const double> weights);

// One edge more than weights, strictly ascending edges, and all weights with those of the tails (none or two) sum to one.
bool is_continuous_partition(std::span<const double> bins, std::span<const double> weights,
                             std::span<const double> tail_weights);

// The edges that GX chooses where a partition is wanted and none is given: as many bins as the larger one of the rules
// of Sturges and of Freedman and Diaconis says, of one width, from least to greatest value. Quartiles are those of
// percentile_disc. n > 0. Edges that are not ascending (all values are equal) make no valid partition.
std::vector<double> automatic_bins(double least, double first_quartile, double third_quartile, double greatest,
                                   std::uint64_t n);

// The Kullback-Leibler divergence of two lists of weights, each made to sum to 1 first: scipy.stats.entropy(p, q).
double kl_divergence(std::span<const double> observed, std::span<const double> expected);

// --- categories: chi-square and divergence ---------------------------------------------------------------------------

// Rows of each value of a partition, in its order, and of each value that the partition does not have.
struct category_counts {
    std::vector<std::uint64_t> expected;
    std::vector<std::uint64_t> unexpected;
};

// Expected and observed weights of all values, first those of the partition, then the unexpected ones.
struct category_comparison {
    double observed_value;
    bool success;
    std::vector<double> observed_weights;
    std::vector<double> expected_weights;
};

// expect_column_chisquare_test_p_value_to_be_greater_than(column, partition_object, p = 0.05, tail_weight_holdout = 0):
// the p-value of Pearson's chi-square test, scipy.stats.chisquare. An unexpected value gets an equal part of the holdout,
// by which the weights of the partition are lessened; without a holdout one of them makes the p-value 0. A weight of 0
// for a value without a row makes it NaN. Success: p-value > p.
//   observed_value   the p-value
//   details          {"observed_partition": {"values", "weights"}, "expected_partition": {"values", "weights"}},
//                    both weights as shares of 1
category_comparison chi_square_test(std::span<const double> weights, const category_counts& counts, double p,
                                    double tail_weight_holdout);

// expect_column_kl_divergence_to_be_less_than(column, partition_object, threshold, tail_weight_holdout = 0) with a
// categorical partition: sum of p ln(p / q), scipy.stats.entropy(observed, expected), which first makes both sum to 1.
// Success: divergence <= threshold, or no threshold. Infinite where an unexpected value has no weight.
//   observed_value   the divergence, null where it is infinite or NaN
//   details          as above; the expected weights after the holdout
category_comparison kl_divergence(std::span<const double> weights, const category_counts& counts,
                                  std::optional<double> threshold, double tail_weight_holdout);

// --- bins: divergence ------------------------------------------------------------------------------------------------

struct continuous_expectation {
    std::vector<double> bins; // the first may be -infinity, the last infinity
    std::vector<double> weights;
    std::vector<double> tail_weights = {}; // none or two
    double tail_weight_holdout = 0;
    double internal_weight_holdout = 0;
    std::optional<double> threshold = std::nullopt;
};

// Which of bins.size() - 1 bins a value lies in: each holds its left edge, the last one its right edge too. -1 below
// the first, bins.size() - 1 above the last one.
std::ptrdiff_t bin_of(double value, std::span<const double> bins);

struct bin_counts {
    std::vector<std::uint64_t> inside; // of each bin
    std::uint64_t below = 0;           // rows less than the first edge
    std::uint64_t above = 0;           // rows greater than the last edge
    std::uint64_t rows() const;        // all of them
};

struct bin_comparison {
    double observed_value;
    bool success;
    std::vector<double> bins; // the finite ones
    std::vector<double> observed_weights, expected_weights;
    std::array<double, 2> observed_tail_weights, expected_tail_weights;
};

// The same expectation with a continuous partition. The holdout of the tails is split between them, the internal one
// among the bins of weight 0; an infinite edge makes the outermost bin a tail. Throws invalid_parameter_value for
// holdouts or tail weights that do not go with the edges.
//   observed_value   the divergence, null where it is infinite or NaN
//   details          {"observed_partition": {"bins", "weights", "tail_weights"}, "expected_partition": {the same}}
bin_comparison kl_divergence(const continuous_expectation& expected, const bin_counts& counts);

// --- pairs of columns ------------------------------------------------------------------------------------------------

// expect_column_pair_cramers_phi_value_to_be_less_than(column_A, column_B, bins_A, bins_B, n_bins_A, n_bins_B,
// threshold = 0.1): sqrt(chi² / n / (min(rows, columns) - 1)) of the cross table, between 0 and 1, with
// scipy.stats.chi2_contingency's chi² (Yates' correction where the table is 2 × 2). NaN where one column has a single
// category or there is no row: GX fails then. Success: phi <= threshold.
//   observed_value   phi
//   details          {"crosstab": the table}
// GX bins numbers into 10 equal parts unless told otherwise, makes "(other)" of text values beyond the 10 most frequent,
// and "(missing)" of NULL.
double cramers_phi(const std::vector<std::vector<std::uint64_t>>& table);

// Edges of equal bins as numpy.histogram_bin_edges gives them; of one value, half a unit around it.
std::vector<double> equal_bins(double least, double greatest, std::size_t count);

// Edges given by a suite in ascending order, each once, extended to the least and greatest value where they lie outside.
std::vector<double> extended_bins(std::vector<double> bins, double least, double greatest);

} // namespace etl::validate
