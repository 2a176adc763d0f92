// The catalogue: expectations of the table itself, and of the rows of a query.
#include "validate/catalogue_tables.hpp"

#include <array>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

using enum kwarg_kind;
using namespace shared;

constexpr std::array exists{
    the_column, kwarg{"column_index", whole, false, "the place that the column has, counted from 0; any without it"}};
constexpr std::array number_of{kwarg{"value", count, true, "the number"}};
constexpr std::array number_between{min_count, max_count, strict_min, strict_max};
constexpr std::array ordered_list{kwarg{.name = "column_list",
                                        .kind = column_names,
                                        .required = true,
                                        .meaning = "the names in their order; null for any",
                                        .nullable = true}};
constexpr std::array name_set{kwarg{.name = "column_set",
                                    .kind = column_names,
                                    .required = true,
                                    .meaning = "the names; null for none",
                                    .nullable = true},
                              kwarg{"exact_match", flag, false, "whether the table may have no other columns", "true"}};
constexpr std::array other_table{
    kwarg{"other_table_name", text, true, "the other table, with its schema where search_path does not find it"}};
constexpr std::array rows_query{
    kwarg{"unexpected_rows_query", text, true, "a query; {batch} in it stands for what is validated"}};

constexpr auto table = family::table;

constexpr std::array types{
    expectation_type{"expect_column_to_exist", table, false, exists, "the table has a column"},
    expectation_type{"expect_table_column_count_to_equal", table, false, number_of,
                     "the table has a number of columns"},
    expectation_type{"expect_table_column_count_to_be_between", table, false, number_between,
                     "the number of columns is within bounds"},
    expectation_type{"expect_table_columns_to_match_ordered_list", table, false, ordered_list,
                     "the columns have these names, in this order"},
    expectation_type{"expect_table_columns_to_match_set", table, false, name_set,
                     "the columns have these names, in any order"},
    expectation_type{"expect_table_row_count_to_equal", table, false, number_of, "there is a number of rows"},
    expectation_type{"expect_table_row_count_to_be_between", table, false, number_between,
                     "the number of rows is within bounds"},
    expectation_type{"expect_table_row_count_to_equal_other_table", table, false, other_table,
                     "there are as many rows as in another table"},
    expectation_type{"unexpected_rows_expectation", family::query, false, rows_query, "a query returns no row"},
};

} // namespace

const std::span<const expectation_type> table_types{types};

} // namespace etl::validate
