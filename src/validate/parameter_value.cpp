#include "validate/parameter_value.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/nearest.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

using kind = parameter_value::kind;

constexpr std::int64_t microseconds_a_second = 1000000;
constexpr std::int64_t microseconds_a_day = 86400 * microseconds_a_second;
constexpr double exact = 9007199254740992.0; // 2^53: up to it every whole number is a double

[[noreturn]] void refuse(std::string message, std::string detail = {})
{
    throw error(sqlstate::invalid_parameter_value, std::move(message), std::move(detail));
}

[[noreturn]] void refuse_range()
{
    refuse("value of a parameter expression is out of range");
}

std::int64_t whole_of(double value)
{
    if (!(std::abs(value) < 9.2e18)) {
        refuse_range();
    }
    return static_cast<std::int64_t>(value);
}

// Python's whole numbers have no end; ours become real numbers there.
parameter_value whole_or_real(char sign, std::int64_t a, std::int64_t b)
{
    std::int64_t made = 0;
    const bool overflow = sign == '+'   ? __builtin_add_overflow(a, b, &made)
                          : sign == '-' ? __builtin_sub_overflow(a, b, &made)
                                        : __builtin_mul_overflow(a, b, &made);
    if (!overflow) {
        return parameter_value::of_whole(made);
    }
    const auto x = static_cast<double>(a);
    const auto y = static_cast<double>(b);
    return parameter_value::of_real(sign == '+' ? x + y : sign == '-' ? x - y : x * y);
}

parameter_value power(const parameter_value& left, const parameter_value& right)
{
    const double made = std::pow(left.real, right.real);
    if (!std::isfinite(made)) {
        refuse_range();
    }
    const bool whole = left.is == kind::whole && right.is == kind::whole && right.whole >= 0 && std::abs(made) <= exact;
    return whole ? parameter_value::of_whole(whole_of(made)) : parameter_value::of_real(made);
}

parameter_value reckon_numbers(char sign, const parameter_value& left, const parameter_value& right)
{
    if (sign == '^') {
        return power(left, right);
    }
    if (sign == '/') {
        if (right.real == 0) {
            refuse("division by zero in a parameter expression");
        }
        return parameter_value::of_real(left.real / right.real);
    }
    if (left.is == kind::whole && right.is == kind::whole) {
        return whole_or_real(sign, left.whole, right.whole);
    }
    return parameter_value::of_real(sign == '+'   ? left.real + right.real
                                    : sign == '-' ? left.real - right.real
                                                  : left.real * right.real);
}

std::int64_t sum(std::int64_t a, std::int64_t b, char sign)
{
    const parameter_value made = whole_or_real(sign, a, b);
    if (made.is != kind::whole) {
        refuse_range();
    }
    return made.whole;
}

// Moments and spans: as Python's datetime and timedelta.
std::optional<parameter_value> reckon_times(char sign, const parameter_value& left, const parameter_value& right)
{
    const bool adds = sign == '+' || sign == '-';
    if (adds && left.is == kind::span && right.is == kind::span) {
        return parameter_value::of_span(sum(left.whole, right.whole, sign));
    }
    if (adds && left.is == kind::moment && right.is == kind::span) {
        return parameter_value::of_moment(sum(left.whole, right.whole, sign));
    }
    if (sign == '+' && left.is == kind::span && right.is == kind::moment) {
        return parameter_value::of_moment(sum(left.whole, right.whole, sign));
    }
    if (sign == '-' && left.is == kind::moment && right.is == kind::moment) {
        return parameter_value::of_span(sum(left.whole, right.whole, sign));
    }
    if ((sign == '*' || sign == '/') && left.is == kind::span && right.is_number() &&
        (sign == '*' || right.real != 0)) {
        const auto span = static_cast<double>(left.whole);
        return parameter_value::of_span(whole_of(std::nearbyint(sign == '*' ? span * right.real : span / right.real)));
    }
    if (sign == '*' && left.is_number() && right.is == kind::span) {
        return reckon_times(sign, right, left);
    }
    return std::nullopt;
}

// --- functions -----------------------------------------------------------------------------------------------------

using arguments = std::span<const parameter_argument>;

[[noreturn]] void refuse_arguments(std::string_view function)
{
    refuse("arguments of the function " + std::string{function} + "() in a parameter expression do not suit it");
}

double one_number(std::string_view function, arguments given)
{
    if (given.size() != 1 || !given[0].first.empty() || !given[0].second.is_number()) {
        refuse_arguments(function);
    }
    return given[0].second.real;
}

// Half to even, as Python does; with a number of digits the result is no whole number.
parameter_value round_number(arguments given)
{
    if (given.size() == 2 && given[1].first.empty() && given[1].second.is == kind::whole) {
        const double scale = std::pow(10.0, static_cast<double>(given[1].second.whole));
        const double made = std::nearbyint(one_number("round", given.first(1)) * scale) / scale;
        return std::isfinite(made) ? parameter_value::of_real(made) : given[0].second;
    }
    return parameter_value::of_whole(whole_of(std::nearbyint(one_number("round", given))));
}

parameter_value absolute(arguments given)
{
    const parameter_value value = given.empty() ? parameter_value{} : given[0].second;
    return one_number("abs", given) < 0 ? negative(value) : value;
}

parameter_value sign_of(arguments given)
{
    constexpr double nearly_nothing = 1e-12;
    const double value = one_number("sgn", given);
    return parameter_value::of_whole(value < -nearly_nothing ? -1 : value > nearly_nothing ? 1 : 0);
}

// The arguments in the order of their names; those that are not given are 0.
template <std::size_t Count>
std::array<double, Count> by_name(std::string_view function, const std::array<std::string_view, Count>& names,
                                  arguments given)
{
    std::array<double, Count> made{};
    for (std::size_t i = 0; i < given.size(); ++i) {
        const auto& [name, value] = given[i];
        const auto place =
            name.empty() ? i : static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
        if (place >= Count || !value.is_number()) {
            refuse_arguments(function);
        }
        made[place] = value.real;
    }
    return made;
}

parameter_value span_of(arguments given)
{
    constexpr std::array<std::string_view, 7> names{"days",    "seconds", "microseconds", "milliseconds",
                                                    "minutes", "hours",   "weeks"};
    constexpr std::array<double, 7> sizes{86400e6, 1e6, 1, 1e3, 60e6, 3600e6, 604800e6};
    const auto values = by_name("timedelta", names, given);
    double microseconds = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        microseconds += values[i] * sizes[i];
    }
    return parameter_value::of_span(whole_of(std::nearbyint(microseconds)));
}

bool make_moment(const std::array<double, 7>& part, std::int64_t& microseconds)
{
    constexpr std::array<double, 7> least{1, 1, 1, 0, 0, 0, 0};
    constexpr std::array<double, 7> most{9999, 12, 31, 23, 59, 59, 999999};
    for (std::size_t i = 0; i < part.size(); ++i) {
        if (!(part[i] >= least[i] && part[i] <= most[i]) || std::trunc(part[i]) != part[i]) {
            return false;
        }
    }
    const std::chrono::year_month_day day{std::chrono::year{static_cast<int>(part[0])},
                                          std::chrono::month{static_cast<unsigned>(part[1])},
                                          std::chrono::day{static_cast<unsigned>(part[2])}};
    if (!day.ok()) {
        return false;
    }
    const double seconds = part[3] * 3600 + part[4] * 60 + part[5];
    microseconds = std::chrono::sys_days{day}.time_since_epoch().count() * microseconds_a_day +
                   static_cast<std::int64_t>(seconds) * microseconds_a_second + static_cast<std::int64_t>(part[6]);
    return true;
}

parameter_value moment_of(arguments given)
{
    constexpr std::array<std::string_view, 7> names{"year", "month", "day", "hour", "minute", "second", "microsecond"};
    const auto parts = by_name("datetime", names, given);
    std::int64_t microseconds = 0;
    if (!make_moment(parts, microseconds)) {
        refuse_arguments("datetime");
    }
    return parameter_value::of_moment(microseconds);
}

} // namespace

parameter_value reckon(char sign, const parameter_value& left, const parameter_value& right)
{
    if (left.is_number() && right.is_number()) {
        return reckon_numbers(sign, left, right);
    }
    if (const auto made = reckon_times(sign, left, right)) {
        return *made;
    }
    refuse("a parameter expression cannot reckon so with numbers, moments and spans",
           std::string{"The sign is "} + sign + ".");
}

parameter_value negative(const parameter_value& value)
{
    switch (value.is) {
    case kind::whole:
        return whole_or_real('-', 0, value.whole);
    case kind::real:
        return parameter_value::of_real(-value.real);
    case kind::span:
        return parameter_value::of_span(sum(0, value.whole, '-'));
    case kind::moment:
        break;
    }
    refuse("a moment in a parameter expression has no negative");
}

parameter_value call_parameter_function(std::string_view name, arguments given, std::int64_t now)
{
    if (name == "now" && given.empty()) {
        return parameter_value::of_moment(now);
    }
    if (name == "datetime") {
        return moment_of(given);
    }
    if (name == "timedelta") {
        return span_of(given);
    }
    if (name == "abs") {
        return absolute(given);
    }
    if (name == "round") {
        return round_number(given);
    }
    if (name == "trunc") {
        return parameter_value::of_whole(whole_of(std::trunc(one_number(name, given))));
    }
    if (name == "sgn") {
        return sign_of(given);
    }
    constexpr std::array<std::pair<std::string_view, double (*)(double)>, 4> reals{
        {{"exp", std::exp}, {"sin", std::sin}, {"cos", std::cos}, {"tan", std::tan}}};
    for (const auto& [called, function] : reals) {
        if (name == called) {
            return parameter_value::of_real(function(one_number(name, given)));
        }
    }
    if (name == "now") {
        refuse_arguments(name);
    }
    refuse("unknown function " + in_quotes(shortened(name)) + " in a parameter expression",
           "The functions are abs, round, trunc, sgn, exp, sin, cos, tan, now, datetime and timedelta.");
}

std::string iso_moment(std::int64_t microseconds)
{
    constexpr std::int64_t first = -62135596800000000; // of the year 1
    constexpr std::int64_t last = 253402300799999999;  // of the year 9999
    if (microseconds < first || microseconds > last) {
        refuse_range();
    }
    const std::chrono::sys_time<std::chrono::microseconds> moment{std::chrono::microseconds{microseconds}};
    const auto midnight = std::chrono::floor<std::chrono::days>(moment);
    const std::chrono::year_month_day day{midnight};
    const std::int64_t of_day = (moment - midnight).count();
    const auto year = static_cast<int>(day.year());
    std::array<char, 40> text{};
    const auto seconds = static_cast<int>(of_day / microseconds_a_second);
    const auto fraction = static_cast<int>(of_day % microseconds_a_second);
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d", year, static_cast<unsigned>(day.month()),
                  static_cast<unsigned>(day.day()), seconds / 3600, seconds / 60 % 60, seconds % 60);
    std::string made{text.data()};
    if (fraction != 0) {
        std::snprintf(text.data(), text.size(), ".%06d", fraction);
        made += text.data();
    }
    return made;
}

bool read_iso_moment(std::string_view text, std::int64_t& microseconds)
{
    std::array<double, 7> parts{};
    constexpr std::array<std::size_t, 6> at{0, 5, 8, 11, 14, 17};
    constexpr std::array<std::size_t, 6> size{4, 2, 2, 2, 2, 2};
    constexpr std::string_view signs[]{"", "-", "-", "T ", ":", ":"};
    std::size_t end = 0;
    for (std::size_t i = 0; i < at.size() && end < text.size(); ++i) {
        int value = 0;
        const bool divided = i == 0 || signs[i].find(text[end]) != std::string_view::npos;
        const std::size_t next = at[i] + size[i];
        if (!divided || next > text.size() ||
            std::from_chars(text.data() + at[i], text.data() + next, value).ptr != text.data() + next || value < 0) {
            return false;
        }
        parts[i] = value;
        end = next;
    }
    if (end < 10 || end == 13) {
        return false;
    }
    if (end < text.size()) { // a fraction of a second
        if (text[end] != '.' || text.size() - end > 7 || text.size() - end < 2) {
            return false;
        }
        double scale = 100000;
        for (const char c : text.substr(end + 1)) {
            if (c < '0' || c > '9') {
                return false;
            }
            parts[6] += (c - '0') * scale;
            scale /= 10;
        }
    }
    return make_moment(parts, microseconds);
}

} // namespace etl::validate
