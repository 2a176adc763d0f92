#include "extract/json_record.hpp"

#include "extract/json_text.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr int unwanted = -1; // instead of a node

std::string_view trimmed(std::string_view text) noexcept
{
    constexpr std::string_view blanks = " \t\r\n";
    while (!text.empty() && blanks.find(text.back()) != std::string_view::npos) {
        text.remove_suffix(1);
    }
    return text;
}

column_text::kind scalar_kind(std::string_view token) noexcept
{
    using kind = column_text::kind;
    if (token == "null") {
        return kind::null;
    }
    if (token == "true" || token == "false") {
        return kind::boolean;
    }
    return is_json_number(token) ? kind::number : kind::missing;
}

} // namespace

struct record_reader::parts {
    explicit parts(const path_tree& tree)
        : wanted{tree}, found(static_cast<std::size_t>(tree.slots())), expected(tree.size()), seen(tree.size())
    {
    }

    const path_tree& wanted;
    ondemand::parser parser;
    ondemand::document document;
    std::vector<char> buffer; // the record, and the bytes behind it that the parser may look at
    std::string_view text;
    std::string key;
    std::vector<column_text> found;
    std::vector<std::size_t> expected; // of a node: the child that comes next where records have one order of keys
    std::vector<unsigned> seen;        // of a node: the number of the record that had it last
    unsigned record = 0;

    [[noreturn]] void refuse(const char* place, const char* why) const
    {
        throw bad_record(sqlstate::invalid_text_representation, "the record is not JSON",
                         "at byte " + std::to_string(place - text.data() + 1) + ": " + why);
    }

    const char* place()
    {
        const char* at = nullptr;
        return document.current_location().get(at) == simdjson::SUCCESS ? at : text.data() + text.size();
    }

    void require(simdjson::error_code code)
    {
        if (code != simdjson::SUCCESS) [[unlikely]] {
            refuse(place(), what(code));
        }
    }

    static const char* what(simdjson::error_code code)
    {
        switch (code) {
        case simdjson::EMPTY:
            return "it is empty";
        case simdjson::UTF8_ERROR:
            return "it is not UTF-8";
        case simdjson::UNESCAPED_CHARS:
            return "a control character stands in a string";
        case simdjson::UNCLOSED_STRING:
            return "a string does not end";
        default:
            return "a bracket, a comma, a colon or a value is missing or out of place";
        }
    }

    // The fields of the previous record are forgotten.
    void begin(std::string_view of)
    {
        ++record;
        std::ranges::fill(found, column_text{});
        if (buffer.size() < of.size() + simdjson::SIMDJSON_PADDING) {
            buffer.resize(of.size() * 2 + simdjson::SIMDJSON_PADDING);
        }
        std::copy(of.begin(), of.end(), buffer.begin());
        text = {buffer.data(), of.size()};
    }

    // Before a value of a node is read. A key that occurs again makes forget what it held before.
    void enter(int node)
    {
        unsigned& last = seen[static_cast<std::size_t>(node)];
        if (last == record) {
            const auto& here = wanted.at(node);
            std::fill(found.begin() + here.first, found.begin() + here.last, column_text{});
        }
        last = record;
    }

    int child_by_key(int node, std::string_view name)
    {
        const auto& here = wanted.at(node);
        std::size_t& next = expected[static_cast<std::size_t>(node)];
        if (next < here.children.size() && here.children[next].key == name) {
            return here.children[next++].node;
        }
        const auto known = here.by_key.find(name);
        if (known == here.by_key.end()) {
            return unwanted;
        }
        next = static_cast<std::size_t>(known->second) + 1;
        return here.children[static_cast<std::size_t>(known->second)].node;
    }

    int child_by_place(int node, std::size_t number) const
    {
        for (const auto& child : wanted.at(node).children) {
            if (child.place == number) {
                return child.node;
            }
        }
        return unwanted;
    }

    // What stands between the quotes of a string or key that begins at a quote; the token may have blanks behind it.
    std::string_view string_in(std::string_view token) const
    {
        token = trimmed(token);
        if (token.size() < 2 || token.back() != '"') {
            refuse(token.data(), "a string does not end");
        }
        return token.substr(1, token.size() - 2);
    }

    bool check_escapes(std::string_view string) const
    {
        if (std::memchr(string.data(), '\\', string.size()) == nullptr) {
            return false;
        }
        if (!has_valid_escapes(string)) {
            refuse(string.data(), "a string has an escape that there is none of");
        }
        return true;
    }

    std::string_view key_of(ondemand::field& field)
    {
        const char* begin = field.key().raw(); // behind the quote
        const char* end = begin;
        const char* limit = text.data() + text.size();
        while (end < limit && *end != '"') {
            end += *end == '\\' ? 2 : 1;
        }
        const std::string_view raw{begin, static_cast<std::size_t>(end - begin)};
        if (!check_escapes(raw)) {
            return raw;
        }
        key.clear();
        unescape_json(raw, key); // a key that no text can hold is none that is wanted
        return key;
    }

    void keep(int node, const column_text& value)
    {
        const int slot = node == unwanted ? -1 : wanted.at(node).slot;
        if (slot >= 0) {
            found[static_cast<std::size_t>(slot)] = value;
        }
    }

    void scalar(std::string_view token, int node)
    {
        if (token.starts_with('"')) {
            const std::string_view string = string_in(token);
            const bool escapes = check_escapes(string);
            keep(node, {column_text::kind::string, escapes, string});
            return;
        }
        token = trimmed(token);
        const auto kind = scalar_kind(token);
        if (kind == column_text::kind::missing) {
            refuse(token.data(), "a value is neither an object, array, string, number, true, false nor null");
        }
        keep(node, {kind, false, token});
    }

    // Behind the container that has just been read; what follows it are blanks and the next token.
    std::string_view container_from(const char* begin)
    {
        return trimmed({begin, static_cast<std::size_t>(place() - begin)});
    }

    void object(ondemand::object of, int node, int depth)
    {
        if (node != unwanted) {
            expected[static_cast<std::size_t>(node)] = 0;
        }
        for (auto each : of) {
            ondemand::field field;
            require(std::move(each).get(field));
            const std::string_view name = key_of(field);
            const int child = node == unwanted ? unwanted : child_by_key(node, name);
            value(field.value(), child, depth);
        }
    }

    void array(ondemand::array of, int node, int depth)
    {
        std::size_t number = 0;
        for (auto each : of) {
            ondemand::value element;
            require(each.get(element));
            value(element, node == unwanted ? unwanted : child_by_place(node, number), depth);
            ++number;
        }
    }

    // Of a document or a value: both open their containers in the same way.
    template <class Holder>
    void container(Holder& from, std::string_view token, int node, int depth)
    {
        if (depth > deepest) {
            throw bad_record(sqlstate::program_limit_exceeded,
                             "the record nests deeper than " + std::to_string(deepest) + " levels");
        }
        const bool is_object = token[0] == '{';
        if (is_object) {
            ondemand::object opened;
            require(from.get_object().get(opened));
            object(opened, node, depth + 1);
        } else {
            ondemand::array opened;
            require(from.get_array().get(opened));
            array(opened, node, depth + 1);
        }
        if (node != unwanted && wanted.at(node).slot >= 0) {
            keep(node, {is_object ? column_text::kind::object : column_text::kind::array, false,
                        container_from(token.data())});
        }
    }

    void value(ondemand::value of, int node, int depth)
    {
        if (node != unwanted) {
            enter(node);
        }
        const std::string_view token = of.raw_json_token();
        if (token[0] == '{' || token[0] == '[') {
            container(of, token, node, depth);
            return;
        }
        scalar(token, node);
        if (token[0] == '"') {
            ondemand::raw_json_string passed;
            require(of.get_raw_json_string().get(passed));
        }
    }

    void root()
    {
        enter(0);
        std::string_view token;
        require(document.raw_json_token().get(token));
        if (token[0] == '{' || token[0] == '[') {
            container(document, token, 0, 1);
            if (place() != text.data() + text.size()) {
                refuse(place(), "the record goes on behind its end");
            }
            return;
        }
        token = trimmed(token);
        const char* end = token.data() + token.size();
        if (!trimmed({end, static_cast<std::size_t>(text.data() + text.size() - end)}).empty()) {
            refuse(end, "the record goes on behind its end");
        }
        scalar(token, 0);
    }
};

record_reader::record_reader(const path_tree& wanted) : parts_{std::make_unique<parts>(wanted)} {}

record_reader::~record_reader() = default;

std::span<const column_text> record_reader::read(std::string_view record)
{
    parts& all = *parts_;
    all.begin(record);
    const auto failed = all.parser.iterate(all.buffer.data(), record.size(), all.buffer.size()).get(all.document);
    if (failed != simdjson::SUCCESS) {
        all.refuse(all.text.data(), parts::what(failed));
    }
    all.root();
    return all.found;
}

} // namespace etl
