#include "validate/parameters.hpp"

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/text.hpp"
#include "validate/kwarg_value.hpp"
#include "validate/nearest.hpp"
#include "validate/parameter_expression.hpp"
#include "validate/suite_document.hpp"

#include <utility>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr int deepest_values = 64;

json read_values(std::string_view text)
{
    if (text.empty()) {
        return json::object();
    }
    json values = parse_json(quote_unusual_numbers(text), "params", deepest_values);
    if (values.is_null()) {
        return json::object();
    }
    if (!values.is_object()) {
        throw error(sqlstate::invalid_parameter_value, "params must be a JSON object",
                    "It is of the JSON type " + std::string{values.type_name()} + ".",
                    "Write it like params => '{\"least_price\": 5}'.");
    }
    return values;
}

// What a suite says of its parameters itself.
json own_values(const json& document)
{
    json made = json::object();
    for (const char* name : {"evaluation_parameters", "suite_parameters"}) {
        if (document.contains(name) && document[name].is_object()) {
            made.update(document[name]);
        }
    }
    return made;
}

json value_of(const json& parameter, const parameter_scope& scope)
{
    const json& expression = parameter["$PARAMETER"];
    if (!expression.is_string()) {
        throw error(sqlstate::invalid_parameter_value, "\"$PARAMETER\" must be the name of a parameter",
                    "It is " + shortened(expression.dump()) + ".");
    }
    const std::string text = expression.get<std::string>();
    const auto own = parameter.find("$PARAMETER." + text);
    if (own != parameter.end() && !scope.given.contains(text)) {
        return *own;
    }
    return evaluate_parameter(text, scope);
}

void bind(json& value, const parameter_scope& scope)
{
    if (is_parameter(value)) {
        json bound = value_of(value, scope);
        value = std::move(bound);
    } else if (value.is_structured()) {
        for (json& member : value) {
            bind(member, scope);
        }
    }
}

} // namespace

std::string bind_parameters(std::string_view document, std::string_view values, std::int64_t now)
{
    json parsed = parse_document(document);
    const parameter_scope scope{read_values(values), own_values(parsed), now};
    for (json& expectation : parsed["expectations"]) {
        if (expectation.is_object() && expectation.contains("kwargs")) {
            bind(expectation["kwargs"], scope);
        }
    }
    return parsed.dump();
}

} // namespace etl::validate
