// Spans of time of a fixed length: intervals without months, whose days have 24 hours.
#pragma once

#include "pg/function.hpp"

#include <cstdint>

namespace etl::feature {

// Microseconds, above 0. `what` names the argument in the errors: 22023 for months, and for what is not above zero or
// too long. May raise.
std::int64_t read_span(const Interval& span, const char* what);

} // namespace etl::feature
