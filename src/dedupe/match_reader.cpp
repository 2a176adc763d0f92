#include "dedupe/match_reader.hpp"

#include <cmath>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

std::string shown_json(const json& value)
{
    constexpr std::size_t most = 60;
    std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace); // ASCII: it can be cut anywhere
    if (text.size() > most) {
        text.replace(most, std::string::npos, "...");
    }
    return text;
}

match_reader::match_reader(const json& object, std::string place) : object_{object}, place_{std::move(place)}
{
    if (!object.is_object()) {
        throw error(sqlstate::invalid_parameter_value, place_ + " must be a JSON object, not " + shown_json(object));
    }
}

void match_reader::allow(std::initializer_list<std::string_view> keys) const
{
    for (const auto& [key, value] : object_.items()) {
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
            refuse("has the unknown key " + in_quotes(key), "The keys are " + joined(keys) + '.');
        }
    }
}

const json& match_reader::at(const char* key) const
{
    const auto found = object_.find(key);
    if (found == object_.end()) {
        refuse("lacks " + in_quotes(key));
    }
    return *found;
}

const std::string& match_reader::text(const char* key) const
{
    const json& value = at(key);
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
        refuse_value(key, "a text that is not empty");
    }
    return value.get_ref<const std::string&>();
}

double match_reader::number(const char* key) const
{
    const json& value = at(key);
    if (!value.is_number() || !std::isfinite(value.get<double>())) {
        refuse_value(key, "a number");
    }
    return value.get<double>();
}

const json::array_t& match_reader::list(const char* key) const
{
    const json& value = at(key);
    if (!value.is_array() || value.empty()) {
        refuse_value(key, "an array that is not empty");
    }
    return value.get_ref<const json::array_t&>();
}

std::int64_t match_reader::whole(const char* key, std::int64_t least, std::int64_t most) const
{
    const double value = number(key);
    if (value < static_cast<double>(least) || value > static_cast<double>(most) || value != std::floor(value)) {
        const std::string range = "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
        refuse_value(key, range.c_str());
    }
    return static_cast<std::int64_t>(value);
}

double match_reader::share(const char* key) const
{
    const double value = number(key);
    if (!(value > 0 && value <= 1)) {
        refuse_value(key, "more than 0 and at most 1");
    }
    return value;
}

double match_reader::probability(const char* key) const
{
    const double value = number(key);
    if (!(value > 0 && value < 1)) {
        refuse_value(key, "more than 0 and less than 1");
    }
    return value;
}

double match_reader::positive(const char* key) const
{
    const double value = number(key);
    if (!(value > 0)) {
        refuse_value(key, "more than 0");
    }
    return value;
}

void match_reader::refuse(const std::string& what, std::string detail, std::string hint) const
{
    throw error(sqlstate::invalid_parameter_value, place_ + ' ' + what, std::move(detail), std::move(hint));
}

void match_reader::refuse_value(const char* key, const char* must_be) const
{
    throw error(sqlstate::invalid_parameter_value,
                place_ + ": " + in_quotes(key) + " must be " + must_be + ", not " + shown_json(at(key)));
}

} // namespace etl::dedupe
