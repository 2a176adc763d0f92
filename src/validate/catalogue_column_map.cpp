// The catalogue: expectations of every value of a column.
#include "validate/catalogue_tables.hpp"

#include <array>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

using enum kwarg_kind;
using namespace shared;

constexpr kwarg order_by{"order_by", order, false,
                         "pg_etl's own: the columns that order the rows; without it the order in which they are read"};

constexpr std::array only_column{the_column};
constexpr std::array set{the_column, value_set, parse_strings};
constexpr std::array between{the_column, min_literal, max_literal,   strict_min,
                             strict_max, cross_types, parse_strings, output_format};
constexpr std::array of_type{the_column,
                             kwarg{.name = "type_",
                                   .kind = text,
                                   .required = true,
                                   .meaning = "the name of a type: PostgreSQL's, Great Expectations' or pandas'; "
                                              "null for any",
                                   .older = "type",
                                   .nullable = true}};
constexpr std::array in_type_list{the_column, kwarg{.name = "type_list",
                                                    .kind = texts,
                                                    .required = true,
                                                    .meaning = "the names of types; null for any",
                                                    .nullable = true}};
constexpr std::array regex{the_column,
                           kwarg{"regex", pattern, true, "the regular expression, found anywhere in the value"}};
constexpr kwarg regex_list{"regex_list", texts, true, "the regular expressions"};
constexpr std::array any_regex{the_column, regex_list, match_on};
constexpr std::array no_regex{the_column, regex_list};
constexpr std::array like{the_column,
                          kwarg{"like_pattern", pattern, true, "the pattern of LIKE, in which % and _ are wildcards"}};
constexpr kwarg like_list{"like_pattern_list", texts, true, "the patterns of LIKE"};
constexpr std::array any_like{the_column, like_list, match_on};
constexpr std::array no_like{the_column, like_list};
constexpr std::array strftime{the_column,
                              kwarg{"strftime_format", text, true, "the format, in Python's strptime's terms"}};
constexpr std::array json_schema{the_column, kwarg{"json_schema", schema, true, "the JSON Schema"}};
constexpr std::array ordered{the_column,
                             kwarg{"strictly", flag, false, "whether equal neighbours are unexpected", "false"},
                             order_by, parse_strings, cross_types};
constexpr std::array length{the_column, kwarg{"value", count, true, "the number of characters"}};
constexpr std::array length_between{the_column, min_count, max_count, strict_min, strict_max};
constexpr std::array z_scores{
    the_column, threshold,
    kwarg{"double_sided", flag, false, "whether values far below the mean are unexpected too", "false"}};

constexpr auto map = family::column_map;

constexpr std::array types{
    expectation_type{"expect_column_values_to_be_null", map, true, only_column, "every value is NULL"},
    expectation_type{"expect_column_values_to_not_be_null", map, true, only_column, "no value is NULL"},
    expectation_type{"expect_column_values_to_be_unique", map, false, only_column, "no value occurs twice"},
    expectation_type{"expect_column_values_to_be_in_set", map, true, set, "every value is one of a set"},
    expectation_type{"expect_column_values_to_not_be_in_set", map, true, set, "no value is one of a set"},
    expectation_type{"expect_column_values_to_be_between", map, true, between,
                     "every value is within bounds, by the order of the column's type", true},
    expectation_type{"expect_column_values_to_be_of_type", map, false, of_type, "the column is of a type"},
    expectation_type{"expect_column_values_to_be_in_type_list", map, false, in_type_list,
                     "the column is of one of some types"},
    expectation_type{"expect_column_values_to_match_regex", map, true, regex,
                     "a regular expression is found in every value"},
    expectation_type{"expect_column_values_to_not_match_regex", map, true, regex,
                     "a regular expression is found in no value"},
    expectation_type{"expect_column_values_to_match_regex_list", map, true, any_regex,
                     "any or all of some regular expressions are found in every value"},
    expectation_type{"expect_column_values_to_not_match_regex_list", map, true, no_regex,
                     "none of some regular expressions is found in any value"},
    expectation_type{"expect_column_values_to_match_like_pattern", map, true, like,
                     "every value matches a pattern of LIKE"},
    expectation_type{"expect_column_values_to_not_match_like_pattern", map, true, like,
                     "no value matches a pattern of LIKE"},
    expectation_type{"expect_column_values_to_match_like_pattern_list", map, true, any_like,
                     "every value matches any or all of some patterns of LIKE"},
    expectation_type{"expect_column_values_to_not_match_like_pattern_list", map, true, no_like,
                     "no value matches any of some patterns of LIKE"},
    expectation_type{"expect_column_values_to_match_strftime_format", map, true, strftime,
                     "every text is a date or time in a format"},
    expectation_type{"expect_column_values_to_be_dateutil_parseable", map, true, only_column,
                     "Python's dateutil reads every text as a date or time"},
    expectation_type{"expect_column_values_to_be_json_parseable", map, true, only_column, "every text is JSON"},
    expectation_type{"expect_column_values_to_match_json_schema", map, true, json_schema,
                     "every value is JSON that is valid by a JSON Schema"},
    expectation_type{"expect_column_values_to_be_increasing", map, false, ordered,
                     "no value is less than the one before it"},
    expectation_type{"expect_column_values_to_be_decreasing", map, false, ordered,
                     "no value is greater than the one before it"},
    expectation_type{"expect_column_value_lengths_to_equal", map, true, length,
                     "every text has a number of characters"},
    expectation_type{"expect_column_value_lengths_to_be_between", map, true, length_between,
                     "the number of characters of every text is within bounds", true},
    expectation_type{"expect_column_value_z_scores_to_be_less_than", map, false, z_scores,
                     "every value's distance from the mean, in standard deviations, is below a threshold"},
};

} // namespace

const std::span<const expectation_type> column_map_types{types};

} // namespace etl::validate
