#include "core/json.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t exact_digits = 18; // of a 64-bit integer

void check_text(const json& value, const char* what)
{
    if (value.is_string() && value.get_ref<const std::string&>().find('\0') != std::string::npos) {
        throw error(sqlstate::invalid_parameter_value, std::string{what} + " must not hold the character \\u0000");
    }
}

// What the parser says; it may quote half a character.
std::string complaint(const json::exception& from)
{
    std::string made{"The parser says: "};
    made += from.what();
    std::replace_if(
        made.begin(), made.end(), [](unsigned char c) { return c >= 0x80; }, '?');
    return made + '.';
}

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_part_of_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '+' || c == '-' ||
           c == '.';
}

// Where the string that begins at `at` ends: behind its closing quote, or at the end of the text.
std::size_t end_of_string(std::string_view text, std::size_t at)
{
    for (++at; at < text.size() && text[at] != '"'; ++at) {
        at += text[at] == '\\' ? 1 : 0;
    }
    return std::min(at + 1, text.size());
}

bool is_long_integer(std::string_view word)
{
    word.remove_prefix(word.starts_with('-') ? 1 : 0);
    return word.size() > exact_digits && word[0] != '0' && std::all_of(word.begin(), word.end(), is_digit);
}

bool is_unusual(std::string_view word)
{
    return word == "Infinity" || word == "-Infinity" || word == "NaN" || is_long_integer(word);
}

// Whether what follows is the colon of a key, which only a string can be.
bool is_key(std::string_view text, std::size_t at)
{
    at = text.find_first_not_of(" \t\r\n", at);
    return at != std::string_view::npos && text[at] == ':';
}

} // namespace

json parse_json(std::string_view text, const char* what, int deepest)
{
    // Called for each key and value while it is read.
    auto within_limits = [what, deepest](int depth, json::parse_event_t, const json& value) {
        if (depth > deepest) {
            throw error(sqlstate::program_limit_exceeded,
                        std::string{what} + " must not nest deeper than " + std::to_string(deepest) + " levels");
        }
        check_text(value, what);
        return true;
    };
    try {
        return json::parse(text, within_limits);
    } catch (const json::exception& e) { // no JSON, or a number that no double holds
        throw error(sqlstate::invalid_parameter_value, std::string{what} + " must be a JSON document", complaint(e));
    }
}

std::string quote_unusual_numbers(std::string_view text)
{
    std::string made;
    made.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at + 1;
        if (text[at] == '"') {
            end = end_of_string(text, at);
        } else if (is_part_of_word(text[at])) {
            end = static_cast<std::size_t>(
                std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), is_part_of_word) -
                text.begin());
        }
        const std::string_view word = text.substr(at, end - at);
        const bool quoted = is_unusual(word) && !is_key(text, end);
        made += quoted ? "\"" : "";
        made += word;
        made += quoted ? "\"" : "";
        at = end;
    }
    return made;
}

std::optional<double> number_in(const json& value)
{
    if (value.is_number()) {
        return value.get<double>();
    }
    if (!value.is_string()) {
        return std::nullopt;
    }
    const auto& text = value.get_ref<const std::string&>();
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (text == "Infinity" || text == "-Infinity") {
        return text[0] == '-' ? -infinity : infinity;
    }
    if (text == "NaN") {
        return std::numeric_limits<double>::quiet_NaN();
    }
    double number = 0;
    const char* end = text.data() + text.size();
    const auto [stopped, failure] = std::from_chars(text.data(), end, number);
    const bool plain = !text.empty() && (is_digit(text[0]) || text[0] == '-') && is_digit(text.back());
    return failure == std::errc{} && stopped == end && plain ? std::optional{number} : std::nullopt;
}

} // namespace etl
