// The tables of the catalogue, one file each; catalogue.cpp puts them together.
#pragma once

#include "validate/catalogue.hpp"

namespace etl::validate {

extern const std::span<const expectation_type> column_map_types;
extern const std::span<const expectation_type> column_aggregate_types;
extern const std::span<const expectation_type> record_types; // column pairs, several columns, any condition
extern const std::span<const expectation_type> table_types;  // the table, queries

// Arguments that several tables have.
namespace shared {

inline constexpr kwarg the_column{"column", kwarg_kind::column, true, "the column"};
inline constexpr kwarg column_a{.name = "column_A",
                                .kind = kwarg_kind::column,
                                .required = true,
                                .meaning = "the first column",
                                .older = "column_a"};
inline constexpr kwarg column_b{.name = "column_B",
                                .kind = kwarg_kind::column,
                                .required = true,
                                .meaning = "the second column",
                                .older = "column_b"};
inline constexpr kwarg column_list{"column_list", kwarg_kind::columns, true, "the columns"};
inline constexpr kwarg value_set{.name = "value_set",
                                 .kind = kwarg_kind::literals,
                                 .required = true,
                                 .meaning = "the values of the set; null for all there are",
                                 .nullable = true};
inline constexpr kwarg min_literal{"min_value", kwarg_kind::literal, false, "the lower bound; none without it"};
inline constexpr kwarg max_literal{"max_value", kwarg_kind::literal, false, "the upper bound; none without it"};
inline constexpr kwarg min_number{"min_value", kwarg_kind::number, false, "the lower bound; none without it"};
inline constexpr kwarg max_number{"max_value", kwarg_kind::number, false, "the upper bound; none without it"};
inline constexpr kwarg min_count{"min_value", kwarg_kind::whole, false, "the least number; none without it"};
inline constexpr kwarg max_count{"max_value", kwarg_kind::whole, false, "the greatest number; none without it"};
inline constexpr kwarg strict_min{"strict_min", kwarg_kind::flag, false, "whether min_value itself is too low",
                                  "false"};
inline constexpr kwarg strict_max{"strict_max", kwarg_kind::flag, false, "whether max_value itself is too high",
                                  "false"};
inline constexpr kwarg threshold{"threshold", kwarg_kind::number, true, "the value to stay below"};
inline constexpr kwarg match_on{.name = "match_on",
                                .kind = kwarg_kind::choice,
                                .required = false,
                                .meaning = "whether any one of the list must match, or all",
                                .otherwise = "\"any\"",
                                .choices = "any all"};

// Accepted because old suites have them, and without effect here.
inline constexpr kwarg parse_strings{.name = "parse_strings_as_datetimes",
                                     .kind = kwarg_kind::flag,
                                     .required = false,
                                     .meaning = "ignored: bounds are read as the column's type says",
                                     .obsolete = true};
inline constexpr kwarg cross_types{.name = "allow_cross_type_comparisons",
                                   .kind = kwarg_kind::flag,
                                   .required = false,
                                   .meaning = "ignored: a column has one type",
                                   .obsolete = true};
inline constexpr kwarg output_format{.name = "output_strftime_format",
                                     .kind = kwarg_kind::text,
                                     .required = false,
                                     .meaning = "ignored: moments are shown as ISO 8601",
                                     .obsolete = true};

} // namespace shared
} // namespace etl::validate
