// How close two numbers or dates are: 1 where they are equal, falling in a straight line to 0 where they are `scale`
// apart or further. J. C. Gower, "A general coefficient of similarity and some of its properties", 1971, with a scale
// that the user names in place of the range of the data.
#pragma once

#include <cstdint>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

// Equal values are close whatever they are: NaN to NaN, an infinity to itself. Otherwise these are close to nothing.
// Raises 22023 for a scale that is not a finite number above 0.
double closeness(double a, double b, double scale);

// Days since any day, and a scale in days. Raises 22023 for a scale below 1.
double day_closeness(std::int64_t a, std::int64_t b, std::int32_t scale);

} // namespace etl::dedupe
