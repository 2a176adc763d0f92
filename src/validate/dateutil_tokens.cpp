#include "validate/dateutil_tokens.hpp"

#include "core/blanks.hpp"

#include <algorithm>
#include <span>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

constexpr bool is_divider(char c) noexcept
{
    return c == '.' || c == ',';
}

constexpr char to_lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

struct meaning {
    std::string_view word;
    int value;
};

constexpr meaning weekdays[] = {{"mon", 0},       {"monday", 0},   {"tue", 1},      {"tuesday", 1}, {"wed", 2},
                                {"wednesday", 2}, {"thu", 3},      {"thursday", 3}, {"fri", 4},     {"friday", 4},
                                {"sat", 5},       {"saturday", 5}, {"sun", 6},      {"sunday", 6}};
constexpr meaning months[] = {{"jan", 0},   {"january", 0},   {"feb", 1},       {"february", 1}, {"mar", 2},
                              {"march", 2}, {"apr", 3},       {"april", 3},     {"may", 4},      {"jun", 5},
                              {"june", 5},  {"jul", 6},       {"july", 6},      {"aug", 7},      {"august", 7},
                              {"sep", 8},   {"sept", 8},      {"september", 8}, {"oct", 9},      {"october", 9},
                              {"nov", 10},  {"november", 10}, {"dec", 11},      {"december", 11}};
constexpr meaning units[] = {{"h", 0},       {"hour", 0}, {"hours", 0},  {"m", 1},      {"minute", 1},
                             {"minutes", 1}, {"s", 2},    {"second", 2}, {"seconds", 2}};
constexpr meaning halves[] = {{"am", 0}, {"a", 0}, {"pm", 1}, {"p", 1}};
constexpr meaning jumps[] = {{" ", 0}, {".", 0},  {",", 0},  {";", 0},   {"-", 0},  {"/", 0},
                             {"'", 0}, {"at", 0}, {"on", 0}, {"and", 0}, {"ad", 0}, {"m", 0},
                             {"t", 0}, {"of", 0}, {"st", 0}, {"nd", 0},  {"rd", 0}, {"th", 0}};

int look_up(std::span<const meaning> words, std::string_view token) noexcept
{
    const auto found = std::ranges::find_if(
        words, [token](const meaning& each) { return std::ranges::equal(token, each.word, {}, to_lower); });
    return found == words.end() ? -1 : found->value;
}

} // namespace

bool dateutil_tokens::has(int distance)
{
    if (distance < 0 && present_ < static_cast<std::size_t>(-distance)) {
        return false;
    }
    while (loaded_ <= present_ + static_cast<std::size_t>(distance)) {
        if (!load_next()) {
            return false;
        }
    }
    return true;
}

bool dateutil_tokens::load_next()
{
    if (pieces_.empty() && rest_.empty()) {
        return false;
    }
    const std::string_view token = pieces_.empty() ? take_token() : take_piece();
    window_[loaded_++ % window] = token;
    return true;
}

bool dateutil_tokens::is_letter(std::size_t i) const noexcept
{
    const char c = rest_[i];
    if (static_cast<unsigned char>(c) >= 0x80) {
        return blank_length(rest_.substr(i)) == 0;
    }
    return to_lower(c) >= 'a' && to_lower(c) <= 'z';
}

// The next of the pieces between dots and commas, or one of these.
std::string_view dateutil_tokens::take_piece() noexcept
{
    const auto end = std::ranges::find_if(pieces_, is_divider) - pieces_.begin();
    const std::string_view piece = pieces_.substr(0, end == 0 ? 1 : static_cast<std::size_t>(end));
    pieces_.remove_prefix(piece.size());
    return piece;
}

// A token falls apart at its dots when it has letters, several dots, or one at its end. That it has letters shows when
// another character follows the first of them: "5.a" at the end of a text stays whole.
std::string_view dateutil_tokens::take_token() noexcept
{
    if (const std::size_t blank = blank_length(rest_)) {
        rest_.remove_prefix(blank);
        return " ";
    }
    bool in_letters = is_letter(0);
    bool dotted = false;
    bool has_letters = false;
    std::size_t dots = 0;
    std::size_t size = 1;
    for (const bool is_sign = !in_letters && !is_digit(rest_[0]); !is_sign && size < rest_.size(); ++size) {
        const char c = rest_[size];
        const bool after_dot = dotted && rest_[size - 1] == '.';
        has_letters = has_letters || in_letters;
        if (c == '.' || (c == ',' && !in_letters && !dotted && size >= 2)) {
            dotted = true;
            dots += c == '.' ? 1 : 0;
        } else if (is_digit(c) && (!in_letters || after_dot)) {
            in_letters = false;
        } else if (is_letter(size) && (in_letters || after_dot)) {
            in_letters = true;
        } else {
            break;
        }
    }
    const std::string_view token = rest_.substr(0, size);
    rest_.remove_prefix(size);
    if (dotted && (has_letters || dots > 1 || is_divider(token.back()))) {
        pieces_ = token;
        return take_piece();
    }
    return token;
}

bool is_digits(std::string_view token) noexcept
{
    return !token.empty() && std::ranges::all_of(token, is_digit);
}

bool is_number(std::string_view token) noexcept
{
    const std::size_t divider = token.find_first_of(".,");
    return is_digits(token.substr(0, divider)) &&
           (divider == std::string_view::npos || is_digits(token.substr(divider + 1)));
}

dateutil_number read_number(std::string_view token) noexcept
{
    const std::size_t divider = std::min(token.find_first_of(".,"), token.size());
    dateutil_number value;
    for (const char c : token.substr(0, divider)) {
        value.whole = std::min(10 * value.whole + (c - '0'), dateutil_number::large);
    }
    value.has_fraction = token.find_first_of("123456789", divider) != std::string_view::npos;
    return value;
}

int weekday_of(std::string_view token) noexcept
{
    return look_up(weekdays, token);
}

int month_of(std::string_view token) noexcept
{
    return look_up(months, token);
}

int unit_of(std::string_view token) noexcept
{
    return look_up(units, token);
}

int half_of(std::string_view token) noexcept
{
    return look_up(halves, token);
}

bool is_jump(std::string_view token) noexcept
{
    return look_up(jumps, token) == 0;
}

bool is_not_finite(std::string_view token) noexcept
{
    constexpr meaning words[] = {{"inf", 0}, {"infinity", 0}, {"nan", 0}};
    return look_up(words, token) == 0;
}

bool is_utc(std::string_view token) noexcept
{
    constexpr meaning words[] = {{"utc", 0}, {"gmt", 0}, {"z", 0}};
    return look_up(words, token) == 0;
}

bool is_of(std::string_view token) noexcept
{
    constexpr meaning words[] = {{"of", 0}};
    return look_up(words, token) == 0;
}

} // namespace etl::validate
