// float8[] to and from C++ doubles.
#pragma once

#include "pg/function.hpp"

#include <optional>
#include <span>

namespace etl::pg {

// The elements of an array of double precision, which stay where they are. Throws null_value_not_allowed
// for NULL, invalid_parameter_value for NULL among them and for more than one dimension; `name` is the argument's in
// messages. Phase one.
std::span<const double> read_doubles(arguments args, int i, const char* name);

// A new array in the current memory context, under any live object; nothing becomes NULL.
Datum make_doubles(std::span<const double> numbers);
Datum make_doubles(std::span<const std::optional<double>> numbers);

} // namespace etl::pg
