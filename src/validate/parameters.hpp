// Values that a suite leaves open: {"$PARAMETER": "x"}, bound when the suite runs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace etl::validate {

// The document with every parameter of its arguments, at any depth, replaced by its value. A parameter is a name or an
// expression (parameter_expression.hpp). Names are looked up in `values`, the text of a JSON object (empty = none),
// then in what the parameter itself has as {"$PARAMETER": "x", "$PARAMETER.x": value}, then in the suite's own
// suite_parameters or evaluation_parameters. `now` is what now() is: microseconds since 1970 of the local clock.
// Throws etl::error (22023) for one that has no value. The arguments are then to be checked again: parse_suite().
std::string bind_parameters(std::string_view document, std::string_view values, std::int64_t now = 0);

} // namespace etl::validate
