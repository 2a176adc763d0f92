#include "extract/json_cutter.hpp"

#include "core/file_error.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::string_view utf8_mark = "\xef\xbb\xbf";
constexpr std::size_t kept_of_long_text = 8192;

bool is_blank(char c) noexcept
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool opens(char c) noexcept
{
    return c == '{' || c == '[';
}

bool closes(char c) noexcept
{
    return c == '}' || c == ']';
}

std::string_view without_blanks(std::string_view text) noexcept
{
    while (!text.empty() && is_blank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_blank(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

} // namespace

void json_texts::begin()
{
    begun_ = true;
    window_.fill();
    if (window_.text().starts_with(utf8_mark)) {
        window_.pass(window_.begin() + utf8_mark.size());
    }
}

void json_texts::pass(const char* to) noexcept
{
    at_line_ += static_cast<std::uint64_t>(std::count(window_.begin(), to, '\n'));
    window_.pass(to);
}

void json_texts::cut()
{
    cut_.assign(window_.begin(), std::min(kept_of_long_text, window_.size()));
    is_too_long_ = true;
}

bool json_lines::next()
{
    if (!begun_) {
        begin();
    }
    for (;;) {
        is_too_long_ = false;
        line_ = at_line_;
        const char* const end = find_end();
        const std::string_view line{window_.begin(), static_cast<std::size_t>(end - window_.begin())};
        text_ = is_too_long_ ? std::string_view{cut_} : without_blanks(line);
        const bool is_over = end == window_.end();
        pass(is_over ? end : end + 1);
        if (!text_.empty()) {
            return true;
        }
        if (is_over) {
            return false;
        }
    }
}

const char* json_lines::find_end()
{
    for (std::size_t looked_at = 0;;) {
        const void* found =
            window_.size() == 0 ? nullptr : std::memchr(window_.begin() + looked_at, '\n', window_.size() - looked_at);
        if (found != nullptr || window_.is_last()) {
            return found == nullptr ? window_.end() : static_cast<const char*>(found);
        }
        looked_at = window_.size();
        if (looked_at >= limits_.record) {
            if (!is_too_long_) {
                cut();
            }
            window_.pass(window_.end());
            looked_at = 0;
        }
        window_.fill();
    }
}

json_array::json_array(byte_source& from, field_path path, json_limits limits)
    : json_texts{from, limits}, path_{std::move(path)}, special_{{'"', '\\', '{', '}', '[', ']'}}
{
}

void json_array::refuse(const std::string& what) const
{
    throw error(file_sqlstate::bad_file_format, "the JSON is wrong in line " + std::to_string(value_line_), what + '.',
                "Records are the elements of an array; with a record in each line say format => 'ndjson'.");
}

// The next byte that is not blank, which the window then begins with; no_byte at the end.
int json_array::peek()
{
    for (;;) {
        const char* found = std::find_if_not(window_.begin(), window_.end(), is_blank);
        pass(found);
        value_line_ = at_line_;
        if (found != window_.end()) {
            return static_cast<unsigned char>(*found);
        }
        if (window_.is_last()) {
            return no_byte;
        }
        window_.fill();
    }
}

void json_array::expect(char byte, const char* where)
{
    const int found = peek();
    if (found != byte) {
        refuse(std::string{"Expected "} + byte + ' ' + where + ", found " +
               (found == no_byte ? std::string{"the end"} : std::string{static_cast<char>(found)}));
    }
    pass(window_.begin() + 1);
}

void json_array::enter()
{
    for (const std::string& key : path_) {
        const int found = peek();
        ++open_;
        if (found == '[' && !key.empty() && key.find_first_not_of("0123456789") == std::string::npos &&
            key.size() < 10) {
            enter_element(std::stoul(key));
        } else {
            enter_member(key);
        }
    }
    expect('[', "where the records begin");
}

void json_array::enter_member(const std::string& key)
{
    expect('{', ("with a member " + in_quotes(key)).c_str());
    for (bool is_first = true;; is_first = false) {
        if (peek() == '}') {
            refuse("There is no member " + in_quotes(key) + " on the way to the records");
        }
        if (!is_first) {
            expect(',', "between members");
        }
        const std::string found = read_key();
        expect(':', "behind the name of a member");
        if (found == key) {
            return;
        }
        peek();
        scan(0, false);
    }
}

void json_array::enter_element(std::size_t number)
{
    expect('[', "on the way to the records");
    for (std::size_t i = 0; i < number; ++i) {
        peek();
        scan(0, false);
        expect(',', "between elements");
    }
}

// As it is written, without its quotes.
std::string json_array::read_key()
{
    if (peek() != '"') {
        refuse("Expected the name of a member");
    }
    scan(0, true);
    std::string key{text_.substr(1, text_.size() - 2)};
    return key;
}

bool json_array::next()
{
    if (!begun_) {
        begin();
        enter();
    }
    if (is_over_) {
        return false;
    }
    int found = peek();
    if (found == ']') {
        finish();
        return false;
    }
    if (!is_first_) {
        expect(',', "between records");
        found = peek();
    }
    is_first_ = false;
    if (found == ',' || found == ':' || found == '}' || found == ']') {
        refuse("Expected a record");
    }
    line_ = at_line_;
    scan(0, true);
    return true;
}

// Takes the value that the window begins with, or, with a depth, all up to where so many brackets are closed.
void json_array::scan(int depth, bool keeps)
{
    is_too_long_ = false;
    std::size_t end = 0;
    if (window_.size() == 0 && depth == 0) {
        refuse("It ends where a value was expected");
    }
    if (depth == 0 && *window_.begin() != '"' && !opens(*window_.begin())) {
        end = scan_word(0);
    } else {
        end = scan_brackets(0, depth, keeps);
    }
    text_ = is_too_long_ ? std::string_view{cut_} : window_.text().substr(0, end);
    pass(window_.begin() + end);
}

// A number, or what should be one.
std::size_t json_array::scan_word(std::size_t from)
{
    for (;;) {
        const std::string_view rest = window_.text().substr(from);
        const auto found =
            std::ranges::find_if(rest, [](char c) { return is_blank(c) || c == ',' || closes(c) || c == ':'; });
        from += static_cast<std::size_t>(found - rest.begin());
        if (found != rest.end() || window_.is_last()) {
            return from;
        }
        from = more(from, true);
    }
}

std::size_t json_array::scan_brackets(std::size_t from, int depth, bool keeps)
{
    bool in_string = false;
    auto escaped = static_cast<std::size_t>(-1); // the byte behind a backslash
    for (;;) {
        special_.begin(window_.begin() + from, window_.end());
        for (const char* at = special_.next(); at != window_.end(); at = special_.next()) {
            const auto place = static_cast<std::size_t>(at - window_.begin());
            if (in_string) {
                if (place == escaped) {
                    continue;
                }
                escaped = *at == '\\' ? place + 1 : escaped;
                in_string = *at != '"';
            } else {
                in_string = *at == '"';
                depth += opens(*at) ? 1 : closes(*at) ? -1 : 0;
            }
            if (depth == 0 && !in_string) {
                return place + 1;
            }
        }
        const std::size_t scanned = window_.size();
        if (window_.is_last()) {
            refuse("It ends within a value");
        }
        from = more(scanned, keeps);
        escaped = escaped == scanned ? from : static_cast<std::size_t>(-1);
    }
}

// Reads on. How far was scanned, from the beginning of the window as it is then.
std::size_t json_array::more(std::size_t scanned, bool keeps)
{
    if (scanned >= limits_.record && keeps && !is_too_long_) {
        cut();
    }
    if (!keeps || is_too_long_) {
        pass(window_.begin() + scanned);
        scanned = 0;
    }
    window_.fill();
    return scanned;
}

// Behind the array nothing may come but the ends of what is around it, and other members there.
void json_array::finish()
{
    pass(window_.begin() + 1);
    is_over_ = true;
    if (open_ > 0) {
        scan(open_, false);
    }
    if (peek() != no_byte) {
        refuse("Something follows the end of the document");
    }
}

} // namespace etl
