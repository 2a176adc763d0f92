#include "validate/arguments.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/kwarg_value.hpp"
#include "validate/nearest.hpp"

#include <cmath>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr double exact = 9007199254740992.0; // 2^53: up to it every whole number is a double

// A whole number, also one that is written as a fraction or with an exponent: 10.0 is as good as 10.
std::optional<std::int64_t> whole_number(const json& value)
{
    if (value.is_number_integer()) {
        return value.get<std::int64_t>();
    }
    if (value.is_number_float() && std::abs(value.get<double>()) <= exact &&
        std::trunc(value.get<double>()) == value.get<double>()) {
        return static_cast<std::int64_t>(value.get<double>());
    }
    return std::nullopt;
}

} // namespace

bool arguments::has(const char* name) const
{
    const auto found = kwargs_.find(name);
    return found != kwargs_.end() && !found->is_null();
}

const json& arguments::value(const char* name) const
{
    if (!has(name)) {
        throw error(sqlstate::invalid_parameter_value,
                    std::string{type_.name} + " needs the argument " + in_quotes(name),
                    "The suite gives it " + shortened(kwargs_.dump()) + ".");
    }
    const json& found = *kwargs_.find(name);
    if (has_parameter(found)) {
        throw error(sqlstate::invalid_parameter_value,
                    "argument " + in_quotes(name) + " of " + type_.name + " has a parameter without a value",
                    "It is " + shortened(found.dump()) + ".", "Give the parameters their values with params => '{…}'.");
    }
    return found;
}

std::string arguments::pattern(const char* name) const
{
    const json& found = value(name);
    if (!found.is_string()) {
        refuse_value(name, "a string");
    }
    return found.get<std::string>();
}

std::string arguments::text(const char* name) const
{
    const json& found = value(name);
    if (!found.is_string() || found.get_ref<const std::string&>().empty()) {
        refuse_value(name, "a non-empty string");
    }
    return found.get<std::string>();
}

bool arguments::flag(const char* name, bool otherwise) const
{
    if (!has(name)) {
        return otherwise;
    }
    const json& found = value(name);
    if (!found.is_boolean()) {
        refuse_value(name, "true or false");
    }
    return found.get<bool>();
}

double arguments::number(const char* name) const
{
    const auto found = number_in(value(name));
    if (!found) {
        refuse_value(name, "a number");
    }
    return *found;
}

std::optional<double> arguments::number_if(const char* name) const
{
    return has(name) ? std::optional{number(name)} : std::nullopt;
}

std::int64_t arguments::count(const char* name) const
{
    const auto found = whole_number(value(name));
    if (!found || *found < 0) {
        refuse_value(name, "an integer from 0");
    }
    return *found;
}

std::optional<std::int64_t> arguments::whole_if(const char* name) const
{
    if (!has(name)) {
        return std::nullopt;
    }
    const auto found = whole_number(value(name));
    if (!found) {
        refuse_value(name, "a whole number");
    }
    return found;
}

std::optional<std::int64_t> arguments::count_if(const char* name) const
{
    return has(name) ? std::optional{count(name)} : std::nullopt;
}

std::optional<std::string> arguments::literal(const char* name) const
{
    return has(name) ? std::optional{literal_of(name, value(name))} : std::nullopt;
}

std::vector<std::string> arguments::literals(const char* name) const
{
    const json& list = value(name);
    if (!list.is_array()) {
        refuse_value(name, "an array of strings, numbers and booleans");
    }
    std::vector<std::string> found;
    for (const json& member : list) {
        if (!member.is_null()) { // a NULL is missing and no member of any set
            found.push_back(literal_of(name, member));
        }
    }
    return found;
}

std::vector<std::string> arguments::texts(const char* name) const
{
    if (!has(name)) {
        return {};
    }
    const json& found = value(name);
    if (found.is_string()) {
        return {found.get<std::string>()};
    }
    std::vector<std::string> made;
    for (const json& member : found) {
        if (!found.is_array() || !member.is_string()) {
            refuse_value(name, "an array of strings");
        }
        made.push_back(member.get<std::string>());
    }
    return made;
}

std::string arguments::literal_of(const char* name, const json& given) const
{
    if (given.is_string()) {
        return given.get<std::string>();
    }
    if (!given.is_number() && !given.is_boolean()) {
        refuse_value(name, "made of strings, numbers and booleans");
    }
    const auto whole = given.is_number_float() ? whole_number(given) : std::nullopt;
    return whole ? std::to_string(*whole) : given.dump();
}

void arguments::refuse_value(const char* name, const std::string& expected) const
{
    validate::refuse_value(type_, name, expected, kwargs_.value(name, json{}));
}

} // namespace etl::validate
