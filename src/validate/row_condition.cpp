#include "validate/row_condition.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/condition_language.hpp"
#include "validate/nearest.hpp"
#include "validate/sql_text.hpp"

#include <algorithm>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr char name[] = "row_condition";

[[noreturn]] void refuse(const char* why, const json& condition)
{
    throw error(sqlstate::invalid_parameter_value, std::string{name} + " " + why,
                "It is " + shortened(condition.dump()) + ".");
}

std::string_view trimmed(std::string_view text)
{
    constexpr char blank[] = " \t\r\n\f\v";
    const std::size_t begin = std::min(text.find_first_not_of(blank), text.size());
    text.remove_prefix(begin);
    // A line break at the end may be what ends a comment.
    return text.substr(0, text.find_last_not_of(" \t\f\v") + 1);
}

bool is_of_great_expectations(std::string_view text)
{
    text.remove_prefix(std::min(text.find_first_not_of("( "), text.size()));
    return text.starts_with("col(\"") || text.starts_with("col('");
}

// --- text ----------------------------------------------------------------------------------------------------------

// SQL unless the condition has a sign that only the other language has.
std::string either_sql_or(condition_dialect dialect, std::string_view text)
{
    const sql_marks marks = check_sql_condition(text, name);
    return marks.double_equals || marks.backtick ? condition_in_sql(text, dialect) : std::string{text};
}

// pandas means the column PClass by PClass, and SQL the column pclass: what both could mean is pandas'.
std::string pandas_or_sql(std::string_view text)
{
    try {
        return condition_in_sql(text, condition_dialect::pandas);
    } catch (const error&) {
        return either_sql_or(condition_dialect::pandas, text);
    }
}

void require_content(std::string_view text, const std::string& what)
{
    if (text.empty()) {
        throw error(sqlstate::invalid_parameter_value, what + " is empty");
    }
}

std::string text_sql(std::string_view text, std::string_view parser)
{
    text = trimmed(text);
    require_content(text, name);
    if (parser.starts_with("great_expectations") || (parser.empty() && is_of_great_expectations(text))) {
        return condition_in_sql(text, condition_dialect::great_expectations);
    }
    if (parser == "pandas" || parser == "python") {
        return pandas_or_sql(text);
    }
    if (parser == "spark") {
        return either_sql_or(condition_dialect::spark, text);
    }
    if (parser.empty()) {
        return either_sql_or(condition_dialect::pandas, text);
    }
    return checked_sql_condition(text, name);
}

// --- objects -------------------------------------------------------------------------------------------------------

const json& member(const json& condition, const char* key)
{
    const auto found = condition.find(key);
    if (found == condition.end()) {
        refuse((std::string{"of this type needs "} + in_quotes(key)).c_str(), condition);
    }
    return *found;
}

std::string column_of(const json& condition)
{
    const json& column = member(condition, "column");
    const json& called = column.is_object() && column.contains("name") ? column["name"] : column;
    if (!called.is_string()) {
        refuse("must name its column", condition);
    }
    return sql_name(called.get<std::string>());
}

std::string value_sql(const json& value, const json& condition)
{
    if (value.is_string()) {
        return sql_literal(value.get<std::string>());
    }
    if (value.is_boolean()) {
        return value.get<bool>() ? "TRUE" : "FALSE";
    }
    if (!value.is_number()) {
        refuse("must compare with strings, numbers or booleans", condition);
    }
    return value.dump();
}

std::string list_sql(const json& list, const json& condition)
{
    if (!list.is_array()) {
        refuse("needs an array as the \"parameter\" of IN", condition);
    }
    std::string made;
    for (const json& value : list) {
        made += (made.empty() ? "" : ", ") + value_sql(value, condition);
    }
    return made;
}

std::string comparison_sql(const json& condition)
{
    const json& sign = member(condition, "operator");
    const json& value = member(condition, "parameter");
    const std::string wanted = sign.is_string() ? sign.get<std::string>() : std::string{};
    const std::string column = column_of(condition);
    if (wanted == "IN" || wanted == "NOT_IN") {
        const std::string list = list_sql(value, condition);
        if (list.empty()) {
            return wanted == "IN" ? "FALSE" : "TRUE";
        }
        return column + (wanted == "IN" ? " IN (" : " NOT IN (") + list + ")";
    }
    constexpr std::pair<const char*, const char*> signs[] = {{"==", " = "},  {"!=", " <> "}, {"<", " < "},
                                                             {"<=", " <= "}, {">", " > "},   {">=", " >= "}};
    for (const auto& [theirs, ours] : signs) {
        if (wanted == theirs) {
            return column + ours + value_sql(value, condition);
        }
    }
    refuse("has an unknown \"operator\"", condition);
}

std::string object_sql(const json& condition);

std::string joined_sql(const json& condition, const char* by)
{
    const json& parts = member(condition, "conditions");
    if (!parts.is_array() || parts.empty()) {
        refuse("needs a non-empty array \"conditions\"", condition);
    }
    std::string made;
    for (const json& part : parts) {
        made += (made.empty() ? "(" : by) + object_sql(part);
    }
    return made + ")";
}

std::string object_sql(const json& condition)
{
    const json type = condition.is_object() ? condition.value("type", json{}) : json{};
    if (type == "comparison") {
        return comparison_sql(condition);
    }
    if (type == "nullity") {
        const json& is_null = member(condition, "is_null");
        if (!is_null.is_boolean()) {
            refuse("needs true or false as \"is_null\"", condition);
        }
        return column_of(condition) + (is_null.get<bool>() ? " IS NULL" : " IS NOT NULL");
    }
    if (type == "and" || type == "or") {
        return joined_sql(condition, type == "and" ? " AND " : " OR ");
    }
    if (type == "pass_through" && member(condition, "pass_through_filter").is_string()) {
        return "(" + text_sql(condition["pass_through_filter"].get<std::string>(), "pandas") + ")";
    }
    refuse("is of an unknown type", condition);
}

} // namespace

std::string row_condition_sql(const json& condition, std::string_view parser)
{
    return condition.is_string() ? text_sql(condition.get_ref<const std::string&>(), parser) : object_sql(condition);
}

std::string checked_sql_condition(std::string_view condition, const std::string& what)
{
    condition = trimmed(condition);
    require_content(condition, what);
    (void)check_sql_condition(condition, what);
    return std::string{condition};
}

} // namespace etl::validate
