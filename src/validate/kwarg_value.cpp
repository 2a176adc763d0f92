#include "validate/kwarg_value.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/nearest.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

bool is_text(const json& value)
{
    return value.is_string() && !value.get_ref<const std::string&>().empty();
}

bool is_scalar(const json& value)
{
    return value.is_string() || value.is_number() || value.is_boolean();
}

bool is_number(const json& value)
{
    return number_in(value).has_value();
}

bool is_fraction(const json& value)
{
    return value.is_number() && value.get<double>() >= 0 && value.get<double>() <= 1;
}

// A whole number, also one that is written as a fraction: 10.0.
bool is_whole(const json& value)
{
    constexpr double exact = 9007199254740992.0; // 2^53: up to it every whole number is a double
    return value.is_number() && std::abs(value.get<double>()) <= exact &&
           std::trunc(value.get<double>()) == value.get<double>();
}

template <class Test>
bool is_list_of(const json& value, Test test)
{
    return value.is_array() && std::all_of(value.begin(), value.end(), test);
}

bool is_literal_or_null(const json& value)
{
    return value.is_null() || is_scalar(value);
}

bool is_list_of_literals(const json& value)
{
    return is_list_of(value, is_literal_or_null);
}

bool is_pair(const json& value)
{
    return value.size() == 2 && is_list_of_literals(value);
}

bool has_list(const json& object, const char* name)
{
    return object.contains(name) && object[name].is_array();
}

bool are_quantiles(const json& value)
{
    return value.is_object() && has_list(value, "quantiles") && has_list(value, "value_ranges") &&
           !value["quantiles"].empty() && is_list_of(value["quantiles"], is_fraction) &&
           is_list_of(value["value_ranges"], is_pair) && value["quantiles"].size() == value["value_ranges"].size();
}

bool is_partition(const json& value)
{
    return value.is_object() && has_list(value, "weights") && is_list_of(value["weights"], is_number) &&
           ((has_list(value, "bins") && is_list_of(value["bins"], is_number)) ||
            (has_list(value, "values") && is_list_of(value["values"], is_literal_or_null)));
}

bool is_schema(const json& value)
{
    return value.is_object() || value.is_boolean() || is_text(value);
}

bool are_parameters(const json& value)
{
    return is_list_of(value, is_number) || (value.is_object() && std::all_of(value.begin(), value.end(), is_number));
}

// What an object of a format says beside its name: how many values a partial list has, and three choices.
bool are_format_members(const json& format)
{
    constexpr std::uint64_t most = std::numeric_limits<std::int32_t>::max();
    const auto is_left_out = [](const json& value) { return value.is_null() || has_parameter(value); };
    const json count = format.value("partial_unexpected_count", json{});
    if (!is_left_out(count) && !(count.is_number_unsigned() && count.get<std::uint64_t>() <= most)) {
        return false;
    }
    const std::array flags{"exclude_unexpected_values", "include_unexpected_rows", "return_unexpected_index_query"};
    return std::ranges::all_of(flags, [&](const char* name) {
        const json flag = format.value(name, json{});
        return is_left_out(flag) || flag.is_boolean();
    });
}

bool is_format(const json& value)
{
    if (value.is_object() && !are_format_members(value)) {
        return false;
    }
    const json& name = value.is_object() && value.contains("result_format") ? value["result_format"] : value;
    if (!name.is_string()) {
        return value.is_object() && !value.contains("result_format");
    }
    const auto& text = name.get_ref<const std::string&>();
    return text == "BOOLEAN_ONLY" || text == "BASIC" || text == "SUMMARY" || text == "COMPLETE";
}

std::vector<std::string> words_of(std::string_view text)
{
    std::vector<std::string> words;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

bool is_choice(const json& value, std::string_view choices)
{
    const auto words = words_of(choices);
    return value.is_string() &&
           std::find(words.begin(), words.end(), value.get_ref<const std::string&>()) != words.end();
}

// a, b or c
std::string choices_in_words(std::string_view choices)
{
    auto words = words_of(choices);
    const std::string last = words.back();
    words.pop_back();
    return joined(words) + " or " + last;
}

bool suits(const kwarg& what, const json& value)
{
    switch (what.kind) {
    case kwarg_kind::pattern:
        return value.is_string();
    case kwarg_kind::text:
    case kwarg_kind::column:
        return is_text(value);
    case kwarg_kind::columns:
    case kwarg_kind::texts:
        return is_list_of(value, is_text) && !value.empty();
    case kwarg_kind::column_names:
        return is_list_of(value, is_text);
    case kwarg_kind::order:
        return is_text(value) || (is_list_of(value, is_text) && !value.empty());
    case kwarg_kind::flag:
        return value.is_boolean();
    case kwarg_kind::fraction:
        return is_fraction(value);
    case kwarg_kind::number:
        return is_number(value);
    case kwarg_kind::count:
        return is_whole(value) && value.get<double>() >= 0;
    case kwarg_kind::whole:
        return is_whole(value);
    case kwarg_kind::literal:
        return is_scalar(value);
    case kwarg_kind::literals:
        return is_list_of_literals(value);
    case kwarg_kind::pairs:
        return is_list_of(value, is_pair);
    case kwarg_kind::bins:
        return is_list_of(value, is_number) || is_list_of(value, is_list_of_literals);
    case kwarg_kind::choice:
        return is_choice(value, what.choices);
    case kwarg_kind::condition:
        return is_text(value) || value.is_object();
    case kwarg_kind::quantiles:
        return are_quantiles(value);
    case kwarg_kind::partition:
        return is_partition(value);
    case kwarg_kind::schema:
        return is_schema(value);
    case kwarg_kind::distribution:
        return are_parameters(value);
    case kwarg_kind::format:
        return is_format(value);
    case kwarg_kind::anything:
        return true;
    }
    return false;
}

} // namespace

bool is_parameter(const json& value)
{
    return value.is_object() && value.contains("$PARAMETER");
}

bool has_parameter(const json& value)
{
    return is_parameter(value) || (value.is_structured() && std::any_of(value.begin(), value.end(), has_parameter));
}

std::string kind_in_words(const kwarg& what)
{
    switch (what.kind) {
    case kwarg_kind::pattern:
        return "a string";
    case kwarg_kind::text:
        return "a non-empty string";
    case kwarg_kind::column:
        return "the name of a column";
    case kwarg_kind::columns:
        return "a non-empty array of names of columns";
    case kwarg_kind::column_names:
        return "an array of names of columns";
    case kwarg_kind::order:
        return "the name of a column, or an array of them";
    case kwarg_kind::flag:
        return "true or false";
    case kwarg_kind::fraction:
        return "between 0 and 1";
    case kwarg_kind::number:
        return "a number";
    case kwarg_kind::count:
        return "an integer from 0";
    case kwarg_kind::whole:
        return "a whole number";
    case kwarg_kind::literal:
        return "a string, number or boolean";
    case kwarg_kind::literals:
        return "an array of strings, numbers and booleans";
    case kwarg_kind::texts:
        return "a non-empty array of non-empty strings";
    case kwarg_kind::pairs:
        return "an array of pairs, each an array of two strings, numbers, booleans or nulls";
    case kwarg_kind::bins:
        return "an array of numbers, or an array of arrays of strings, numbers and booleans";
    case kwarg_kind::choice:
        return choices_in_words(what.choices);
    case kwarg_kind::condition:
        return "a non-empty string, or an object of Great Expectations' 1.x";
    case kwarg_kind::quantiles:
        return "an object with \"quantiles\", an array of numbers from 0 to 1, and \"value_ranges\", an array of as "
               "many pairs";
    case kwarg_kind::partition:
        return "an object with \"weights\" and \"values\" or \"bins\", which are arrays";
    case kwarg_kind::schema:
        return "a JSON Schema: an object, a boolean, or the text of one";
    case kwarg_kind::distribution:
        return "an array of numbers, or an object of them";
    case kwarg_kind::format:
        return "BOOLEAN_ONLY, BASIC, SUMMARY or COMPLETE, or an object with one of them as \"result_format\", a whole "
               "number as \"partial_unexpected_count\", and true or false for its other members";
    case kwarg_kind::anything:
        break;
    }
    return "anything";
}

void refuse_value(const expectation_type& of, const char* name, const std::string& expected, const json& value)
{
    throw error(sqlstate::invalid_parameter_value,
                "argument " + in_quotes(name) + " of " + of.name + " must be " + expected,
                "It is " + shortened(value.dump()) + ".");
}

void check_value(const expectation_type& of, const kwarg& what, const json& value)
{
    if (!value.is_null() && !suits(what, value) && !has_parameter(value)) {
        refuse_value(of, what.name, kind_in_words(what), value);
    }
}

} // namespace etl::validate
