// What parameter expressions reckon with: Python's numbers, moments and spans, as far as suites need them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace etl::validate {

struct parameter_value {
    enum class kind { whole, real, moment, span } is = kind::whole;
    std::int64_t whole = 0; // of moments and spans microseconds, of moments since 1970
    double real = 0;

    static parameter_value of_whole(std::int64_t value) { return {kind::whole, value, static_cast<double>(value)}; }
    static parameter_value of_real(double value) { return {kind::real, 0, value}; }
    static parameter_value of_moment(std::int64_t value) { return {kind::moment, value, 0}; }
    static parameter_value of_span(std::int64_t value) { return {kind::span, value, 0}; }

    bool is_number() const { return is == kind::whole || is == kind::real; }
};

// left `sign` right, the sign being one of + - * / ^. Throws etl::error (22023) where Python would raise, and where
// the result is out of range.
parameter_value reckon(char sign, const parameter_value& left, const parameter_value& right);
parameter_value negative(const parameter_value& value);

// An argument of a function, with its name where it was given by name.
using parameter_argument = std::pair<std::string, parameter_value>;

// The value of a function of expressions; `now` is what now() is. Throws etl::error (22023) for one that is not known
// and for arguments that do not suit it.
parameter_value call_parameter_function(std::string_view name, std::span<const parameter_argument> arguments,
                                        std::int64_t now);

// 2024-01-31T10:00:00, with .123456 where the seconds have a fraction.
std::string iso_moment(std::int64_t microseconds);

// A moment that is written so, also without its time or with a blank for the T; false where the text is none.
bool read_iso_moment(std::string_view text, std::int64_t& microseconds);

} // namespace etl::validate
