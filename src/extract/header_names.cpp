#include "extract/header_names.hpp"

#include "core/error.hpp"
#include "core/file_error.hpp"
#include "core/text.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

std::string folded(std::string_view name)
{
    while (!name.empty() && name.front() == ' ') {
        name.remove_prefix(1);
    }
    while (!name.empty() && name.back() == ' ') {
        name.remove_suffix(1);
    }
    std::string made{name};
    std::ranges::transform(made, made.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return made;
}

[[noreturn]] void refuse_two(const std::string& first, const std::string& second, const std::string& wanted)
{
    throw error(file_sqlstate::duplicate_column, "the header has more than one column " + in_quotes(wanted),
                first == second ? std::string{} : "They are " + in_quotes(first) + " and " + in_quotes(second) + '.',
                "Give each column of the content a name of its own.");
}

// Gives what means a wanted name that name.
void rename(std::vector<std::string>& header, const std::string& wanted)
{
    const auto same = std::ranges::find(header, wanted);
    if (same != header.end()) {
        if (std::find(same + 1, header.end(), wanted) != header.end()) {
            refuse_two(wanted, wanted, wanted);
        }
        return;
    }
    const auto means_it = [key = folded(wanted)](const std::string& name) { return folded(name) == key; };
    const auto found = std::ranges::find_if(header, means_it);
    if (found == header.end()) {
        return;
    }
    const auto other = std::find_if(found + 1, header.end(), means_it);
    if (other != header.end()) {
        refuse_two(*found, *other, wanted);
    }
    *found = wanted;
}

} // namespace

std::vector<std::string> names_by_columns(std::vector<std::string> header, std::span<const std::string> columns)
{
    for (const std::string& column : columns) {
        rename(header, column);
    }
    std::vector<std::string> unknown;
    std::ranges::copy_if(header, std::back_inserter(unknown), [columns](const std::string& name) {
        return std::ranges::find(columns, name) == columns.end();
    });
    if (!unknown.empty()) {
        throw error(sqlstate::undefined_column, "the header has columns that cannot be loaded: " + joined(unknown),
                    "Columns that can be loaded are " + joined(columns) + '.',
                    "Say what goes where, as in mapping => '{\"id\": \"Id|ID\"}'; columns that no rule names are left "
                    "out.");
    }
    return header;
}

std::vector<std::string> names_by_rules(std::vector<std::string> header, const std::vector<column_rule>& rules)
{
    const std::vector<std::string> written = header;
    for (const column_rule& rule : rules) {
        for (const std::string& path : rule.from) {
            const field_path keys = parse_field_path(path);
            if (keys.size() == 1) {
                rename(header, keys[0]);
            }
        }
        const bool is_there = std::ranges::any_of(rule.from, [&header](const std::string& path) {
            const field_path keys = parse_field_path(path);
            return keys.size() == 1 && std::ranges::find(header, keys[0]) != header.end();
        });
        if (!is_there && rule.default_json.empty() && rule.sql.empty()) {
            throw error(sqlstate::undefined_column,
                        "the header has none of the columns that the mapping names for " + in_quotes(rule.column),
                        "They are " + joined(rule.from) + "; the header is " + joined(written) + '.',
                        "A name with a dot in it is written /a.b.");
        }
    }
    return header;
}

void require_columns(std::span<const std::string> required, const std::vector<column_rule>& rules)
{
    for (const std::string& column : required) {
        if (std::ranges::find(rules, column, &column_rule::column) == rules.end()) {
            throw error(sqlstate::undefined_column, "required column " + in_quotes(column) + " is not in the content");
        }
    }
}

} // namespace etl
