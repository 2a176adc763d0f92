// The rows that an expectation looks at: row_condition and condition_parser as SQL.
#pragma once

#include "core/json.hpp"

#include <string>
#include <string_view>

namespace etl::validate {

// A condition is a text or, in 1.x, an object. The parser says what language the text is of:
//   great_expectations   (great_expectations__experimental__ too) col("x") > 3 and the like
//   pandas, python       x == "a" and y > 3, as far as it certainly means the same in SQL; or SQL
//   spark                the same with SQL's treatment of missing values; or SQL
//   sql                  any SQL boolean
//   empty                great_expectations where it begins with col(, pandas where it has ==, else SQL
// SQL is returned as it is. The result stays within parentheses that are put around it. Throws etl::error (22023).
std::string row_condition_sql(const json& condition, std::string_view parser);

// The SQL of expect_row_condition, checked as SQL conditions of rows are.
std::string checked_sql_condition(std::string_view condition, const std::string& what);

} // namespace etl::validate
