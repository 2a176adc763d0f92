// The catalogue: expectations of a column as a whole.
#include "validate/catalogue_tables.hpp"

#include <array>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

using enum kwarg_kind;
using namespace shared;

constexpr kwarg tail_holdout{"tail_weight_holdout", number, false,
                             "the weight set aside for values outside of the partition", "0"};

constexpr std::array bounds{the_column, min_literal, max_literal, strict_min, strict_max, parse_strings, output_format};
constexpr std::array number_bounds{the_column, min_number, max_number, strict_min, strict_max};
constexpr std::array sum_bounds{the_column, min_number,    max_number,   strict_min,
                                strict_max, parse_strings, output_format};
constexpr std::array set{the_column, value_set, parse_strings};
constexpr std::array common_set{the_column, value_set,
                                kwarg{"ties_okay", flag, false,
                                      "whether it is enough that one of the equally common values is in the set",
                                      "false"}};
constexpr std::array quantile{
    the_column,
    kwarg{"quantile_ranges", quantiles, true,
          "an object of \"quantiles\", a list of numbers from 0 to 1, and \"value_ranges\", a list of [low, high]"},
    kwarg{"allow_relative_error", anything, false, "ignored: quantiles are exact", "false"}};
constexpr std::array divergence{
    the_column,
    kwarg{.name = "partition_object",
          .kind = partition,
          .required = true,
          .meaning =
              "the expected distribution: \"weights\" with \"values\", or with \"bins\" for numbers; null for the "
              "column's own",
          .nullable = true},
    kwarg{.name = "threshold",
          .kind = number,
          .required = true,
          .meaning = "the greatest divergence that is right; null for any",
          .nullable = true},
    kwarg{"bucketize_data", flag, false, "whether numbers are counted in bins, and not one by one", "true"},
    tail_holdout,
    kwarg{"internal_weight_holdout", number, false, "the weight set aside for bins that the partition gives none", "0"},
    kwarg{"min_value", number, false, "ignored: threshold decides"},
    kwarg{"max_value", number, false, "ignored: threshold decides"}};
constexpr std::array chisquare{
    the_column,
    kwarg{"partition_object", partition, true, "the expected distribution: \"values\" and their \"weights\""},
    kwarg{.name = "p",
          .kind = number,
          .required = false,
          .meaning = "the p-value to exceed",
          .otherwise = "0.05",
          .older = "p_value"},
    tail_holdout};
constexpr std::array bootstrapped{
    the_column, kwarg{"partition_object", partition, true, "the expected distribution: \"bins\" and their \"weights\""},
    kwarg{.name = "p",
          .kind = number,
          .required = false,
          .meaning = "the p-value to exceed",
          .otherwise = "0.05",
          .older = "p_value"},
    kwarg{"bootstrap_samples", count, false, "the number of samples; 1000 without it"},
    kwarg{"bootstrap_sample_size", count, false, "the size of a sample; twice the number of weights without it"}};
constexpr std::array parameterized{
    the_column,
    kwarg{"distribution", text, true, "the name of a distribution: norm, beta, gamma, uniform, chi2, expon"},
    kwarg{.name = "p_value",
          .kind = number,
          .required = false,
          .meaning = "the p-value to exceed",
          .otherwise = "0.05",
          .older = "p"},
    kwarg{"params", distribution, false,
          "the parameters of the distribution: an object by name, or a list in the order of scipy's"}};

constexpr auto whole_column = family::column_aggregate;

constexpr std::array types{
    expectation_type{"expect_column_min_to_be_between", whole_column, false, bounds,
                     "the least value is within bounds"},
    expectation_type{"expect_column_max_to_be_between", whole_column, false, bounds,
                     "the greatest value is within bounds"},
    expectation_type{"expect_column_mean_to_be_between", whole_column, false, sum_bounds, "the mean is within bounds"},
    expectation_type{"expect_column_median_to_be_between", whole_column, false, bounds, "the median is within bounds"},
    expectation_type{"expect_column_stdev_to_be_between", whole_column, false, number_bounds,
                     "the standard deviation is within bounds"},
    expectation_type{"expect_column_sum_to_be_between", whole_column, false, sum_bounds, "the sum is within bounds"},
    expectation_type{"expect_column_unique_value_count_to_be_between", whole_column, false, number_bounds,
                     "the number of distinct values is within bounds"},
    expectation_type{"expect_column_proportion_of_unique_values_to_be_between", whole_column, false, number_bounds,
                     "the distinct values are a part, from 0 to 1, of all values that is within bounds"},
    expectation_type{"expect_column_proportion_of_non_null_values_to_be_between", whole_column, false, number_bounds,
                     "the values that are not NULL are a part, from 0 to 1, of all rows that is within bounds"},
    expectation_type{"expect_column_quantile_values_to_be_between", whole_column, false, quantile,
                     "each of some quantiles is within its bounds"},
    expectation_type{"expect_column_most_common_value_to_be_in_set", whole_column, false, common_set,
                     "the most common value is one of a set"},
    expectation_type{"expect_column_distinct_values_to_be_in_set", whole_column, false, set,
                     "every distinct value is one of a set"},
    expectation_type{"expect_column_distinct_values_to_contain_set", whole_column, false, set,
                     "every value of a set occurs"},
    expectation_type{"expect_column_distinct_values_to_equal_set", whole_column, false, set,
                     "the distinct values are those of a set"},
    expectation_type{"expect_column_kl_divergence_to_be_less_than", whole_column, false, divergence,
                     "the Kullback-Leibler divergence from an expected distribution is below a threshold"},
    expectation_type{"expect_column_chisquare_test_p_value_to_be_greater_than", whole_column, false, chisquare,
                     "a chi-square test does not tell the values from an expected distribution"},
    expectation_type{"expect_column_bootstrapped_ks_test_p_value_to_be_greater_than", whole_column, false, bootstrapped,
                     "a bootstrapped Kolmogorov-Smirnov test does not tell the numbers from an expected distribution"},
    expectation_type{"expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than", whole_column, false,
                     parameterized, "a Kolmogorov-Smirnov test does not tell the numbers from a named distribution"},
};

} // namespace

const std::span<const expectation_type> column_aggregate_types{types};

} // namespace etl::validate
