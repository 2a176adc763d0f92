#include "extract/mapping.hpp"

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <array>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr int deepest_document = 50;
constexpr char wanted_rule[] = "A rule is a text of paths as \"event_id|eventId\", or an object with from, default, "
                               "format, required and sql.";

[[noreturn]] void refuse(const std::string& column, const std::string& why)
{
    throw error(sqlstate::invalid_parameter_value, "the rule of column " + in_quotes(column) + " is not valid", why,
                wanted_rule);
}

std::string text_of(const json& value, const std::string& column, const std::string& member)
{
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
        refuse(column, in_quotes(member) + " must be a text that is not empty.");
    }
    return value.get<std::string>();
}

std::vector<std::string> alternatives(const std::string& text)
{
    std::vector<std::string> made;
    std::size_t begin = 0;
    for (std::size_t end = text.find('|'); end != std::string::npos; end = text.find('|', begin)) {
        made.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    made.push_back(text.substr(begin));
    return made;
}

std::vector<std::string> paths_of(const json& from, const std::string& column)
{
    if (!from.is_array()) {
        return alternatives(text_of(from, column, "from"));
    }
    std::vector<std::string> made;
    for (const json& path : from) {
        made.push_back(text_of(path, column, "from"));
    }
    if (made.empty()) {
        refuse(column, "\"from\" has no path.");
    }
    return made;
}

bool flag_of(const json& value, const std::string& column, const std::string& member)
{
    if (!value.is_boolean()) {
        refuse(column, in_quotes(member) + " must be true or false.");
    }
    return value.get<bool>();
}

void read_member(column_rule& rule, const std::string& member, const json& value)
{
    if (member == "from") {
        rule.from = paths_of(value, rule.column);
    } else if (member == "format") {
        rule.format = text_of(value, rule.column, member);
    } else if (member == "sql") {
        rule.sql = text_of(value, rule.column, member);
    } else if (member == "required") {
        rule.required = flag_of(value, rule.column, member);
    } else if (member != "default") { // which read_defaults() reads
        refuse(rule.column, "It has a member " + in_quotes(member) + '.');
    }
}

void check_members(const column_rule& rule, bool has_default)
{
    if (rule.from.empty() && rule.sql.empty() && !has_default) {
        refuse(rule.column, "It says nowhere what the column gets.");
    }
    if (!rule.sql.empty() && has_default) {
        refuse(rule.column, "Of \"default\" and \"sql\" it can have one.");
    }
    if (!rule.format.empty() && rule.from.empty()) {
        refuse(rule.column, "\"format\" tells how the values of \"from\" are written.");
    }
}

column_rule read_rule(const std::string& column, const json& document)
{
    column_rule rule;
    rule.column = column;
    if (document.is_string()) {
        rule.from = alternatives(text_of(document, column, column));
        return rule;
    }
    if (!document.is_object()) {
        refuse(column, "It is neither a text nor an object.");
    }
    for (const auto& [member, value] : document.items()) {
        read_member(rule, member, value);
    }
    check_members(rule, document.contains("default"));
    return rule;
}

// The defaults as they stand in the document: a number there may have more digits than a double.
void read_defaults(std::string_view document, std::vector<column_rule>& rules)
{
    path_tree tree;
    std::vector<int> nodes;
    nodes.reserve(rules.size());
    for (const column_rule& rule : rules) {
        nodes.push_back(tree.add({rule.column, "default"}));
    }
    tree.finish();
    record_reader reader{tree};
    const auto found = reader.read(document);
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const column_text& value = found[static_cast<std::size_t>(tree.slot_of(nodes[i]))];
        if (value.is_given()) {
            rules[i].default_kind = value.is;
            rules[i].default_json = value.json();
        }
    }
}

void require_columns(const json& document, std::span<const std::string> columns)
{
    for (const auto& [column, rule] : document.items()) {
        if (std::ranges::find(columns, column) == columns.end()) {
            throw error(sqlstate::undefined_column,
                        "the mapping has a rule for column " + in_quotes(column) + ", which the table does not have",
                        "Columns that can be mapped are " + joined(columns) + '.');
        }
    }
}

// For messages.
std::string mapped_fields(std::span<const column_rule> rules)
{
    constexpr std::size_t most = 10;
    std::vector<std::string> fields;
    for (const column_rule& rule : rules) {
        fields.insert(fields.end(), rule.from.begin(), rule.from.end());
    }
    const bool has_more = fields.size() > most;
    fields.resize(std::min(fields.size(), most));
    return joined(fields) + (has_more ? ", …" : "");
}

} // namespace

column_text column_rule::fallback() const noexcept
{
    std::string_view text = default_json;
    if (default_kind == column_text::kind::string) {
        text = text.substr(1, text.size() - 2);
        return {default_kind, text.find('\\') != std::string_view::npos, text};
    }
    return {default_kind, false, text};
}

mapping mapping::parse(std::string_view document, std::span<const std::string> columns)
{
    const json rules = parse_json(document, "a mapping", deepest_document);
    if (!rules.is_object() || rules.empty()) {
        throw error(sqlstate::invalid_parameter_value, "a mapping must be a JSON object with a rule at least",
                    "Its members are columns, and their values rules.", wanted_rule);
    }
    require_columns(rules, columns);
    mapping made;
    for (const std::string& column : columns) {
        const auto rule = rules.find(column);
        if (rule != rules.end()) {
            made.rules_.push_back(read_rule(column, *rule));
        }
    }
    read_defaults(document, made.rules_);
    made.number_slots();
    return made;
}

mapping mapping::by_names(std::span<const std::string> columns)
{
    mapping made;
    for (const std::string& column : columns) {
        column_rule rule;
        rule.column = column;
        rule.from = {column};
        made.rules_.push_back(std::move(rule));
    }
    // A name may have dots, which a path would read as the way down.
    for (column_rule& rule : made.rules_) {
        rule.slots = {made.paths_.add({rule.column})};
    }
    made.paths_.finish();
    for (column_rule& rule : made.rules_) {
        rule.slots[0] = made.paths_.slot_of(rule.slots[0]);
    }
    return made;
}

void mapping::number_slots()
{
    for (column_rule& rule : rules_) {
        for (const std::string& path : rule.from) {
            rule.slots.push_back(paths_.add(parse_field_path(path)));
        }
    }
    paths_.finish();
    for (column_rule& rule : rules_) {
        std::ranges::transform(rule.slots, rule.slots.begin(), [this](int node) { return paths_.slot_of(node); });
    }
}

std::vector<mapped_path> paths_of_mapping(std::string_view document)
{
    std::vector<std::string> columns;
    const json read = parse_json(document, "a mapping", deepest_document);
    for (const auto& [column, rule] : read.items()) {
        columns.push_back(column);
    }
    std::vector<mapped_path> made;
    const mapping rules = mapping::parse(document, columns);
    for (const column_rule& rule : rules.rules()) {
        for (const std::string& path : rule.from) {
            const field_path keys = parse_field_path(path);
            made.push_back({rule.column, path, keys.empty() ? std::nullopt : std::optional{keys.front()}});
        }
    }
    return made;
}

bool mapping::reads_record() const
{
    return std::ranges::any_of(rules_, [](const column_rule& rule) {
        constexpr std::string_view record = "record";
        const auto same = [](char c, char of_record) { return (c | 32) == of_record; };
        return std::search(rule.sql.begin(), rule.sql.end(), record.begin(), record.end(), same) != rule.sql.end();
    });
}

record_mapper::record_mapper(const mapping& rules)
    : rules_{&rules}, takes_whole_{rules.reads_record()}, reader_{rules.paths()},
      by_slot_(static_cast<std::size_t>(rules.paths().slots())), values_(rules.rules().size())
{
}

std::span<const column_text> record_mapper::choose(std::span<const column_text> found)
{
    const auto chosen = [found](const column_rule& rule) {
        for (const int slot : rule.slots) {
            const column_text& candidate = found[static_cast<std::size_t>(slot)];
            if (candidate.is_given()) {
                return candidate;
            }
        }
        return rule.fallback();
    };
    std::ranges::transform(rules_->rules(), values_.begin(), chosen);
    return values_;
}

std::span<const column_text> record_mapper::map(std::string_view record)
{
    const auto found = reader_.read(record);
    require_some(found, record);
    return choose(found);
}

// A row without a value of the record would hide that it is no record of the kind that was expected.
void record_mapper::require_some(std::span<const column_text> found, std::string_view record) const
{
    const auto is_there = [](const column_text& value) { return value.is != column_text::kind::missing; };
    const char first = record[record.find_first_not_of(" \t\r\n")];
    const bool is_container = first == '{' || first == '[';
    if ((std::ranges::any_of(found, is_there) && first != 'n') || (takes_whole_ && is_container)) {
        return;
    }
    if (first != '{') {
        throw bad_record("2203C", "the record is no JSON object", std::string{"It begins with "} + first + '.');
    }
    if (!found.empty()) {
        throw bad_record("2203A", "the record has none of the fields that are mapped",
                         "Mapped are " + mapped_fields(rules_->rules()) + '.');
    }
}

void record_mapper::name_fields(std::span<const std::string> names)
{
    field_of_slot_.assign(by_slot_.size(), -1);
    for (const auto& child : rules_->paths().at(0).children) {
        const int slot = rules_->paths().slot_of(child.node);
        const auto field = std::ranges::find(names, child.key);
        if (slot >= 0 && field != names.end()) {
            field_of_slot_[static_cast<std::size_t>(slot)] = static_cast<int>(field - names.begin());
        }
    }
}

std::span<const column_text> record_mapper::map(std::span<const column_text> fields)
{
    for (std::size_t slot = 0; slot < by_slot_.size(); ++slot) {
        const auto field = static_cast<std::size_t>(field_of_slot_[slot]); // -1 is beyond the end
        by_slot_[slot] = field < fields.size() ? fields[field] : column_text{};
    }
    return choose(by_slot_);
}

} // namespace etl
