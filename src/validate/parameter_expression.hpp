// Great Expectations' expressions over parameters: "upstream_rows * 0.9", "now() - timedelta(days=7)".
//
// Numbers, names, PI and E, the signs + - * / ^ and parentheses, the functions abs, round, trunc, sgn, exp, sin, cos,
// tan, now(), datetime(year, month, day, …) and timedelta(days, …), whose arguments may be named. Numbers are Python's:
// whole numbers stay whole but for /, and a minus before a number binds closer than ^.
#pragma once

#include "core/json.hpp"

#include <cstdint>
#include <string_view>

namespace etl::validate {

// The names that expressions may use.
struct parameter_scope {
    json given;           // an object: the values of this run
    json own;             // an object: those that the suite has itself
    std::int64_t now = 0; // what now() is: microseconds since 1970 of the local clock

    const json* find(std::string_view name) const; // nullptr where there is none
    [[noreturn]] void refuse_unknown(std::string_view name) const;
};

// The expression's value: a number, or a moment as ISO 8601. A name alone may have a value of any type. Throws
// etl::error (22023) for a name without a value and for what is no expression.
json evaluate_parameter(std::string_view expression, const parameter_scope& scope);

} // namespace etl::validate
