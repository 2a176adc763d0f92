#include "validate/suite.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/json.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <span>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr int deepest_suite = 64;

[[noreturn]] void refuse(std::string message, std::string detail = {}, std::string hint = {})
{
    throw error(sqlstate::invalid_parameter_value, std::move(message), std::move(detail), std::move(hint));
}

// --- arguments ---------------------------------------------------------------------------------------------------

// The arguments of one expectation while it is read; each accessor checks the JSON type and names what is wrong.
class arguments {
  public:
    arguments(const std::string& type, const json& kwargs) : type_{type}, kwargs_{kwargs} {}

    bool has(const char* name) const { return kwargs_.contains(name) && !kwargs_[name].is_null(); }

    std::string text(const char* name) const
    {
        const json& value = required(name);
        if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
            refuse_value(name, "a non-empty string");
        }
        return value.get<std::string>();
    }

    bool flag(const char* name) const
    {
        if (!has(name)) {
            return false;
        }
        if (!kwargs_[name].is_boolean()) {
            refuse_value(name, "true or false");
        }
        return kwargs_[name].get<bool>();
    }

    double fraction(const char* name, double otherwise) const
    {
        if (!has(name)) {
            return otherwise;
        }
        const double value = kwargs_[name].is_number() ? kwargs_[name].get<double>() : NAN;
        if (!(value >= 0.0 && value <= 1.0)) {
            refuse_value(name, "a number from 0 to 1");
        }
        return value;
    }

    std::int64_t count(const char* name) const
    {
        const json& value = required(name);
        if (!value.is_number_integer() || value.get<double>() < 0 || value.get<double>() > 1e9) {
            refuse_value(name, "a whole number from 0 to 1000000000");
        }
        return value.get<std::int64_t>();
    }

    // A literal of the column's type: a string stands for itself, a number or boolean for its JSON text.
    std::optional<std::string> literal(const char* name) const
    {
        return has(name) ? std::optional{literal_text(name, kwargs_[name])} : std::nullopt;
    }

    std::vector<std::string> literals(const char* name) const
    {
        const json& list = required(name);
        if (!list.is_array() || list.empty()) {
            refuse_value(name, "a non-empty array");
        }
        std::vector<std::string> texts;
        for (const json& value : list) {
            if (!value.is_null()) { // a NULL is missing and no member of any set
                texts.push_back(literal_text(name, value));
            }
        }
        return texts;
    }

    [[noreturn]] void refuse_value(const char* name, const std::string& expected) const
    {
        refuse("argument " + in_quotes(name) + " of " + type_ + " must be " + expected,
               "It is " + kwargs_.value(name, json{}).dump() + ".");
    }

  private:
    const json& required(const char* name) const
    {
        if (!has(name)) {
            refuse(type_ + " needs the argument " + in_quotes(name), "The suite gives it " + kwargs_.dump() + ".");
        }
        return kwargs_[name];
    }

    std::string literal_text(const char* name, const json& value) const
    {
        if (value.is_string()) {
            return value.get<std::string>();
        }
        if (!value.is_number() && !value.is_boolean()) {
            refuse_value(name, "made of strings, numbers and booleans");
        }
        return is_whole(value) ? std::to_string(static_cast<std::int64_t>(value.get<double>())) : value.dump();
    }

    // A whole number that is written as a fraction or with an exponent: 10.0 is as good as 10, and whole numbers only
    // fit into a column of integers.
    static bool is_whole(const json& value)
    {
        constexpr double exact = 9007199254740992.0; // 2^53: up to it every whole number is a double
        return value.is_number_float() && std::abs(value.get<double>()) <= exact &&
               std::trunc(value.get<double>()) == value.get<double>();
    }

    const std::string& type_;
    const json& kwargs_;
};

// --- the catalogue -----------------------------------------------------------------------------------------------

void read_nothing(const arguments&, expectation&) {}

void read_set(const arguments& from, expectation& to)
{
    to.value_set = from.literals("value_set");
}

void read_between(const arguments& from, expectation& to)
{
    to.min_value = from.literal("min_value");
    to.max_value = from.literal("max_value");
    to.strict_min = from.flag("strict_min");
    to.strict_max = from.flag("strict_max");
    if (!to.min_value && !to.max_value) {
        refuse(to.type + " needs \"min_value\" or \"max_value\" or both");
    }
}

void read_regex(const arguments& from, expectation& to)
{
    to.regex = from.text("regex");
}

void read_length(const arguments& from, expectation& to)
{
    to.length = from.count("value");
}

void read_pair(const arguments& from, expectation& to)
{
    to.or_equal = from.flag("or_equal");
    if (!from.has("ignore_row_if")) {
        return;
    }
    const std::string name = from.text("ignore_row_if");
    if (name == "both_values_are_missing") {
        to.ignored = ignore_row::both_values_are_missing;
    } else if (name == "either_value_is_missing") {
        to.ignored = ignore_row::either_value_is_missing;
    } else if (name == "never") {
        to.ignored = ignore_row::never;
    } else {
        from.refuse_value("ignore_row_if", "both_values_are_missing, either_value_is_missing or never");
    }
}

struct catalogue_entry {
    const char* type;
    expectation_kind kind;
    bool pair;                                            // reads column_A and column_B instead of column
    std::array<const char*, 5> own;                       // arguments besides the columns and mostly
    void (*read)(const arguments& from, expectation& to); // reads them
};

constexpr std::array catalogue = {
    catalogue_entry{"expect_column_values_to_not_be_null", expectation_kind::not_be_null, false, {}, read_nothing},
    catalogue_entry{"expect_column_values_to_be_unique", expectation_kind::be_unique, false, {}, read_nothing},
    catalogue_entry{"expect_column_values_to_be_in_set", expectation_kind::be_in_set, false, {"value_set"}, read_set},
    catalogue_entry{"expect_column_values_to_be_between",
                    expectation_kind::be_between,
                    false,
                    {"min_value", "max_value", "strict_min", "strict_max"},
                    read_between},
    catalogue_entry{"expect_column_values_to_match_regex", expectation_kind::match_regex, false, {"regex"}, read_regex},
    catalogue_entry{
        "expect_column_value_lengths_to_equal", expectation_kind::lengths_to_equal, false, {"value"}, read_length},
    catalogue_entry{"expect_column_pair_values_a_to_be_greater_than_b",
                    expectation_kind::pair_a_greater_than_b,
                    true,
                    {"or_equal", "ignore_row_if"},
                    read_pair},
};

const catalogue_entry& find_entry(const std::string& type)
{
    std::string lower = type; // early releases of Great Expectations write …_A_to_be_greater_than_B
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    for (const auto& entry : catalogue) {
        if (lower == entry.type) {
            return entry;
        }
    }
    std::vector<std::string> names;
    std::transform(catalogue.begin(), catalogue.end(), std::back_inserter(names),
                   [](const catalogue_entry& entry) { return entry.type; });
    refuse("unknown expectation " + in_quotes(type), "The known expectations are " + joined(names) + ".",
           "Take it out of the suite, or write the rule with one of these.");
}

std::vector<std::string> argument_names(const catalogue_entry& entry)
{
    std::vector<std::string> names =
        entry.pair ? std::vector<std::string>{"column_A", "column_B"} : std::vector<std::string>{"column"};
    for (const char* name : entry.own) {
        if (name != nullptr) {
            names.emplace_back(name);
        }
    }
    names.emplace_back("mostly");
    return names;
}

void check_argument_names(const catalogue_entry& entry, const json& kwargs)
{
    const auto known = argument_names(entry);
    for (const auto& [name, value] : kwargs.items()) {
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            refuse(std::string{entry.type} + " has no argument " + in_quotes(name),
                   "Its arguments are " + joined(known) + ".");
        }
    }
}

// --- documents ---------------------------------------------------------------------------------------------------

json parse_document(std::string_view document)
{
    json parsed = parse_json(document, "a suite", deepest_suite);
    if (!parsed.is_object() || !parsed.contains("expectations") || !parsed["expectations"].is_array()) {
        refuse("a suite must be a JSON object with an array \"expectations\"",
               parsed.is_object() ? "The document is an object without it."
                                  : std::string{"The document is of the JSON type "} + parsed.type_name() + ".",
               "Great Expectations writes such documents into its folder expectations/.");
    }
    return parsed;
}

std::string member_text(const json& object, const char* name, const char* older)
{
    for (const char* key : {name, older}) {
        if (object.contains(key) && object[key].is_string()) {
            return object[key].get<std::string>();
        }
    }
    return {};
}

expectation parse_expectation(const json& from, std::size_t number)
{
    const std::string type = from.is_object() ? member_text(from, "type", "expectation_type") : std::string{};
    if (type.empty()) {
        refuse("expectation " + std::to_string(number) + " of the suite has no \"type\"", "It is " + from.dump() + ".",
               "Give it \"type\" (or \"expectation_type\") and \"kwargs\".");
    }
    const catalogue_entry& entry = find_entry(type);
    const json kwargs = from.value("kwargs", json::object());
    if (!kwargs.is_object()) {
        refuse("\"kwargs\" of " + type + " must be a JSON object", "It is " + kwargs.dump() + ".");
    }
    check_argument_names(entry, kwargs);
    expectation made{.kind = entry.kind, .type = entry.type, .kwargs = kwargs.dump()};
    const arguments given{made.type, kwargs};
    made.column = given.text(entry.pair ? "column_A" : "column");
    made.column_b = entry.pair ? given.text("column_B") : std::string{};
    made.mostly = given.fraction("mostly", 1.0);
    entry.read(given, made);
    return made;
}

void copy_members(const json& from, json& to, std::initializer_list<std::string_view> but)
{
    for (const auto& [key, value] : from.items()) {
        if (std::find(but.begin(), but.end(), key) == but.end()) {
            to[key] = value;
        }
    }
}

// An expectation as 1.x writes it.
json in_current_shape(const json& from)
{
    json made{{"type", find_entry(member_text(from, "type", "expectation_type")).type}};
    copy_members(from, made, {"type", "expectation_type"});
    return made;
}

} // namespace

std::string expectation::label() const
{
    return type + '(' + column + (column_b.empty() ? "" : ", ") + column_b + ')';
}

std::vector<std::string> suite::columns() const
{
    std::vector<std::string> names;
    auto add = [&names](const std::string& name) {
        if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) {
            names.push_back(name);
        }
    };
    for (const auto& e : expectations) {
        add(e.column);
        add(e.column_b);
    }
    return names;
}

suite parse_suite(std::string_view document)
{
    const json parsed = parse_document(document);
    suite made{.name = member_text(parsed, "name", "expectation_suite_name"), .expectations = {}};
    for (const json& e : parsed["expectations"]) {
        made.expectations.push_back(parse_expectation(e, made.expectations.size() + 1));
    }
    return made;
}

std::string rename_suite(std::string_view document, std::string_view name)
{
    const json parsed = parse_document(document);
    json made{{"name", name}};
    copy_members(parsed, made, {"name", "expectation_suite_name"});
    for (json& e : made["expectations"]) {
        e = in_current_shape(e);
    }
    return made.dump();
}

} // namespace etl::validate
