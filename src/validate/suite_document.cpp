#include "validate/suite_document.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/kwarg_value.hpp"
#include "validate/nearest.hpp"
#include "validate/suite.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <span>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr int deepest_suite = 64;

[[noreturn]] void refuse(std::string message, std::string detail = {}, std::string hint = {})
{
    throw error(sqlstate::invalid_parameter_value, std::move(message), std::move(detail), std::move(hint));
}

void copy_members(const json& from, json& to, std::initializer_list<std::string_view> but)
{
    for (const auto& [key, value] : from.items()) {
        if (std::find(but.begin(), but.end(), key) == but.end()) {
            to[key] = value;
        }
    }
}

// An expectation as pg_etl keeps it.
json in_current_shape(const json& from)
{
    json made{{"type", require_type(member_text(from, "type", "expectation_type")).name}};
    copy_members(from, made, {"type", "expectation_type"});
    return made;
}

// --- export --------------------------------------------------------------------------------------------------------

// A member, under the name that each generation has for it: nullptr where it has none.
struct member_names {
    const char* current;
    const char* older;
};

constexpr std::array suite_members{
    member_names{"name", "expectation_suite_name"},
    member_names{"id", "ge_cloud_id"},
    member_names{nullptr, "data_asset_type"},
    member_names{"suite_parameters", "evaluation_parameters"},
    member_names{"expectations", "expectations"},
    member_names{"meta", "meta"},
    member_names{"notes", nullptr},
};

constexpr std::array expectation_members{
    member_names{"type", "expectation_type"},
    member_names{"kwargs", "kwargs"},
    member_names{"meta", "meta"},
    member_names{"id", "ge_cloud_id"},
    member_names{"severity", nullptr},
    member_names{"description", nullptr},
    member_names{"notes", nullptr},
    member_names{"rendered_content", "rendered_content"},
    member_names{"windows", nullptr},
    member_names{nullptr, "expectation_context"},
};

const json* find_member(const json& from, member_names names)
{
    for (const char* name : {names.current, names.older}) {
        if (name != nullptr && from.contains(name)) {
            return &from[name];
        }
    }
    return nullptr;
}

json with_members(const json& from, std::span<const member_names> members, bool older)
{
    json made = json::object();
    for (const member_names& names : members) {
        const char* name = older ? names.older : names.current;
        const json* value = find_member(from, names);
        if (name != nullptr && value != nullptr) {
            made[name] = *value;
        }
    }
    return made;
}

// 0.x has no place for these but meta.
constexpr std::array kept_in_meta{"severity", "description", "notes"};

void move_into_meta(const json& from, json& to)
{
    for (const char* name : kept_in_meta) {
        if (from.contains(name) && !from[name].is_null()) {
            json meta = to.value("meta", json::object());
            meta = meta.is_object() ? meta : json::object();
            meta[name] = from[name];
            to["meta"] = meta;
        }
    }
}

bool goes_back(const char* name, const json& value)
{
    return value.is_string() && (std::string_view{name} != "severity" || is_severity(value));
}

void move_out_of_meta(json& to)
{
    json meta = to.value("meta", json{});
    if (!meta.is_object()) {
        return;
    }
    for (const char* name : kept_in_meta) {
        if (meta.contains(name) && goes_back(name, meta[name]) && !to.contains(name)) {
            to[name] = meta[name];
            meta.erase(name);
        }
    }
    to["meta"] = meta;
}

// Great Expectations wants the number where a suite of ours has its name as a string. What stands for the quotes of
// such a name until the document is text.
constexpr char bare = '\x01';

bool may_be_infinite(const kwarg& k)
{
    return k.kind == kwarg_kind::number || k.kind == kwarg_kind::bins || k.kind == kwarg_kind::partition ||
           k.kind == kwarg_kind::distribution || std::string_view{k.name} == "min_value" ||
           std::string_view{k.name} == "max_value";
}

void mark_infinities(json& value)
{
    if (value.is_structured()) {
        for (json& member : value) {
            mark_infinities(member);
        }
    } else if (value == "Infinity" || value == "-Infinity" || value == "NaN") {
        value = bare + value.get<std::string>() + bare;
    }
}

json exported_kwargs(const json& kwargs, const expectation_type& type, bool older)
{
    json made = json::object();
    for (const auto& [name, value] : kwargs.items()) {
        const kwarg& what = require_kwarg(type, name);
        if (older || !what.obsolete) {
            made[name] = value;
            if (may_be_infinite(what)) {
                mark_infinities(made[name]);
            }
        }
    }
    return made;
}

json exported_expectation(const json& from, bool older)
{
    const expectation_type& type = require_type(member_text(from, "type", "expectation_type"));
    json made = with_members(from, expectation_members, older);
    made[older ? "expectation_type" : "type"] = type.name;
    made["kwargs"] = exported_kwargs(from.value("kwargs", json::object()), type, older);
    if (older) {
        move_into_meta(from, made);
    } else {
        move_out_of_meta(made);
    }
    return made;
}

// The text of a document, the marked names without their quotes.
std::string in_text(const json& document)
{
    constexpr std::string_view mark = "\\u0001"; // as it is written
    std::string text = document.dump(2);
    for (const std::string name : {"Infinity", "-Infinity", "NaN"}) {
        const std::string marked = '"' + std::string{mark} + name + std::string{mark} + '"';
        for (std::size_t at = text.find(marked); at != std::string::npos; at = text.find(marked, at)) {
            text.replace(at, marked.size(), name);
        }
    }
    return text;
}

bool is_older(std::string_view format)
{
    if (format == "0.x" || format == "0.18") {
        return true;
    }
    if (format == "1.x" || format == "1" || format == "1.0") {
        return false;
    }
    refuse("unknown format of suites " + in_quotes(shortened(format)), {}, "The formats are 0.x and 1.x.");
}

// --- adding --------------------------------------------------------------------------------------------------------

// What an expectation speaks of, apart from what it says of it.
bool is_of_domain(const kwarg& k)
{
    const std::string_view name{k.name};
    return k.kind == kwarg_kind::column || k.kind == kwarg_kind::columns || name == "row_condition" ||
           name == "condition_parser" || name == "condition" || name == "unexpected_rows_query";
}

json domain_of(const expectation& of)
{
    json made = json::object();
    for (const kwarg* k : of.type->kwargs()) {
        if (is_of_domain(*k)) {
            made[k->name] = of.kwargs.value(k->name, json{});
        }
    }
    return made;
}

bool same_domain(const expectation& a, const expectation& b)
{
    return a.type == b.type && domain_of(a) == domain_of(b);
}

} // namespace

json parse_document(std::string_view document)
{
    json parsed = parse_json(quote_unusual_numbers(document), "a suite", deepest_suite);
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

std::string export_suite(std::string_view document, std::string_view format)
{
    const bool older = is_older(format);
    const json parsed = parse_document(document);
    json made = with_members(parsed, suite_members, older);
    if (older && parsed.contains("notes") && !parsed["notes"].is_null()) {
        made["meta"] = made.value("meta", json::object());
        made["meta"]["notes"] = parsed["notes"];
    }
    for (json& e : made["expectations"]) {
        e = exported_expectation(e, older);
    }
    return in_text(made);
}

changed_suite add_expectation(std::string_view document, std::string_view type, std::string_view kwargs,
                              std::string_view severity)
{
    json parsed = parse_document(document);
    json& list = parsed["expectations"];
    const json added{{"type", require_type(type).name},
                     {"kwargs", parse_json(quote_unusual_numbers(kwargs), "kwargs", deepest_suite - 4)},
                     {"severity", severity}};
    const expectation wanted = parse_expectation(added, list.size() + 1);
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (same_domain(parse_expectation(list[i], i + 1), wanted)) {
            list[i] = added;
            return {parsed.dump(), i + 1, true};
        }
    }
    list.push_back(added);
    return {parsed.dump(), list.size(), false};
}

} // namespace etl::validate
