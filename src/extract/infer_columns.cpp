#include "extract/infer_columns.hpp"

#include "core/error.hpp"
#include "core/hex.hpp"
#include "core/iso_moment.hpp"
#include "core/json.hpp"
#include "core/text.hpp"
#include "extract/json_record.hpp"
#include "extract/json_text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

using kind = column_text::kind;

constexpr std::size_t widest_object = 20; // fields that become columns; more are a map of keys to values
constexpr std::size_t longest_name = 63;  // bytes, as PostgreSQL has it
constexpr std::size_t most_examples = 3;
constexpr std::size_t longest_example = 60;

// Fields in the order in which they came.
struct top_field {
    std::string key;
    std::vector<std::string> inner;
    bool is_object = false; // in a sample
    bool is_other = false;  // neither object nor null

    bool is_flattened() const { return is_object && !is_other && !inner.empty() && inner.size() <= widest_object; }
};

template <class T, class Projection>
T& found_or_added(std::vector<T>& list, const std::string& key, Projection projection)
{
    const auto found = std::ranges::find(list, key, projection);
    if (found != list.end()) {
        return *found;
    }
    list.emplace_back();
    std::invoke(projection, list.back()) = key;
    return list.back();
}

void note_fields(std::vector<top_field>& fields, const json& record)
{
    for (const auto& [key, value] : record.items()) {
        top_field& field = found_or_added(fields, key, &top_field::key);
        field.is_object = field.is_object || value.is_object();
        field.is_other = field.is_other || (!value.is_object() && !value.is_null());
        if (value.is_object()) {
            for (const auto& [inner, inner_value] : value.items()) {
                found_or_added(field.inner, inner, std::identity{});
            }
        }
    }
}

// Which fields there are: a parser that may forget digits is enough for that.
std::vector<top_field> fields_of(std::span<const std::string_view> records)
{
    std::vector<top_field> fields;
    for (std::size_t i = 0; i < records.size(); ++i) {
        const json record = json::parse(records[i], nullptr, false);
        if (!record.is_object()) {
            throw error(sqlstate::invalid_parameter_value, "sample " + std::to_string(i + 1) + " is not an object",
                        "Columns are made of the fields of objects.");
        }
        note_fields(fields, record);
    }
    return fields;
}

// A path as a rule has it; nothing where a rule cannot.
std::optional<std::string> rule_path(const field_path& path)
{
    const auto is_plain = [](const std::string& key) {
        return !key.empty() && key.find_first_of("./$~") == std::string::npos;
    };
    if (std::ranges::any_of(path, [](const std::string& key) { return key.find('|') != std::string::npos; })) {
        return std::nullopt;
    }
    std::string made;
    if (std::ranges::all_of(path, is_plain)) {
        for (const std::string& key : path) {
            made += (made.empty() ? "" : ".") + key;
        }
        return made;
    }
    for (const std::string& key : path) {
        made += '/';
        for (const char c : key) {
            made += c == '~' ? std::string{"~0"} : (c == '/' ? std::string{"~1"} : std::string{c});
        }
    }
    return made;
}

bool is_uuid(std::string_view text)
{
    constexpr std::string_view shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    return std::equal(text.begin(), text.end(), shape.begin(), shape.end(),
                      [](char c, char of) { return of == '-' ? c == '-' : hex_digit(c) >= 0; });
}

bool is_bigint(std::string_view text)
{
    std::int64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    return failure == std::errc{} && end == text.data() + text.size();
}

// A moment with its zone or without; of more than six digits of a second the type takes the nearest.
enum class moment_form { none, local, zoned };

moment_form moment_form_of(std::string_view text)
{
    std::string shortened{text};
    const std::size_t point = shortened.find('.');
    if (point != std::string::npos) {
        const std::size_t end = std::min(shortened.find_first_not_of("0123456789", point + 1), shortened.size());
        if (end - point > 7) {
            shortened.erase(point + 7, end - point - 7);
        }
    }
    const auto moment = iso_local_moment(shortened);
    if (!moment) {
        return moment_form::none;
    }
    if (moment->rest.empty()) {
        return moment_form::local;
    }
    return iso_zone(moment->rest) ? moment_form::zoned : moment_form::none;
}

std::string_view type_of_text(std::string_view text)
{
    if (is_uuid(text)) {
        return "uuid";
    }
    if (iso_day(text)) {
        return "date";
    }
    switch (moment_form_of(text)) {
    case moment_form::zoned:
        return "timestamptz";
    case moment_form::local:
        return "timestamp";
    default:
        return "text";
    }
}

std::string_view type_of(const column_text& value)
{
    switch (value.is) {
    case kind::boolean:
        return "boolean";
    case kind::number:
        return is_bigint(value.text) ? "bigint" : "numeric";
    case kind::string:
        return type_of_text(value.text);
    default:
        return "jsonb";
    }
}

// The type that holds the values of both.
std::string_view common_type(std::string_view a, std::string_view b)
{
    const auto both_are = [a, b](auto&& are) { return are(a) && are(b); };
    if (a.empty() || a == b) {
        return b;
    }
    if (both_are([](std::string_view type) { return type == "bigint" || type == "numeric"; })) {
        return "numeric";
    }
    return a == "jsonb" || b == "jsonb" ? "jsonb" : "text";
}

std::string example_of(const column_text& value)
{
    std::string text;
    if (value.is == kind::string) {
        unescape_json(value.text, text);
    } else {
        text = value.text;
    }
    if (text.size() > longest_example) {
        std::size_t end = longest_example;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
            --end;
        }
        text.resize(end);
    }
    return text;
}

// A field, and what its samples say.
struct candidate {
    field_path path;
    std::string rule;
    int node = 0;
    std::string_view type{};
    std::vector<bool> given{}; // by the number of the sample
    std::vector<std::string> examples{};

    void see(const column_text& value)
    {
        given.push_back(value.is_given());
        if (!value.is_given()) {
            return;
        }
        type = common_type(type, type_of(value));
        std::string example = example_of(value);
        if (examples.size() < most_examples && std::ranges::find(examples, example) == examples.end()) {
            examples.push_back(std::move(example));
        }
    }

    bool overlaps(const candidate& other) const
    {
        for (std::size_t i = 0; i < given.size(); ++i) {
            if (given[i] && other.given[i]) {
                return true;
            }
        }
        return false;
    }
};

class inference {
  public:
    explicit inference(std::span<const std::string_view> records) : records_{records} {}

    inferred_columns run()
    {
        for (const top_field& field : fields_of(records_)) {
            if (!field.is_flattened()) {
                add({field.key});
                continue;
            }
            for (const std::string& inner : field.inner) {
                add({field.key, inner});
            }
        }
        see_samples();
        for (const candidate& each : candidates_) {
            place(each);
        }
        return std::move(made_);
    }

  private:
    void add(field_path path)
    {
        auto rule = rule_path(path);
        if (!rule) {
            made_.remarks.push_back("field " + in_quotes(joined(path)) +
                                    " got no column: only an array of paths can name it");
            return;
        }
        candidates_.push_back({std::move(path), std::move(*rule)});
    }

    void see_samples()
    {
        path_tree tree;
        for (candidate& each : candidates_) {
            each.node = tree.add(each.path);
        }
        tree.finish();
        record_reader reader{tree};
        for (const std::string_view record : records_) {
            const auto values = reader.read(record);
            for (candidate& each : candidates_) {
                each.see(values[static_cast<std::size_t>(tree.slot_of(each.node))]);
            }
        }
    }

    // Two fields of one name that are never in the same record are two spellings of one column.
    void place(const candidate& field)
    {
        const std::string name = sql_name(field.path);
        const auto same = std::ranges::find(made_.columns, name, &inferred_column::name);
        if (same == made_.columns.end()) {
            add_column(field, name);
        } else if (!taken_[name].overlaps(field)) {
            merge(*same, field);
        } else {
            const std::string first = in_quotes(same->path);
            add_column(field, free_name(name));
            made_.remarks.push_back("fields " + first + " and " + in_quotes(field.rule) + " would both be column " +
                                    in_quotes(name) + "; the second one is " + in_quotes(made_.columns.back().name));
        }
    }

    void add_column(const candidate& field, const std::string& name)
    {
        taken_[name] = field;
        made_.columns.push_back({name, field.type.empty() ? "text" : field.type, field.rule,
                                 std::ranges::find(field.given, false) != field.given.end(), field.examples});
    }

    void merge(inferred_column& column, const candidate& field)
    {
        candidate& all = taken_[column.name];
        all.type = field.type.empty() ? all.type : common_type(all.type, field.type);
        for (std::size_t i = 0; i < all.given.size(); ++i) {
            all.given[i] = all.given[i] || field.given[i];
        }
        column.type = all.type.empty() ? "text" : all.type;
        column.path += "|" + field.rule;
        column.nullable = std::ranges::find(all.given, false) != all.given.end();
        made_.remarks.push_back("column " + in_quotes(column.name) + " takes fields " + in_quotes(column.path) +
                                ", which are never in one record");
    }

    std::string free_name(const std::string& name) const
    {
        int number = 2;
        std::string made;
        do {
            const std::string suffix = "_" + std::to_string(number++);
            made = name.substr(0, longest_name - suffix.size()) + suffix;
        } while (taken_.contains(made));
        return made;
    }

    std::span<const std::string_view> records_;
    std::vector<candidate> candidates_;
    std::map<std::string, candidate> taken_; // by the names of columns
    inferred_columns made_;
};

bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
}

// A capital begins a word behind a letter that is none, and where a word of capitals ends: userID, HTTPStatus.
bool begins_word(const std::string& key, std::size_t at)
{
    const bool after_small = at > 0 && !is_upper(key[at - 1]);
    const bool before_small = at + 1 < key.size() && key[at + 1] >= 'a' && key[at + 1] <= 'z';
    return at > 0 && (after_small || before_small);
}

void append_word(const std::string& key, std::string& name)
{
    const auto part = [&name] {
        if (!name.empty() && name.back() != '_') {
            name += '_';
        }
    };
    part();
    for (std::size_t at = 0; at < key.size(); ++at) {
        if (is_upper(key[at])) {
            if (begins_word(key, at)) {
                part();
            }
            name += static_cast<char>(key[at] | 32);
        } else if (is_word_byte(key[at])) {
            name += key[at];
        } else {
            part();
        }
    }
}

} // namespace

std::string sql_name(std::span<const std::string> keys)
{
    std::string name;
    for (const std::string& key : keys) {
        append_word(key, name);
    }
    while (name.ends_with('_')) {
        name.pop_back();
    }
    if (name.empty()) {
        return "field";
    }
    if (name[0] >= '0' && name[0] <= '9') {
        name.insert(0, "_");
    }
    std::size_t end = std::min(name.size(), longest_name);
    while (end < name.size() && end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) {
        --end;
    }
    return name.substr(0, end);
}

inferred_columns infer_columns(std::span<const std::string_view> records)
{
    if (records.empty()) {
        throw error(sqlstate::invalid_parameter_value, "no sample was given", {}, "Give some records, as JSON texts.");
    }
    return inference{records}.run();
}

} // namespace etl
