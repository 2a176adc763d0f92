// int[], bigint[] and float8[] from C++ numbers, and bigint[] of a fixed length as an aggregate's state: for states of a few
// whole numbers, which need no type of their own. Such an aggregate has an INITCOND of that length and strict
// functions.
#pragma once

#include "pg/function.hpp"

#include <cstdint>
#include <span>

namespace etl::pg {

// The first argument of a transition or combine function, ready to be changed in place. The functions can be called
// from SQL with any array, so its shape is checked. Phase one.
std::span<std::int64_t> own_numbers(arguments args, std::size_t length);

// An array that is only read. Phase one.
std::span<const std::int64_t> read_numbers(arguments args, int i, std::size_t length);

// The same of any length. Raises where it is NULL.
std::span<const std::int64_t> read_numbers(arguments args, int i);

// A float8[] of one dimension without NULLs. Phase one.
std::span<const double> read_floats(arguments args, int i);

// The array that own_numbers() gave, as a result.
Datum numbers_datum(std::span<std::int64_t> numbers);

// A new int[], bigint[] or float8[] in the current memory context, under any live object.
Datum make_numbers(std::span<const std::int32_t> numbers);
Datum make_numbers(std::span<const std::int64_t> numbers);
Datum make_numbers(std::span<const double> numbers);

} // namespace etl::pg
