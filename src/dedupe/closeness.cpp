// Linear closeness, and the refusal of parameters that make no sense of it.
#include "dedupe/closeness.hpp"

#include "dedupe/cutoff.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

namespace {

// As PostgreSQL writes a float8.
std::string number_text(double value)
{
    if (std::isnan(value)) {
        return "NaN";
    }
    if (std::isinf(value)) {
        return value < 0 ? "-Infinity" : "Infinity";
    }
    char text[32];
    std::snprintf(text, sizeof text, "%.*g", std::numeric_limits<double>::digits10, value);
    return text;
}

[[noreturn]] void refuse_scale(const std::string& scale, const char* hint)
{
    throw error(sqlstate::invalid_parameter_value, "scale must be finite and above 0, not " + scale,
                "It is the distance at which two values are no longer alike.", hint);
}

} // namespace

void refuse_cutoff(double cutoff)
{
    throw error(sqlstate::invalid_parameter_value, "cutoff must be from 0 to 1, not " + number_text(cutoff),
                "It is the least similarity of interest; what is below it is answered as 0.",
                "Give a number from 0 to 1, or leave it out.");
}

double closeness(double a, double b, double scale)
{
    if (!(scale > 0) || std::isinf(scale)) {
        refuse_scale(number_text(scale),
                     "Give the scale in the unit of the numbers, as in numeric_similarity(a, b, 10).");
    }
    if (a == b || (std::isnan(a) && std::isnan(b))) {
        return 1;
    }
    const double apart = std::abs(a - b) / scale; // NaN or infinite where one of them is
    return apart < 1 ? 1 - apart : 0;
}

double day_closeness(std::int64_t a, std::int64_t b, std::int32_t scale)
{
    if (scale < 1) {
        refuse_scale(std::to_string(scale), "Give the scale in days, as in date_similarity(a, b, 30).");
    }
    return std::max(0.0, 1 - static_cast<double>(std::abs(a - b)) / scale);
}

} // namespace etl::dedupe
