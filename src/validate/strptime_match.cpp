#include "validate/strptime_match.hpp"

#include "core/blanks.hpp"

#include <algorithm>
#include <optional>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

using item = strptime_format::item;

constexpr std::size_t no_match = std::string_view::npos;

// A search that fails this often begins to remember where: its time stays linear in the text.
constexpr std::size_t patience = 64;

constexpr std::array<std::string_view, 7> weekdays{"monday", "tuesday",  "wednesday", "thursday",
                                                   "friday", "saturday", "sunday"};
constexpr std::array<std::string_view, 12> months{"january",   "february", "march",    "april",
                                                  "may",       "june",     "july",     "august",
                                                  "september", "october",  "november", "december"};
constexpr std::array<std::string_view, 2> halves{"am", "pm"};
constexpr std::array<std::string_view, 2> zones{"utc", "gmt"};
constexpr std::size_t short_name = 3;
constexpr std::size_t full_name = no_match;

// The lengths of text that a directive may take, in the order in which they are tried.
class choices {
  public:
    void add(std::size_t length) noexcept { lengths_[count_++] = length; }
    auto begin() const noexcept { return lengths_.begin(); }
    auto end() const noexcept { return lengths_.begin() + count_; }

  private:
    std::array<std::size_t, 12> lengths_{};
    std::ptrdiff_t count_ = 0;
};

struct number_form {
    std::size_t digits;
    int least;
    int most;
};

constexpr number_form day_forms[] = {{2, 1, 31}, {1, 1, 9}};
constexpr number_form hour_forms[] = {{2, 0, 23}, {1, 0, 9}};
constexpr number_form month_forms[] = {{2, 1, 12}, {1, 1, 9}};
constexpr number_form minute_forms[] = {{2, 0, 59}, {1, 0, 9}};
constexpr number_form second_forms[] = {{2, 0, 61}, {1, 0, 9}};
constexpr number_form week_forms[] = {{2, 0, 53}, {1, 0, 9}};
constexpr number_form iso_week_forms[] = {{2, 1, 53}, {1, 0, 9}};
constexpr number_form day_of_year_forms[] = {{3, 1, 366}, {2, 1, 99}, {1, 1, 9}};
constexpr number_form weekday_forms[] = {{1, 0, 6}};
constexpr number_form iso_weekday_forms[] = {{1, 1, 7}};
constexpr number_form short_year_forms[] = {{2, 0, 99}};
constexpr number_form year_forms[] = {{4, 0, 9999}};
constexpr number_form fraction_forms[] = {{6, 0, 999999}, {5, 0, 99999}, {4, 0, 9999},
                                          {3, 0, 999},    {2, 0, 99},    {1, 0, 9}};

std::span<const number_form> number_forms(char directive) noexcept
{
    switch (directive) {
    case 'd':
        return day_forms;
    case 'f':
        return fraction_forms;
    case 'G':
    case 'Y':
        return year_forms;
    case 'H':
        return hour_forms;
    case 'I':
    case 'm':
        return month_forms;
    case 'j':
        return day_of_year_forms;
    case 'M':
        return minute_forms;
    case 'S':
        return second_forms;
    case 'u':
        return iso_weekday_forms;
    case 'U':
    case 'W':
        return week_forms;
    case 'V':
        return iso_week_forms;
    case 'w':
        return weekday_forms;
    case 'y':
        return short_year_forms;
    default:
        return {};
    }
}

constexpr bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

// The number that the first digits make, or nothing where there are fewer.
std::optional<int> number_at(std::string_view text, std::size_t digits) noexcept
{
    if (text.size() < digits || !std::ranges::all_of(text.substr(0, digits), is_digit)) {
        return std::nullopt;
    }
    int value = 0;
    for (const char c : text.substr(0, digits)) {
        value = 10 * value + (c - '0');
    }
    return value;
}

choices choose_number(std::span<const number_form> forms, std::string_view text)
{
    choices found;
    for (const number_form& form : forms) {
        const auto value = number_at(text, form.digits);
        if (value && *value >= form.least && *value <= form.most) {
            found.add(form.digits);
        }
    }
    return found;
}

bool starts_with_name(std::string_view text, std::string_view name) noexcept
{
    return text.size() >= name.size() && std::ranges::equal(text.substr(0, name.size()), name, {}, to_lower);
}

// No name is the start of another, so there is one choice at most.
choices choose_name(std::span<const std::string_view> names, std::size_t length, std::string_view text)
{
    choices found;
    for (const std::string_view name : names) {
        if (starts_with_name(text, name.substr(0, length))) {
            found.add(std::min(length, name.size()));
        }
    }
    return found;
}

// +hh:mm with seconds and their fraction as far as they are there, the colons being optional; or Z.
choices choose_offset(std::string_view text)
{
    choices found;
    if (text.starts_with('Z')) {
        found.add(1);
    }
    if (text.empty() || (text[0] != '+' && text[0] != '-') || !number_at(text.substr(1), 2)) {
        return found;
    }
    const auto two_digits_after = [text](std::size_t at) {
        at += at < text.size() && text[at] == ':' ? 1 : 0;
        const auto value = at < text.size() ? number_at(text.substr(at), 2) : std::nullopt;
        return value && *value < 60 ? at + 2 : no_match;
    };
    const std::size_t minutes_end = two_digits_after(3);
    if (minutes_end == no_match) {
        return found;
    }
    const std::size_t seconds_end = two_digits_after(minutes_end);
    if (seconds_end != no_match) {
        std::size_t digits = 0;
        while (seconds_end < text.size() && text[seconds_end] == '.' && digits < 6 &&
               seconds_end + 1 + digits < text.size() && is_digit(text[seconds_end + 1 + digits])) {
            ++digits;
        }
        for (; digits > 0; --digits) {
            found.add(seconds_end + 1 + digits);
        }
        found.add(seconds_end);
    }
    found.add(minutes_end);
    return found;
}

choices choose(char directive, std::string_view text)
{
    switch (directive) {
    case 'a':
        return choose_name(weekdays, short_name, text);
    case 'A':
        return choose_name(weekdays, full_name, text);
    case 'b':
        return choose_name(months, short_name, text);
    case 'B':
        return choose_name(months, full_name, text);
    case 'p':
        return choose_name(halves, full_name, text);
    case 'z':
        return choose_offset(text);
    case 'Z':
        return choose_name(zones, full_name, text);
    default:
        break;
    }
    choices found = choose_number(number_forms(directive), text);
    if (directive == 'd' && text.size() >= 2 && text[0] == ' ' && text[1] >= '1' && text[1] <= '9') {
        found.add(2);
    }
    return found;
}

// What a literal or a run of blanks takes.
std::size_t fixed_length(const item& wanted, std::string_view text)
{
    if (wanted.directive == item::blanks) {
        const std::size_t length = blanks_length(text);
        return length > 0 ? length : no_match;
    }
    if (wanted.length) {
        return wanted.length(text);
    }
    return starts_with_name(text, wanted.text) ? wanted.text.size() : no_match;
}

} // namespace

bool strptime_match::reaches_end()
{
    return search(0, 0, 0) && end_ == text_.size();
}

// Fits the items from `item` on to the text from `at` on. Blanks take all there are: what follows them either starts
// with none, or, as %d may, takes one with the same end.
bool strptime_match::search(std::size_t item, std::size_t at, std::size_t fields)
{
    for (; item < items_.size(); ++item) {
        const strptime_format::item& wanted = items_[item];
        const std::string_view rest = text_.substr(at);
        if (wanted.directive == item::literal || wanted.directive == item::blanks) {
            const std::size_t length = fixed_length(wanted, rest);
            if (length == no_match) {
                return false;
            }
            at += length;
            continue;
        }
        if (failures_ > patience && failed_.contains({item, at})) {
            return false;
        }
        for (const std::size_t length : choose(wanted.directive, rest)) {
            fields_[fields] = {wanted.directive, rest.substr(0, length)};
            if (search(item + 1, at + length, fields + 1)) {
                return true;
            }
        }
        if (++failures_ > patience) {
            failed_.emplace(item, at);
        }
        return false;
    }
    found_ = fields;
    end_ = at;
    return true;
}

} // namespace etl::validate
