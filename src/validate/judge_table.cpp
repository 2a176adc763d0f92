// Expectations on the table itself: its columns and their types, its number of rows, other tables and queries.
#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/judge.hpp"
#include "validate/type_names.hpp"

#include <algorithm>
#include <set>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

std::vector<std::string> column_names(const evidence& from)
{
    std::vector<std::string> made;
    if (!from.told.table.contains("columns")) {
        throw error(sqlstate::feature_not_supported, from.what.label() + " is decided by etl.validate() alone",
                    "A state does not know the table of its rows.");
    }
    for (const json& column : from.told.table["columns"]) {
        made.push_back(column.at(0).get<std::string>());
    }
    return made;
}

std::string type_of_column(const evidence& from, const std::string& name)
{
    column_names(from);
    for (const json& column : from.told.table["columns"]) {
        if (column.at(0) == name) {
            return column.at(1).get<std::string>();
        }
    }
    throw error(sqlstate::undefined_column, "column " + in_quotes(name) + " does not exist",
                "The columns are " + joined(column_names(from)) + ".");
}

// Whether a count is `value`, or within bounds.
bool is_wanted_count(const expectation& what, std::size_t count)
{
    const arguments given{what};
    if (given.has("value")) {
        return given.number("value") == static_cast<double>(count);
    }
    const auto least = given.number_if("min_value");
    const auto most = given.number_if("max_value");
    if (least && most && *least > *most) {
        throw error(sqlstate::invalid_parameter_value, what.label() + ": min_value cannot be greater than max_value",
                    "They are " + given.value("min_value").dump() + " and " + given.value("max_value").dump() + ".");
    }
    return is_within(what, static_cast<double>(count));
}

// --- columns -------------------------------------------------------------------------------------------------------

void judge_exists(const evidence& from, outcome& to)
{
    const arguments given{from.what};
    const auto names = column_names(from);
    const std::string wanted = given.text("column");
    const auto found = std::ranges::find(names, wanted);
    const auto index = given.count_if("column_index");
    to.success = found != names.end() && (!index || *index == found - names.begin());
}

void judge_column_count(const evidence& from, outcome& to)
{
    const std::size_t count = column_names(from).size();
    to.success = is_wanted_count(from.what, count);
    to.observed_value = count;
}

void judge_ordered_list(const evidence& from, outcome& to)
{
    const auto names = column_names(from);
    const arguments given{from.what};
    to.observed_value = names;
    if (!given.has("column_list")) {
        to.success = true;
        return;
    }
    const auto wanted = given.texts("column_list");
    to.success = names == wanted;
    if (to.success) {
        return;
    }
    json mismatched = json::array();
    for (std::size_t i = 0; i < std::max(names.size(), wanted.size()); ++i) {
        const json found = i < names.size() ? json(names[i]) : json();
        const json expected = i < wanted.size() ? json(wanted[i]) : json();
        if (found != expected) {
            mismatched.push_back({{"Expected Column Position", i}, {"Expected", expected}, {"Found", found}});
        }
    }
    to.details = {{"mismatched", mismatched}};
}

void judge_column_set(const evidence& from, outcome& to)
{
    const auto names = column_names(from);
    const arguments given{from.what};
    const auto listed = given.has("column_set") ? given.texts("column_set") : std::vector<std::string>{};
    const std::set<std::string> wanted{listed.begin(), listed.end()};
    const std::set<std::string> found{names.begin(), names.end()};
    std::vector<std::string> missing;
    std::vector<std::string> unexpected;
    std::ranges::set_difference(wanted, found, std::back_inserter(missing));
    std::ranges::set_difference(found, wanted, std::back_inserter(unexpected));
    to.observed_value = found;
    const bool exact = given.flag("exact_match", true);
    json mismatched = json::object();
    if (!unexpected.empty()) {
        mismatched["unexpected"] = unexpected;
    }
    if (!missing.empty()) {
        mismatched["missing"] = missing;
    }
    to.details = {{"mismatched", mismatched}};
    to.success = missing.empty() && (unexpected.empty() || !exact);
}

// --- types ---------------------------------------------------------------------------------------------------------

void judge_type(const evidence& from, outcome& to)
{
    const arguments given{from.what};
    const std::string type = type_of_column(from, from.what.columns.at(0));
    to.observed_value = great_expectations_name(type);
    const char* kwarg = given.has("type_list") ? "type_list" : "type_";
    const auto wanted = given.texts(kwarg);
    to.success =
        !given.has(kwarg) || std::ranges::any_of(wanted, [&](const std::string& name) { return is_type(type, name); });
}

// --- rows ----------------------------------------------------------------------------------------------------------

// Rows of the table; with a row_condition, those that meet it.
std::uint64_t counted_rows(const evidence& from)
{
    if (!counts_some_rows(from.what)) {
        return from.rows;
    }
    if (from.decided == nullptr) {
        throw error(sqlstate::feature_not_supported, from.what.label() + " is decided by etl.validate() alone");
    }
    return from.measured<row_count>().rows;
}

void judge_row_count(const evidence& from, outcome& to)
{
    const std::uint64_t rows = counted_rows(from);
    to.success = is_wanted_count(from.what, rows);
    to.observed_value = rows;
}

const json& fact_of(const evidence& from)
{
    const auto found = from.told.facts.find(from.number);
    if (found == from.told.facts.end()) {
        throw error(sqlstate::feature_not_supported, from.what.label() + " is decided by etl.validate() alone");
    }
    return found->second;
}

void judge_other_table(const evidence& from, outcome& to)
{
    const auto other = fact_of(from).at("other").get<std::uint64_t>();
    const std::uint64_t rows = counted_rows(from);
    to.observed_value = {{"self", rows}, {"other", other}};
    to.success = rows == other;
}

void judge_query(const evidence& from, outcome& to)
{
    const json& fact = fact_of(from);
    const auto count = fact.at("count").get<std::uint64_t>();
    to.observed_value = std::to_string(count) + (count == 1 ? " unexpected row" : " unexpected rows");
    to.details = {{"unexpected_rows", fact.at("rows")}};
    to.unexpected_count = count;
    to.success = count == 0;
}

} // namespace

void judge_table(const evidence& from, outcome& to)
{
    const std::string_view name = from.what.type->name;
    if (from.what.type->of == family::query) {
        judge_query(from, to);
    } else if (name == "expect_column_to_exist") {
        judge_exists(from, to);
    } else if (name == "expect_table_row_count_to_equal_other_table") {
        judge_other_table(from, to);
    } else if (name.starts_with("expect_table_row_count")) {
        judge_row_count(from, to);
    } else if (name.starts_with("expect_table_column_count")) {
        judge_column_count(from, to);
    } else if (name == "expect_table_columns_to_match_ordered_list") {
        judge_ordered_list(from, to);
    } else if (name == "expect_table_columns_to_match_set") {
        judge_column_set(from, to);
    } else {
        judge_type(from, to);
    }
}

} // namespace etl::validate
