#include "validate/suite.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/kwarg_value.hpp"
#include "validate/nearest.hpp"
#include "validate/row_condition.hpp"
#include "validate/suite_document.hpp"

#include <algorithm>
#include <array>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

[[noreturn]] void refuse(std::string message, std::string detail = {}, std::string hint = {})
{
    throw error(sqlstate::invalid_parameter_value, std::move(message), std::move(detail), std::move(hint));
}

// The arguments under the names of the catalogue, each of its kind.
json checked_kwargs(const expectation_type& of, const json& given)
{
    json made = json::object();
    for (const auto& [name, value] : given.items()) {
        const kwarg& what = require_kwarg(of, name);
        check_value(of, what, value);
        if (made.contains(what.name)) {
            refuse(std::string{of.name} + " has the argument " + in_quotes(what.name) + " in two spellings");
        }
        made[what.name] = value;
    }
    return made;
}

void require_kwargs(const expectation_type& of, const json& kwargs)
{
    auto has = [&kwargs](const kwarg& k) {
        return kwargs.contains(k.name) && (k.nullable || !kwargs[k.name].is_null());
    };
    for (const kwarg& k : of.own) {
        if (k.required && !has(k)) {
            refuse(std::string{of.name} + " needs the argument " + in_quotes(k.name),
                   "The suite gives it " + shortened(kwargs.dump()) + ".");
        }
    }
    if (of.needs_bound && kwargs.value("min_value", json{}).is_null() && kwargs.value("max_value", json{}).is_null()) {
        refuse(std::string{of.name} + " needs \"min_value\" or \"max_value\" or both",
               "min_value and max_value cannot both be None.");
    }
}

// --- columns -------------------------------------------------------------------------------------------------------

// The names that a value gives: one, or a list of them. A parameter gives none yet.
void add_names(const json& value, std::vector<std::string>& to)
{
    if (value.is_string()) {
        to.push_back(value.get<std::string>());
    } else if (value.is_array()) {
        for (const json& name : value) {
            add_names(name, to);
        }
    }
}

bool names_columns(const kwarg& k)
{
    return k.kind == kwarg_kind::column || k.kind == kwarg_kind::columns;
}

std::vector<std::string> own_columns(const expectation& of)
{
    std::vector<std::string> names;
    for (const kwarg& k : of.type->own) {
        if (names_columns(k)) {
            add_names(of.kwargs.value(k.name, json{}), names);
        }
    }
    return names;
}

// expect_column_to_exist does not read the column that it asks for.
void read_columns(expectation& to)
{
    if (to.type->of == family::table) {
        return;
    }
    to.columns = own_columns(to);
    const std::size_t own = to.columns.size();
    add_names(to.kwargs.value("order_by", json{}), to.columns);
    to.ordered_by = to.columns.size() - own;
}

// --- conditions and severity ---------------------------------------------------------------------------------------

void read_conditions(expectation& to)
{
    const json condition = to.kwargs.value("row_condition", json{});
    const json parser = to.kwargs.value("condition_parser", json{});
    if (!condition.is_null() && !has_parameter(condition) && !has_parameter(parser)) {
        to.condition = row_condition_sql(condition, parser.is_string() ? parser.get<std::string>() : std::string{});
    }
    if (to.type->of == family::row && to.kwargs["condition"].is_string()) {
        to.kwargs["condition"] = checked_sql_condition(to.kwargs["condition"].get<std::string>(), "condition");
    }
}

// 1.x has it beside the arguments, and so has etl.expect; in 0.x, whose meta is free, a word that is none is nothing.
std::string severity_of(const json& from, const json& kwargs)
{
    const json own = from.value("severity", json{});
    if (!own.is_null() && !is_severity(own)) {
        refuse("severity must be critical, warning or info", "It is " + shortened(own.dump()) + ".");
    }
    const json meta = from.value("meta", json{});
    for (const json& found :
         {own, kwargs.value("severity", json{}), meta.is_object() ? meta.value("severity", json{}) : json{}}) {
        if (is_severity(found)) {
            return found.get<std::string>();
        }
    }
    return "critical";
}

// --- expectations --------------------------------------------------------------------------------------------------

// An argument that stands beside "kwargs" would be without effect.
void refuse_misplaced(const expectation_type& of, const json& from)
{
    for (const auto& [name, value] : from.items()) {
        if (name != "severity" && name != "meta" && name != "type" && of.find(name) != nullptr) {
            refuse(in_quotes(name) + " of " + of.name + " stands outside of its \"kwargs\"", {},
                   "Put the arguments into \"kwargs\".");
        }
    }
}

expectation read_expectation(const json& from, const std::string& name)
{
    const expectation_type& type = require_type(name);
    const json kwargs = from.value("kwargs", json::object());
    if (!kwargs.is_object()) {
        refuse("\"kwargs\" of " + name + " must be a JSON object", "It is " + shortened(kwargs.dump()) + ".");
    }
    refuse_misplaced(type, from);
    expectation made;
    made.type = &type;
    made.kwargs = checked_kwargs(type, kwargs);
    require_kwargs(type, made.kwargs);
    read_columns(made);
    const json mostly = made.kwargs.value("mostly", json{});
    made.mostly = mostly.is_number() ? mostly.get<double>() : 1.0;
    read_conditions(made);
    made.severity = severity_of(from, made.kwargs);
    return made;
}

} // namespace

std::string expectation::label() const
{
    std::string of = joined(own_columns(*this));
    if (type->of == family::row && kwargs.contains("condition") && kwargs["condition"].is_string()) {
        of = kwargs["condition"].get<std::string>();
    }
    return of.empty() ? type->name : std::string{type->name} + '(' + of + ')';
}

std::vector<std::string> suite::columns() const
{
    std::vector<std::string> names;
    for (const expectation& e : expectations) {
        for (const std::string& name : e.columns) {
            if (std::find(names.begin(), names.end(), name) == names.end()) {
                names.push_back(name);
            }
        }
    }
    return names;
}

std::vector<std::string> suite::conditions() const
{
    std::vector<std::string> found;
    auto add = [&found](const std::string& condition) {
        if (!condition.empty() && std::find(found.begin(), found.end(), condition) == found.end()) {
            found.push_back(condition);
        }
    };
    for (const expectation& e : expectations) {
        add(e.condition);
        if (e.type->of == family::row && e.kwargs["condition"].is_string()) {
            add(e.kwargs["condition"].get<std::string>());
        }
    }
    return found;
}

bool is_severity(const json& value)
{
    return value == "critical" || value == "warning" || value == "info";
}

expectation parse_expectation(const json& from, std::size_t number)
{
    const std::string name = from.is_object() ? member_text(from, "type", "expectation_type") : std::string{};
    if (name.empty()) {
        refuse("expectation " + std::to_string(number) + " of the suite has no \"type\"",
               "It is " + shortened(from.dump()) + ".", "Give it \"type\" (or \"expectation_type\") and \"kwargs\".");
    }
    return read_expectation(from, name);
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

} // namespace etl::validate
