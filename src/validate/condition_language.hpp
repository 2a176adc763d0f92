// Row conditions as Great Expectations' users write them, read and written again as SQL.
//
// Three dialects of one small language: comparisons of a column with a value, `in` a list of values, tests for NULL,
// and what joins them. More (arithmetic, methods of pandas) is refused, because it need not mean the same in SQL.
#pragma once

#include <string>
#include <string_view>

namespace etl::validate {

enum class condition_dialect {
    great_expectations, // col("x") > 3, col("x").notNull(), date("2024-01-31")
    pandas,             // x > 3 and y != "a"; what compares with a missing value is false, and != true
    spark,              // the same signs with the missing values of SQL
};

// Throws etl::error (22023) for what is not of the dialect.
std::string condition_in_sql(std::string_view condition, condition_dialect dialect);

} // namespace etl::validate
