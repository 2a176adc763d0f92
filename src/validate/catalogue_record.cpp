// The catalogue: expectations of two or more columns of a row, and of a row by any condition.
#include "validate/catalogue_tables.hpp"

#include <array>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

using enum kwarg_kind;
using namespace shared;

constexpr kwarg ignore_pair_if{.name = "ignore_row_if",
                               .kind = choice,
                               .required = false,
                               .meaning = "the rows that are passed over",
                               .otherwise = "\"both_values_are_missing\"",
                               .choices = "both_values_are_missing either_value_is_missing never"};
constexpr kwarg ignore_record_if{.name = "ignore_row_if",
                                 .kind = choice,
                                 .required = false,
                                 .meaning = "the rows that are passed over",
                                 .otherwise = "\"all_values_are_missing\"",
                                 .choices = "all_values_are_missing any_value_is_missing never"};

constexpr std::array pair{column_a, column_b, ignore_pair_if};
constexpr std::array greater{
    column_a,       column_b,      kwarg{"or_equal", flag, false, "whether equal values are right", "false"},
    ignore_pair_if, parse_strings, cross_types};
constexpr std::array pairs_set{column_a, column_b,
                               kwarg{.name = "value_pairs_set",
                                     .kind = pairs,
                                     .required = true,
                                     .meaning = "a list of [first, second]; null for all there are",
                                     .nullable = true},
                               ignore_pair_if};
constexpr std::array cramers{
    column_a,
    column_b,
    kwarg{"threshold", number, false, "the value to stay below", "0.1"},
    kwarg{"bins_A", bins, false, "the bins of the first column's values: bounds of numbers, or lists of values"},
    kwarg{"bins_B", bins, false, "the bins of the second column's values: bounds of numbers, or lists of values"},
    kwarg{"n_bins_A", count, false, "the number of bins of the first column's values"},
    kwarg{"n_bins_B", count, false, "the number of bins of the second column's values"}};
constexpr std::array several{column_list, ignore_record_if};
constexpr std::array sum{column_list, kwarg{"sum_total", number, true, "the sum"}, ignore_record_if};
constexpr std::array condition_only{
    kwarg{"condition", text, true, "an SQL boolean of the row's columns; a row for which it is NULL is passed over"}};

constexpr auto of_pair = family::column_pair;
constexpr auto of_several = family::multicolumn;

constexpr std::array types{
    expectation_type{"expect_column_pair_values_a_to_be_greater_than_b", of_pair, true, greater,
                     "the first column's value is greater than the second's in every row"},
    expectation_type{"expect_column_pair_values_to_be_equal", of_pair, true, pair,
                     "both columns have the same value in every row"},
    expectation_type{"expect_column_pair_values_to_be_in_set", of_pair, true, pairs_set,
                     "the pair of both values is one of a set in every row"},
    expectation_type{"expect_column_pair_cramers_phi_value_to_be_less_than", of_pair, false, cramers,
                     "Cramer's phi, a measure of how much two columns depend on each other, is below a threshold"},
    expectation_type{"expect_compound_columns_to_be_unique", of_several, false, several,
                     "no two rows have the same values in these columns"},
    expectation_type{"expect_select_column_values_to_be_unique_within_record", of_several, true, several,
                     "no two of these columns have the same value in any row"},
    expectation_type{"expect_multicolumn_values_to_be_unique", of_several, true, several,
                     "an older name of expect_select_column_values_to_be_unique_within_record"},
    expectation_type{"expect_multicolumn_sum_to_equal", of_several, true, sum,
                     "the values of these columns add up to a sum in every row"},
    expectation_type{"expect_row_condition", family::row, true, condition_only,
                     "pg_etl's own: an SQL condition is true of every row"},
};

} // namespace

const std::span<const expectation_type> record_types{types};

} // namespace etl::validate
