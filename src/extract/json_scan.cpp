#include "extract/json_scan.hpp"

#include "extract/http_error.hpp"

#include <bit>
#include <cstdint>
#include <cstring>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

constexpr bool is_hex_digit(char c) noexcept
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

constexpr bool is_plain(char c) noexcept
{
    return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
}

// The top bit of each byte that is a quote, a backslash or a control character. Bytes above such a one may be marked
// by mistake, the lowest one never is.
constexpr std::uint64_t special_bytes(std::uint64_t word) noexcept
{
    constexpr std::uint64_t ones = 0x0101010101010101U;
    constexpr std::uint64_t tops = 0x8080808080808080U;
    const auto zeros = [](std::uint64_t each) { return (each - ones) & ~each; };
    const std::uint64_t controls = (word - ones * 0x20) & ~word;
    return (controls | zeros(word ^ (ones * '"')) | zeros(word ^ (ones * '\\'))) & tops;
}

// Where the characters of a string end that stand for themselves.
const char* end_of_plain(const char* at, const char* end) noexcept
{
    if constexpr (std::endian::native == std::endian::little) {
        for (; end - at >= 8; at += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, at, sizeof word);
            if (const std::uint64_t found = special_bytes(word); found != 0) {
                return at + std::countr_zero(found) / 8;
            }
        }
    }
    while (at != end && is_plain(*at)) {
        ++at;
    }
    return at;
}

std::string shown(char c)
{
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7F) {
        return {'"', c, '"'};
    }
    constexpr char digits[] = "0123456789abcdef";
    return std::string{"byte 0x"} + digits[byte >> 4U] + digits[byte & 15U];
}

} // namespace

void json_scanner::fail(const char* expected) const
{
    const std::string where = " at byte " + std::to_string(position() + 1);
    throw error(http_sqlstate::protocol_violation,
                at_ == end_ ? "it ends" + where + ", within the document, where " + expected + " should be"
                            : "it has " + shown(*at_) + where + ", where " + expected + " should be");
}

bool json_scanner::at_end() noexcept
{
    skip_blanks();
    return at_ == end_;
}

json_kind json_scanner::next()
{
    skip_blanks();
    switch (at_ == end_ ? '\0' : *at_) {
    case '{':
        return json_kind::object;
    case '[':
        return json_kind::array;
    case '"':
        return json_kind::string;
    case 't':
    case 'f':
        return json_kind::boolean;
    case 'n':
        return json_kind::null;
    default:
        if (at_ == end_ || (*at_ != '-' && !is_digit(*at_))) {
            fail("a value");
        }
        return json_kind::number;
    }
}

std::string_view json_scanner::value()
{
    skip_blanks();
    const char* from = at_;
    pass_value();
    return {from, static_cast<std::size_t>(at_ - from)};
}

void json_scanner::pass_value()
{
    poll_.tick();
    switch (next()) {
    case json_kind::object:
        members([this](std::string_view) { pass_value(); });
        break;
    case json_kind::array:
        elements([this] { pass_value(); });
        break;
    case json_kind::string:
        pass_string();
        break;
    case json_kind::number:
        pass_number();
        break;
    case json_kind::boolean:
        pass_word(*at_ == 't' ? "true" : "false");
        break;
    case json_kind::null:
        pass_word("null");
        break;
    }
}

void json_scanner::open(char bracket)
{
    skip_blanks();
    if (at_ == end_ || *at_ != bracket) {
        fail(bracket == '[' ? "an array" : "an object");
    }
    if (++depth_ > limits_.depth) {
        throw error(sqlstate::program_limit_exceeded, "it nests deeper than " + std::to_string(limits_.depth) +
                                                          " levels at byte " + std::to_string(position() + 1));
    }
    ++at_;
}

bool json_scanner::close(char bracket) noexcept
{
    skip_blanks();
    if (at_ == end_ || *at_ != bracket) {
        return false;
    }
    ++at_;
    return true;
}

// Whether a comma follows a member or an element, and no bracket.
bool json_scanner::continues(char bracket)
{
    if (close(bracket)) {
        return false;
    }
    if (at_ == end_ || *at_ != ',') {
        fail(bracket == ']' ? "a comma or ]" : "a comma or }");
    }
    ++at_;
    return true;
}

std::string_view json_scanner::key()
{
    skip_blanks();
    if (at_ == end_ || *at_ != '"') {
        fail("a key");
    }
    const char* from = at_;
    pass_string();
    const std::string_view text{from, static_cast<std::size_t>(at_ - from)};
    skip_blanks();
    if (at_ == end_ || *at_ != ':') {
        fail("a colon");
    }
    ++at_;
    return text;
}

void json_scanner::pass_string()
{
    const char* from = at_;
    for (at_ = end_of_plain(at_ + 1, end_); at_ != end_ && *at_ != '"'; at_ = end_of_plain(at_, end_)) {
        pass_escape();
    }
    if (at_ == end_) {
        fail("the rest of a string");
    }
    ++at_;
    check_field(from);
}

void json_scanner::pass_escape()
{
    if (*at_ != '\\') {
        fail("a character of a string");
    }
    if (++at_ == end_ || std::string_view{"\"\\/bfnrtu"}.find(*at_) == std::string_view::npos) {
        fail("an escape");
    }
    if (*at_++ != 'u') {
        return;
    }
    for (int digits = 0; digits < 4; ++digits, ++at_) {
        if (at_ == end_ || !is_hex_digit(*at_)) {
            fail("four hexadecimal digits");
        }
    }
}

void json_scanner::pass_digits()
{
    if (at_ == end_ || !is_digit(*at_)) {
        fail("a digit");
    }
    while (at_ != end_ && is_digit(*at_)) {
        ++at_;
    }
}

void json_scanner::pass_number()
{
    const char* from = at_;
    at_ += *at_ == '-' ? 1 : 0;
    if (at_ != end_ && *at_ == '0') {
        ++at_;
    } else {
        pass_digits();
    }
    if (at_ != end_ && *at_ == '.') {
        ++at_;
        pass_digits();
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
        ++at_;
        at_ += at_ != end_ && (*at_ == '+' || *at_ == '-') ? 1 : 0;
        pass_digits();
    }
    check_field(from);
}

void json_scanner::pass_word(std::string_view word)
{
    for (const char c : word) {
        if (at_ == end_ || *at_ != c) {
            fail("true, false or null");
        }
        ++at_;
    }
}

void json_scanner::check_field(const char* from) const
{
    const auto size = static_cast<std::size_t>(at_ - from);
    if (size > limits_.field) {
        throw error(sqlstate::program_limit_exceeded, "it has a value of " + std::to_string(size) + " bytes at byte " +
                                                          std::to_string(static_cast<std::size_t>(from - text_) + 1) +
                                                          ", more than " + std::to_string(limits_.field));
    }
}

} // namespace etl
