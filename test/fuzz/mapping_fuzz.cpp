// Any text as a mapping and any as a record, with a blank line between them: both are refused or read. What is JSON is
// what another parser takes for JSON, and each value that is found is the one that it finds by the same path.
#include "extract/mapping.hpp"
#include "core/error.hpp"
#include "extract/infer_columns.hpp"
#include "extract/json_text.hpp"
#include "extract/value_formats.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using kind = etl::column_text::kind;
using other_json = nlohmann::json;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

// The other parser refuses halves of surrogate pairs and numbers that no double holds, takes a byte of zero for the end,
// and passes over a byte order mark.
bool is_comparable(std::string_view text)
{
    return text.find("\\u") == std::string_view::npos && text.find_first_of("eE") == std::string_view::npos &&
           text.size() < 300 && text.find('\0') == std::string_view::npos && !text.starts_with("\xef");
}

const other_json* value_at(const other_json& record, const etl::field_path& path)
{
    const other_json* at = &record;
    for (const std::string& key : path) {
        if (at->is_object() && at->contains(key)) {
            at = &at->at(key);
            continue;
        }
        const bool is_place = at->is_array() && !key.empty() && key.size() < 6 && (key[0] != '0' || key.size() == 1) &&
                              std::ranges::all_of(key, [](char c) { return c >= '0' && c <= '9'; });
        if (!is_place || std::stoul(key) >= at->size()) {
            return nullptr;
        }
        at = &at->at(std::stoul(key));
    }
    return at;
}

void demand_equal(const etl::column_text& found, const other_json& expected)
{
    demand(other_json::parse(found.json()) == expected);
    if (found.is == kind::string) {
        std::string text;
        const auto fault = etl::unescape_json(found.text, text);
        demand(fault != etl::text_fault::none || text == expected.get<std::string>());
        demand(found.has_escapes == (found.text.find('\\') != std::string_view::npos));
    }
}

// The first alternative that is there and not null, or the default.
void demand_value(const etl::column_rule& rule, const etl::column_text& found, const other_json& record)
{
    for (const std::string& path : rule.from) {
        const other_json* value = value_at(record, etl::parse_field_path(path));
        if (value != nullptr && !value->is_null()) {
            demand_equal(found, *value);
            return;
        }
    }
    demand(found.is == rule.default_kind);
}

// Every rule that the mapping's alternatives can be, applied to the record.
void try_rules(const etl::mapping& rules, std::string_view record)
{
    etl::record_mapper mapper{rules};
    bool is_json = true;
    std::vector<etl::column_text> found;
    try {
        const auto values = mapper.map(record);
        found.assign(values.begin(), values.end());
    } catch (const etl::error& e) {
        is_json = std::string_view{e.sqlstate()}.starts_with("2203"); // which holds nothing that is mapped
    }
    if (!is_comparable(record)) {
        return;
    }
    demand(is_json == other_json::accept(record));
    if (is_json) {
        const auto parsed = other_json::parse(record);
        for (std::size_t i = 0; i < found.size(); ++i) {
            demand_value(rules.rules()[i], found[i], parsed);
        }
    }
}

void try_formats(std::string_view text)
{
    for (int format = 0; format <= static_cast<int>(etl::value_format::pattern); ++format) {
        std::string made;
        etl::write_formatted(static_cast<etl::value_format>(format), text, made);
    }
}

// Columns that are inferred have names of their own, and paths that a rule can have.
void infer(std::string_view record)
{
    const std::vector<std::string_view> samples{record, R"({"a": 1, "A": {"b": "2024-01-01"}})"};
    std::set<std::string> names;
    try {
        for (const auto& column : etl::infer_columns(samples, etl::never_poll).columns) {
            demand(!column.name.empty() && column.name.size() <= 63 && names.insert(column.name).second);
            std::string_view paths = column.path;
            for (std::size_t end = 0; end != std::string_view::npos; paths.remove_prefix(end + 1)) {
                end = paths.find('|');
                etl::parse_field_path(paths.substr(0, end));
                if (end == std::string_view::npos) {
                    break;
                }
            }
        }
    } catch (const etl::error& e) {
        demand(std::string_view{e.what()}.find("path") == std::string_view::npos);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const std::size_t middle = std::min(text.find("\n\n"), text.size());
    const std::string_view record = text.substr(std::min(middle + 2, text.size()));
    const std::vector<std::string> columns{"a", "b", "c"};
    try_formats(text.substr(0, middle));
    infer(record);
    try_rules(etl::mapping::by_names(columns), record);
    try {
        try_rules(etl::mapping::parse(text.substr(0, middle), columns), record);
    } catch (const etl::error&) {
        return 0;
    }
    return 0;
}
