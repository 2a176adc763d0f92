#include "extract/infer_columns.hpp"

#include "core/error.hpp"
#include "core/hex.hpp"
#include "core/iso_moment.hpp"
#include "core/json.hpp"
#include "core/text.hpp"
#include "extract/json_record.hpp"
#include "extract/json_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

using kind = column_text::kind;

constexpr std::size_t widest_object = 20; // fields that become columns; more are a map of keys to values
constexpr std::size_t longest_name = 63;  // bytes, as PostgreSQL has it
constexpr std::size_t most_examples = 3;
constexpr std::size_t longest_example = 60;

constexpr char too_many_columns[] = "54011";

// Which of the fields of records there are, in the order in which they came, and what is known of each.
template <class T>
class in_order {
  public:
    std::size_t place_of(const std::string& key)
    {
        const auto [at, is_new] = places_.try_emplace(key, list_.size());
        if (is_new) {
            list_.emplace_back(key);
        }
        return at->second;
    }
    T& at(std::size_t place) { return list_[place]; }
    const std::vector<T>& list() const noexcept { return list_; }
    std::size_t size() const noexcept { return list_.size(); }

  private:
    std::vector<T> list_;
    std::unordered_map<std::string, std::size_t> places_;
};

struct top_field {
    std::string key;
    in_order<std::string> inner{}; // no more than make it a map
    bool is_object = false;        // in a sample
    bool is_other = false;         // neither object nor null

    explicit top_field(std::string name) : key{std::move(name)} {}

    bool is_flattened() const { return is_object && !is_other && inner.size() > 0 && inner.size() <= widest_object; }
};

using top_fields = in_order<top_field>;

void require_few(std::size_t fields)
{
    if (fields > most_inferred_columns) {
        throw error(too_many_columns, "the samples have more than " + std::to_string(most_inferred_columns) + " fields",
                    "A table has no more columns than that. An object with so many keys mostly is a map, whose keys "
                    "are data.",
                    "Give a mapping that reads some of the fields, or the whole record with the path \"$\"; an extract "
                    "with new_fields => 'ignore' looks for no others.");
    }
}

// Notes the fields of an object while it is read: no tree of it is made, in which a key is looked for among all others.
class field_notes final : public json::json_sax_t {
  public:
    field_notes(top_fields& into, poll_fn poll) : fields_{into}, poll_{poll} {}

    bool is_of_object() const noexcept { return is_of_object_; }

    bool null() override { return true; }
    bool boolean(bool) override { return other(); }
    bool number_integer(json::number_integer_t) override { return other(); }
    bool number_unsigned(json::number_unsigned_t) override { return other(); }
    bool number_float(json::number_float_t, const json::string_t&) override { return other(); }
    bool string(json::string_t&) override { return other(); }
    bool binary(json::binary_t&) override { return other(); }
    bool start_array(std::size_t) override
    {
        other();
        return depth_++ > 0; // an array of objects is none
    }
    bool end_array() override
    {
        --depth_;
        return true;
    }
    bool start_object(std::size_t) override
    {
        is_of_object_ = is_of_object_ || depth_ == 0;
        if (depth_ == 1) {
            top().is_object = true;
        }
        ++depth_;
        return true;
    }
    bool end_object() override { return end_array(); }
    bool key(json::string_t& key) override
    {
        poll_.tick();
        if (depth_ == 1) {
            top_ = fields_.place_of(key);
            require_few(fields_.size());
        } else if (depth_ == 2 && top().inner.size() <= widest_object) {
            top().inner.place_of(key);
        }
        return is_of_object_;
    }
    bool parse_error(std::size_t, const std::string&, const json::exception&) override { return false; }

  private:
    top_field& top() { return fields_.at(top_); }
    bool other()
    {
        if (depth_ == 1 && is_of_object_) {
            top().is_other = true;
        }
        return true;
    }

    top_fields& fields_;
    poller poll_;
    std::size_t top_ = 0; // the field at which the reader is
    int depth_ = 0;
    bool is_of_object_ = false;
};

// Which fields there are: a parser that may forget digits is enough for that.
top_fields fields_of(std::span<const std::string_view> records, poll_fn poll)
{
    top_fields fields;
    for (std::size_t i = 0; i < records.size(); ++i) {
        poll();
        field_notes notes{fields, poll};
        if (!json::sax_parse(records[i], &notes) || !notes.is_of_object()) {
            throw error(sqlstate::invalid_parameter_value, "sample " + std::to_string(i + 1) + " is not an object",
                        "Columns are made of the fields of objects.");
        }
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
    inference(std::span<const std::string_view> records, poll_fn poll) : records_{records}, poll_{poll} {}

    inferred_columns run()
    {
        const top_fields fields = fields_of(records_, poll_);
        for (const top_field& field : fields.list()) {
            if (!field.is_flattened()) {
                add({field.key});
                continue;
            }
            for (const std::string& inner : field.inner.list()) {
                add({field.key, inner});
            }
        }
        require_few(candidates_.size());
        see_samples();
        for (const candidate& each : candidates_) {
            poll_();
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
            poll_();
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
        const auto same = taken_.find(name);
        if (same == taken_.end()) {
            add_column(field, name);
        } else if (!same->second.overlaps(field)) {
            merge(*std::ranges::find(made_.columns, name, &inferred_column::name), field);
        } else {
            const std::string first = in_quotes(std::ranges::find(made_.columns, name, &inferred_column::name)->path);
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
    poll_fn poll_;
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

// Columns that every table has. No other may have their names.
bool is_system_column(const std::string& name)
{
    constexpr std::array<std::string_view, 6> names{"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"};
    return std::ranges::find(names, name) != names.end();
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
    if ((name[0] >= '0' && name[0] <= '9') || is_system_column(name)) {
        name.insert(0, "_");
    }
    std::size_t end = std::min(name.size(), longest_name);
    while (end < name.size() && end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) {
        --end;
    }
    return name.substr(0, end);
}

inferred_columns infer_columns(std::span<const std::string_view> records, poll_fn poll)
{
    if (records.empty()) {
        throw error(sqlstate::invalid_parameter_value, "no sample was given", {}, "Give some records, as JSON texts.");
    }
    return inference{records, poll}.run();
}

} // namespace etl
