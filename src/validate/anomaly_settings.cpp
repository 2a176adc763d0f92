#include "validate/anomaly_settings.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/nearest.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::anomaly {
namespace {

constexpr int deepest = 8;
constexpr double exact_whole_numbers = 9007199254740992.0; // 2^53

bool is_number_from(const json& value, double least, double most)
{
    const auto number = number_in(value);
    return number && *number >= least && *number <= most; // false for NaN
}

bool is_whole(const json& value, const parameter& of)
{
    const auto number = value.is_number() ? number_in(value) : std::nullopt;
    return number && *number == std::trunc(*number) && std::abs(*number) <= exact_whole_numbers &&
           *number >= static_cast<double>(of.least) && *number <= static_cast<double>(of.most);
}

bool is_fit(const json& value, const parameter& of)
{
    constexpr double infinity = std::numeric_limits<double>::infinity();
    switch (of.kind) {
    case parameter_kind::bound:
        return value.is_null() || is_number_from(value, -infinity, infinity);
    case parameter_kind::factor:
        return value.is_null() || is_number_from(value, 0, infinity);
    case parameter_kind::number:
        return is_number_from(value, 0, infinity);
    case parameter_kind::fraction:
        return is_number_from(value, 0, 1);
    case parameter_kind::whole:
        return is_whole(value, of);
    case parameter_kind::length:
        return value.is_null() || is_whole(value, of);
    case parameter_kind::flag:
        return value.is_boolean();
    case parameter_kind::history:
        return value == "before" || value == "partition";
    }
    return false;
}

std::string whole_range(const parameter& of)
{
    return "a whole number from " + std::to_string(of.least) + " to " + std::to_string(of.most);
}

std::string wanted(const parameter& of)
{
    switch (of.kind) {
    case parameter_kind::bound:
        return "a number, or null for no bound";
    case parameter_kind::factor:
        return "a number from 0, or null for no bound";
    case parameter_kind::number:
        return "a number from 0";
    case parameter_kind::fraction:
        return "a number from 0 to 1";
    case parameter_kind::whole:
        return whole_range(of);
    case parameter_kind::length:
        return whole_range(of) + ", or null";
    case parameter_kind::flag:
        return "true or false";
    case parameter_kind::history:
        break;
    }
    return R"("before" or "partition")";
}

std::string with_default(const parameter& of)
{
    return std::string{of.name} + " (" + (std::string_view{of.otherwise} == "null" ? "none" : of.otherwise) + ")";
}

[[noreturn]] void refuse_name(std::string_view strategy, std::string_view name, std::span<const parameter> parameters)
{
    std::vector<std::string_view> names;
    std::vector<std::string> defaults;
    for (const parameter& known : parameters) {
        names.emplace_back(known.name);
        defaults.push_back(with_default(known));
    }
    throw error(sqlstate::invalid_parameter_value,
                "strategy " + std::string{strategy} + " has no parameter " + in_quotes(validate::shortened(name)), {},
                validate::did_you_mean(name, names) + "Its parameters, with their defaults, are " + joined(defaults) +
                    ".");
}

[[noreturn]] void refuse_value(std::string_view strategy, const parameter& of, const json& value)
{
    throw error(sqlstate::invalid_parameter_value,
                "parameter " + in_quotes(of.name) + " of strategy " + std::string{strategy} + " must be " + wanted(of) +
                    ", not " + validate::shortened(value.dump()),
                {},
                std::string{of.name} + " is " + of.meaning + ". Its default is " +
                    (std::string_view{of.otherwise} == "null" ? "none" : of.otherwise) + ".");
}

const parameter* find(std::span<const parameter> parameters, std::string_view name)
{
    for (const parameter& known : parameters) {
        if (name == known.name) {
            return &known;
        }
    }
    return nullptr;
}

} // namespace

settings::settings(std::string_view strategy, std::span<const parameter> parameters, std::string_view given)
    : strategy_{strategy}, given_(parse_json(given, "params", deepest)), defaults_(default_values(parameters))
{
    if (!given_.is_object()) {
        throw error(sqlstate::invalid_parameter_value,
                    "params must be a JSON object, not " + validate::shortened(given_.dump()), {},
                    "Give the parameters by their names, as in {\"" + std::string{parameters[0].name} + "\": 3}.");
    }
    for (const auto& [name, value] : given_.items()) {
        const parameter* known = find(parameters, name);
        if (known == nullptr) {
            refuse_name(strategy, name, parameters);
        }
        if (!is_fit(value, *known)) {
            refuse_value(strategy, *known, value);
        }
    }
}

const json& settings::value(const char* name) const
{
    const auto found = given_.find(name);
    return found == given_.end() ? defaults_.at(name) : *found;
}

std::optional<double> settings::number_if(const char* name) const
{
    return number_in(value(name));
}

std::optional<std::int64_t> settings::whole_if(const char* name) const
{
    const json& found = value(name);
    return found.is_null() ? std::nullopt : std::optional{static_cast<std::int64_t>(found.get<double>())};
}

json default_values(std::span<const parameter> parameters)
{
    json made = json::object();
    for (const parameter& known : parameters) {
        made[known.name] = json::parse(known.otherwise);
    }
    return made;
}

} // namespace etl::anomaly
