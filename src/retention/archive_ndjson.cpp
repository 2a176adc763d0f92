#include "retention/archive_ndjson.hpp"

#include "core/hex.hpp"
#include "core/text.hpp"
#include "retention/archive_bytes.hpp"

#include <cstring>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

std::size_t count_digits(std::string_view text) noexcept
{
    std::size_t count = 0;
    while (count < text.size() && is_digit(text[count])) {
        ++count;
    }
    return count;
}

// How JSON writes numbers: -0.5, 12, 1e+20.
bool is_number(std::string_view text) noexcept
{
    const auto pass = [&text](std::size_t count) { text.remove_prefix(count); };
    pass(text.starts_with('-') ? 1 : 0);
    const std::size_t whole = count_digits(text);
    if (whole == 0 || (whole > 1 && text[0] == '0')) {
        return false;
    }
    pass(whole);
    if (text.starts_with('.')) {
        pass(1);
        const std::size_t count = count_digits(text);
        if (count == 0) {
            return false;
        }
        pass(count);
    }
    if (text.starts_with('e') || text.starts_with('E')) {
        pass(1);
        pass(text.starts_with('-') || text.starts_with('+') ? 1 : 0);
        const std::size_t count = count_digits(text);
        if (count == 0) {
            return false;
        }
        pass(count);
    }
    return text.empty();
}

// A character in UTF-8, which never takes more room than its escape.
char* write_utf8(char* to, char32_t c) noexcept
{
    const auto tail = [&to](char32_t bits) { *to++ = static_cast<char>(0x80 | (bits & 0x3f)); };
    if (c < 0x80) {
        *to++ = static_cast<char>(c);
    } else if (c < 0x800) {
        *to++ = static_cast<char>(0xc0 | c >> 6);
        tail(c);
    } else if (c < 0x10000) {
        *to++ = static_cast<char>(0xe0 | c >> 12);
        tail(c >> 6);
        tail(c);
    } else {
        *to++ = static_cast<char>(0xf0 | c >> 18);
        tail(c >> 12);
        tail(c >> 6);
        tail(c);
    }
    return to;
}

} // namespace

void ndjson_parser::parse(std::span<char> record)
{
    at_ = record.data();
    end_ = at_ + record.size();
    expected_ = 0;
    seen_.assign(seen_.size(), false);
    skip_blanks();
    expect('{');
    skip_blanks();
    if (!accept('}')) {
        do {
            skip_blanks();
            member();
            skip_blanks();
        } while (accept(','));
        expect('}');
    }
    skip_blanks();
    if (at_ != end_) {
        refuse("Something stands behind the JSON object.");
    }
}

void ndjson_parser::member()
{
    if (peek() != '"') {
        refuse("The name of a column is missing.");
    }
    const std::size_t place = place_of(string().view(), expected_);
    if (seen_[place]) {
        refuse("It has two columns " + in_quotes(columns_[place].name) + ".");
    }
    seen_[place] = true;
    expected_ = place + 1;
    skip_blanks();
    expect(':');
    skip_blanks();
    fields_[place] = value(columns_[place]);
}

archive_field ndjson_parser::value(const archive_column& of)
{
    return of.raw ? raw_value() : peek() == '"' ? string() : bare(of);
}

archive_field ndjson_parser::string()
{
    char* const start = ++at_;
    char* to = start;
    for (;;) {
        std::uint64_t bytes = 0;
        while (static_cast<std::size_t>(end_ - at_) >= sizeof bytes) {
            std::memcpy(&bytes, at_, sizeof bytes);
            if (needs_escape(bytes)) {
                break;
            }
            std::memcpy(to, &bytes, sizeof bytes);
            to += sizeof bytes;
            at_ += sizeof bytes;
        }
        if (at_ == end_) {
            refuse("A string does not end.");
        }
        if (*at_ == '"') {
            ++at_;
            return {start, static_cast<std::size_t>(to - start)};
        }
        if (static_cast<unsigned char>(*at_) < 0x20) {
            refuse("A string holds a control character.");
        }
        if (*at_ == '\\') {
            to = unescape(to);
        } else {
            *to++ = *at_++;
        }
    }
}

char* ndjson_parser::unescape(char* to)
{
    ++at_;
    const char c = peek();
    at_ += at_ < end_ ? 1 : 0;
    constexpr std::string_view escapes = "\"\\/bfnrt";
    constexpr std::string_view characters = "\"\\/\b\f\n\r\t";
    if (const std::size_t which = escapes.find(c); which != std::string_view::npos) {
        *to++ = characters[which];
        return to;
    }
    if (c != 'u') {
        refuse("A string holds an unknown escape.");
    }
    return write_utf8(to, escaped_character());
}

// Behind \u. A character beyond 16 bits is written as two escapes.
char32_t ndjson_parser::escaped_character()
{
    const unsigned first = four_digits();
    if (first == 0) {
        refuse("A string holds the character \\u0000, which no text can.");
    }
    const unsigned kind = first & 0xfc00;
    if (kind == 0xd800 && end_ - at_ >= 2 && at_[0] == '\\' && at_[1] == 'u') {
        at_ += 2;
        if (const unsigned second = four_digits(); (second & 0xfc00) == 0xdc00) {
            return 0x10000 + ((first & 0x3ffU) << 10 | (second & 0x3ffU));
        }
    } else if (kind != 0xd800 && kind != 0xdc00) {
        return first;
    }
    refuse("A string holds half of a surrogate pair.");
}

unsigned ndjson_parser::four_digits()
{
    unsigned value = 0;
    for (int i = 0; i < 4; ++i) {
        const int digit = hex_digit(peek());
        if (digit < 0) {
            refuse("A string holds an escape \\u without four digits.");
        }
        value = value << 4 | static_cast<unsigned>(digit);
        ++at_;
    }
    return value;
}

archive_field ndjson_parser::bare(const archive_column& of)
{
    char* const start = at_;
    while (at_ < end_ && *at_ != ',' && *at_ != '}' && *at_ != ' ' && *at_ != '\t') {
        ++at_;
    }
    const std::string_view text{start, static_cast<std::size_t>(at_ - start)};
    if (text == "null") {
        return {nullptr, 0};
    }
    if (text != "true" && text != "false" && !is_number(text)) {
        refuse("The value of column " + in_quotes(of.name) + " is no string, number, boolean or null.");
    }
    return {start, text.size()};
}

// Only where it ends: what is inside is for whoever takes it.
archive_field ndjson_parser::raw_value()
{
    char* const start = at_;
    std::size_t depth = 0;
    while (at_ < end_) {
        const char c = *at_;
        if (c == '"') {
            pass_string();
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
            break;
        }
        if (static_cast<unsigned char>(c) < 0x20 && c != '\t') {
            refuse("A value holds a control character.");
        }
        depth += c == '{' || c == '[' ? 1 : 0;
        depth -= c == '}' || c == ']' ? 1 : 0;
        ++at_;
    }
    if (at_ == start) {
        refuse("A value is missing.");
    }
    return {start, static_cast<std::size_t>(at_ - start)};
}

void ndjson_parser::pass_string()
{
    ++at_;
    while (at_ < end_ && *at_ != '"') {
        if (static_cast<unsigned char>(*at_) < 0x20) {
            refuse("A string holds a control character.");
        }
        at_ += *at_ == '\\' && end_ - at_ > 1 ? 2 : 1;
    }
    expect('"');
}

void ndjson_parser::skip_blanks() noexcept
{
    while (peek() == ' ' || peek() == '\t') {
        ++at_;
    }
}

bool ndjson_parser::accept(char c) noexcept
{
    if (at_ == end_ || *at_ != c) {
        return false;
    }
    ++at_;
    return true;
}

void ndjson_parser::expect(char c)
{
    if (!accept(c)) {
        refuse(std::string{"The character "} + c + " is missing, so it is no JSON object.");
    }
}

} // namespace etl
