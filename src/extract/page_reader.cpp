#include "extract/page_reader.hpp"

#include "core/text.hpp"
#include "core/utf8.hpp"
#include "extract/http_error.hpp"

#include <simdjson.h>

#include <algorithm>
#include <charconv>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t longest_integer = 18;     // digits, within 64 bits
constexpr std::size_t longest_array = 64 << 10; // bytes of an array that is kept in the envelope
constexpr std::size_t most_values = 10'000;     // of an envelope

[[noreturn]] void refuse(const std::string& why)
{
    throw error(http_sqlstate::protocol_violation, why);
}

// null, false, 0, "", [] and {}: no error, where a member is named for one.
bool says_nothing(const json& value)
{
    if (value.is_string()) {
        return value.get_ref<const std::string&>().empty();
    }
    return value.empty() || value == false || value == 0;
}

void check_utf8(std::string_view body)
{
    if (simdjson::validate_utf8(body.data(), body.size())) {
        return;
    }
    std::size_t at = 0;
    while (at < body.size()) {
        const auto found = decode_at(body, at);
        if (!is_character(found.value)) {
            break;
        }
        at += found.size;
    }
    refuse("it is not UTF-8 at byte " + std::to_string(at + 1));
}

std::string_view without_mark(std::string_view body)
{
    constexpr std::string_view mark = "\xEF\xBB\xBF";
    return body.substr(body.starts_with(mark) ? mark.size() : 0);
}

void check_is_json(std::string_view body)
{
    const std::size_t first = body.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) {
        refuse("it is empty");
    }
    if (body[first] == '<') {
        refuse("it is HTML or XML, not JSON");
    }
    if (body[first] != '{' && body[first] != '[') {
        refuse("it is no JSON array or object");
    }
}

json read_small(std::string_view text)
{
    try {
        return json::parse(quote_unusual_numbers(text));
    } catch (const json::exception&) { // half of a surrogate pair, or a number beyond any double
        return "an array that cannot be read";
    }
}

std::string read_string(std::string_view text)
{
    if (text.find('\\') == std::string_view::npos) {
        return std::string{text.substr(1, text.size() - 2)};
    }
    try {
        return json::parse(text).get<std::string>();
    } catch (const json::exception&) {
        refuse("it has half of a surrogate pair in a key or a text beside its records");
    }
}

json read_number(std::string_view text)
{
    std::int64_t number = 0;
    const char* end = text.data() + text.size();
    if (text.size() <= longest_integer && std::from_chars(text.data(), end, number).ptr == end) {
        return number;
    }
    return std::string{text};
}

class page_walk {
  public:
    page_walk(std::string_view body, const page_format& format, poll_fn poll)
        : body_{body}, format_{format}, scanner_{body, format.limits, poll}
    {
        if (is_told()) {
            path_ = format.records.path.pointer();
        }
    }

    page_contents document()
    {
        made_.envelope = value("", 0);
        if (!scanner_.at_end()) {
            fail_behind_end();
        }
        if (is_told() && format_.records.missing_is_empty) {
            add_missing();
        }
        take(is_told() ? told() : choose_records(arrays_));
        return std::move(made_);
    }

    page_contents lines()
    {
        record_array records;
        while (!scanner_.at_end()) {
            add_element(records);
            require_line_end();
        }
        made_.records_at = "ndjson";
        made_.records = std::move(records.elements);
        made_.envelope = made_.records.size();
        return std::move(made_);
    }

  private:
    bool is_told() const { return format_.records.is == record_path::kind::told; }
    bool is_whole_told() const { return is_told() && path_.empty(); }
    bool is_on_the_way(const std::string& pointer) const
    {
        return is_told() && pointer != path_ && is_within(path_, pointer);
    }

    void count()
    {
        if (++values_ > most_values) {
            throw error(sqlstate::program_limit_exceeded,
                        "it has more than " + std::to_string(most_values) + " values beside its records");
        }
    }

    json value(const std::string& pointer, int depth)
    {
        count();
        switch (scanner_.next()) {
        case json_kind::object:
            return is_whole_told() && format_.records.may_be_object ? only_record() : object(pointer, depth);
        case json_kind::array:
            return is_on_the_way(pointer) ? tuple(pointer, depth) : array(pointer, depth);
        case json_kind::string:
            return read_string(scanner_.value());
        case json_kind::number:
            return read_number(scanner_.value());
        case json_kind::boolean:
            return scanner_.value().front() == 't';
        case json_kind::null:
            scanner_.value();
            note_null(pointer, depth);
            return nullptr;
        }
        return nullptr;
    }

    json object(const std::string& pointer, int depth)
    {
        json made = json::object();
        scanner_.members([&](std::string_view text) {
            const std::string key = read_string(text);
            const std::string place = below(pointer, key);
            json found = value(place, depth + 1);
            if (made.contains(key)) {
                made_.repeated.push_back(place);
            }
            made[key] = std::move(found);
        });
        return made;
    }

    // An array that the path to the records leads through.
    json tuple(const std::string& pointer, int depth)
    {
        json made = json::array();
        scanner_.elements([&] { made.push_back(value(below(pointer, std::to_string(made.size())), depth + 1)); });
        return made;
    }

    json array(const std::string& pointer, int depth)
    {
        const std::size_t from = scanner_.position();
        if (is_told() ? pointer != path_ : depth > deepest_records) {
            return kept(scanner_.value());
        }
        record_array found;
        found.pointer = pointer;
        scanner_.elements([&] { add_element(found); });
        const std::size_t length = found.elements.size();
        // What is kept of one that turns out to hold no records; that depends on all others.
        texts_.push_back(body_.substr(from, scanner_.position() - from));
        arrays_.push_back(std::move(found));
        return length;
    }

    // The document, where the user has said that it is the record. Elsewhere an object is none: it may be what became of
    // an array that the server could not write as one.
    json only_record()
    {
        record_array found;
        add_element(found);
        made_.is_object = true;
        texts_.emplace_back();
        arrays_.push_back(std::move(found));
        return 1;
    }

    void note_null(const std::string& pointer, int depth)
    {
        if (format_.records.null_is_empty && (is_told() ? pointer == path_ : depth <= deepest_records)) {
            record_array found;
            found.pointer = pointer;
            found.is_null = true;
            texts_.emplace_back("null");
            arrays_.push_back(std::move(found));
        }
    }

    void add_element(record_array& to)
    {
        switch (scanner_.next()) {
        case json_kind::object:
            to.has_objects = true;
            break;
        case json_kind::array:
            to.has_arrays = true;
            break;
        default:
            to.has_scalars = true;
            break;
        }
        to.elements.push_back(scanner_.value());
    }

    json kept(std::string_view text) const
    {
        if (text.size() <= longest_array) {
            return read_small(text);
        }
        return "an array of " + std::to_string(text.size()) + " bytes";
    }

    void require_line_end()
    {
        const std::size_t from = scanner_.position();
        if (!scanner_.at_end() && body_.substr(from, scanner_.position() - from).find('\n') == std::string_view::npos) {
            scanner_.fail("the end of the line");
        }
    }

    [[noreturn]] void fail_behind_end()
    {
        try {
            scanner_.fail("the end of the document");
        } catch (const error& e) {
            const bool is_line = body_[scanner_.position()] == '{';
            throw error(e.sqlstate(), e.what(), e.detail(),
                        is_line ? "If each line is a record, say so: records_path => 'ndjson'." : e.hint());
        }
    }

    // An array without elements, where the document has nothing in its place. A document that speaks of an error has
    // none, whatever it lacks.
    void add_missing()
    {
        const json* at = &made_.envelope;
        for (const auto& step : format_.records.path.steps()) {
            if (at->is_null() || (at->is_object() && !at->contains(step))) {
                refuse_error();
                record_array found;
                found.pointer = path_;
                texts_.emplace_back();
                arrays_.push_back(std::move(found));
                return;
            }
            if (!at->is_object()) {
                return;
            }
            at = &(*at)[step];
        }
    }

    void refuse_error() const
    {
        for (const char* name : {"error", "errors", "fault"}) {
            const auto found = made_.envelope.find(name);
            if (made_.envelope.is_object() && found != made_.envelope.end() && !says_nothing(*found)) {
                refuse("it has nothing at " + in_quotes(path_) + ", and something at " +
                       in_quotes(std::string{"/"} + name));
            }
        }
    }

    std::size_t told() const
    {
        const auto is_told = [this](const auto& each) { return each.pointer == path_; };
        const auto found = std::find_if(arrays_.begin(), arrays_.end(), is_told);
        if (found == arrays_.end()) {
            refuse_told();
        }
        return static_cast<std::size_t>(found - arrays_.begin());
    }

    [[noreturn]] void refuse_told() const
    {
        const json* there = format_.records.path.find(made_.envelope);
        std::string has = there == nullptr ? "nothing" : "a value of type " + std::string{there->type_name()};
        std::string hint = "Look at the page with etl.http_get, and tell the place with records_path.";
        if (there != nullptr && there->is_null()) {
            has = "null";
            hint = "If null stands for a page without records, say so: paginate => '{…, \"null_is_empty\": true}'.";
        }
        if (path_.empty()) {
            refuse("it is an object, where the array of the records should be");
        }
        throw error(http_sqlstate::protocol_violation,
                    "it has " + has + " at " + in_quotes(path_) + ", where the array of the records should be", {},
                    hint);
    }

    void take(std::size_t chosen)
    {
        for (std::size_t i = 0; i < arrays_.size(); ++i) {
            if (i != chosen) {
                put_back(arrays_[i].pointer, texts_[i]);
            }
        }
        made_.records_at = std::move(arrays_[chosen].pointer);
        made_.records = std::move(arrays_[chosen].elements);
        made_.find(json_path::parse(made_.records_at, "records")); // stands there once
    }

    // An array of the envelope that holds no records.
    void put_back(const std::string& pointer, std::string_view text)
    {
        const json_path path = json_path::parse(pointer, "array");
        if (const json* place = path.find(made_.envelope); place != nullptr) {
            *const_cast<json*>(place) = kept(text);
        }
    }

    std::string_view body_;
    const page_format& format_;
    json_scanner scanner_;
    std::string path_;
    std::size_t values_ = 0;
    std::vector<record_array> arrays_;
    std::vector<std::string_view> texts_; // of the arrays
    page_contents made_;
};

} // namespace

const json* page_contents::find(const json_path& path) const
{
    const std::string pointer = path.pointer();
    const auto leads = [&pointer](const std::string& each) { return is_within(pointer, each); };
    const auto twice = std::find_if(repeated.begin(), repeated.end(), leads);
    if (twice != repeated.end()) {
        refuse("it has " + in_quotes(*twice) + " twice");
    }
    return path.find(envelope);
}

bool is_type_of_lines(std::string_view content_type) noexcept
{
    const std::string_view type = content_type.substr(0, content_type.find_first_of("; "));
    constexpr std::string_view types[] = {"application/x-ndjson",    "application/ndjson",    "application/jsonl",
                                          "application/x-jsonlines", "application/jsonlines", "application/json-lines"};
    return std::any_of(std::begin(types), std::end(types), [type](std::string_view each) {
        return std::equal(type.begin(), type.end(), each.begin(), each.end(), [](char a, char b) {
            return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
        });
    });
}

page_contents read_page(std::string_view body, const page_format& format, poll_fn poll)
{
    check_utf8(body);
    const std::string_view text = without_mark(body);
    if (format.is_lines || format.records.is == record_path::kind::lines) {
        return page_walk{text, format, poll}.lines();
    }
    check_is_json(text);
    return page_walk{text, format, poll}.document();
}

} // namespace etl
