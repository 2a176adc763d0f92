#include "core/cron.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <span>
#include <string>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::clock {

namespace {

using days_since_epoch = std::chrono::days;
using std::chrono::last;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 12> month_names = {"jan", "feb", "mar", "apr", "may", "jun",
                                                          "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> weekday_names = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct field_kind {
    std::string_view name;
    std::int32_t low;
    std::int32_t high;
    std::span<const std::string_view> names; // of the values from low on
    std::string_view example;
};

constexpr std::array<field_kind, 5> kinds = {{
    {"minute", 0, 59, {}, "0,30"},
    {"hour", 0, 23, {}, "9-17"},
    {"day of month", 1, 31, {}, "1,15 or L"},
    {"month", 1, 12, month_names, "1-6 or jan,jul"},
    {"day of week", 0, 7, weekday_names, "mon-fri or 5L"},
}};
constexpr std::size_t day_field = 2;
constexpr std::size_t weekday_field = 4;

struct macro {
    std::string_view name;
    std::string_view fields;
};

constexpr std::array<macro, 7> macros = {{{"@yearly", "0 0 1 1 *"},
                                          {"@annually", "0 0 1 1 *"},
                                          {"@monthly", "0 0 1 * *"},
                                          {"@weekly", "0 0 * * 0"},
                                          {"@daily", "0 0 * * *"},
                                          {"@midnight", "0 0 * * *"},
                                          {"@hourly", "0 * * * *"}}};

constexpr char format_hint[] =
    "Give minute, hour, day of month, month and day of week, as in '0 2 * * *' for 02:00 every day; or one of @hourly, "
    "@daily, @weekly, @monthly, @yearly.";

constexpr std::size_t longest_text = 1000; // bytes; five fields with all their values have fewer
constexpr std::int64_t minutes_of_day = seconds_of_day / seconds_of_minute;

// The last full minute that lies before a time or is it.
std::int64_t minutes_before(local_seconds time) noexcept
{
    return floor_divide(time, seconds_of_minute);
}

bool is_blank(char c) noexcept
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

char to_lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lower(std::string_view text)
{
    std::string made{text};
    for (char& c : made) {
        c = to_lower(c);
    }
    return made;
}

std::vector<std::string_view> split(std::string_view text, auto is_separator)
{
    std::vector<std::string_view> parts = {text.substr(0, 0)};
    std::size_t begin = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (is_separator(text[at])) {
            begin = at + 1;
            parts.push_back(text.substr(begin, 0));
        } else {
            parts.back() = text.substr(begin, at + 1 - begin);
        }
    }
    return parts;
}

std::vector<std::string_view> words_of(std::string_view text)
{
    auto words = split(text, is_blank);
    std::erase(words, std::string_view{});
    return words;
}

// Reads one field into a cron schedule.
class field_reader {
  public:
    field_reader(std::string_view schedule, std::size_t number, std::string_view text, cron& made)
        : schedule_{schedule}, number_{number}, kind_{kinds[number]}, text_{text}, made_{made}
    {
    }

    cron_field read()
    {
        field_.begins_with_star = text_.front() == '*';
        const auto items = split(text_, [](char c) { return c == ','; });
        for (const auto item : items) {
            read_item(item);
        }
        if (items.size() > 1) {
            field_.step_of_star = 1;
        }
        return field_;
    }

  private:
    [[noreturn]] void refuse(std::string_view item, std::string_view why, std::string hint = {}) const
    {
        if (hint.empty()) {
            hint =
                "The fields are minute 0-59, hour 0-23, day of month 1-31 or L, month 1-12 or jan-dec, and day of "
                "week 0-7 or sun-sat (0 and 7 are Sunday); each is *, a number, a range a-b, a step */n or a-b/n, or "
                "a list of these, as " +
                std::string{kind_.example} + ".";
        }
        throw error(sqlstate::invalid_parameter_value,
                    std::string{kind_.name} + " " + in_quotes(item) + " of schedule " + in_quotes(schedule_) + " " +
                        std::string{why},
                    {}, std::move(hint));
    }

    void read_item(std::string_view item)
    {
        if (item.empty()) {
            refuse(text_, "has an empty item");
        } else if (!read_last(item)) {
            read_range(item);
        }
    }

    // L, L-3, 5L
    bool read_last(std::string_view item)
    {
        if (number_ == day_field && item.front() == 'l') {
            const auto back = item.size() == 1 ? 0 : item[1] == '-' ? number(item.substr(2), item, 0, 30) : -1;
            if (back < 0) {
                refuse(item, "is not understood");
            }
            made_.before_last |= 1U << static_cast<unsigned>(back);
            return true;
        }
        if (number_ == weekday_field && item.size() > 1 && item.back() == 'l') {
            const auto day = value(item.substr(0, item.size() - 1), item);
            made_.last_weekdays |= 1U << static_cast<unsigned>(day % 7);
            return true;
        }
        return false;
    }

    void read_range(std::string_view item)
    {
        const auto slash = item.find('/');
        const auto range = item.substr(0, slash);
        const auto dash = range.find('-');
        std::int32_t step = 1;
        if (slash != std::string_view::npos) {
            if (range != "*" && dash == std::string_view::npos) {
                refuse(item, "has a step, but no range to step through",
                       "Give '" + std::string{range} + "-" + std::to_string(kind_.high) +
                           std::string{item.substr(slash)} + "'.");
            }
            step = number(item.substr(slash + 1), item, 1, 999);
        }
        if (range == "*") {
            field_.step_of_star = step;
            allow(kind_.low, number_ == weekday_field ? 6 : kind_.high, step);
        } else {
            const auto first = value(range.substr(0, dash), item);
            allow(first, dash == std::string_view::npos ? first : end_of(range.substr(dash + 1), item, first), step);
        }
    }

    std::int32_t end_of(std::string_view text, std::string_view item, std::int32_t first) const
    {
        const auto end = value(text, item);
        if (end < first) {
            refuse(item, "ends before it begins",
                   "Give two ranges, as in '" + std::string{item.substr(0, item.find('-'))} + "-" +
                       std::to_string(number_ == weekday_field ? 6 : kind_.high) + "," + std::to_string(kind_.low) +
                       "-" + std::string{text} + "'.");
        }
        return end;
    }

    void allow(std::int32_t first, std::int32_t end, std::int32_t step)
    {
        for (auto at = first; at <= end; at += step) {
            field_.values |= 1ULL << static_cast<unsigned>(number_ == weekday_field ? at % 7 : at);
        }
    }

    std::int32_t value(std::string_view text, std::string_view item) const
    {
        for (std::size_t n = 0; n < kind_.names.size(); ++n) {
            if (text == kind_.names[n]) {
                return kind_.low + static_cast<std::int32_t>(n);
            }
        }
        return number(text, item, kind_.low, kind_.high);
    }

    std::int32_t number(std::string_view text, std::string_view item, std::int32_t low, std::int32_t high) const
    {
        std::int32_t made = 0;
        const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), made);
        const bool is_number = !text.empty() && text.front() != '-' && end == text.data() + text.size();
        if (!is_number) {
            refuse(item, "is not understood");
        } else if (problem != std::errc{} || made < low || made > high) {
            refuse(item, "is not between " + std::to_string(low) + " and " + std::to_string(high));
        }
        return made;
    }

    std::string_view schedule_;
    std::size_t number_;
    const field_kind& kind_;
    std::string_view text_;
    cron& made_;
    cron_field field_;
};

std::string_view fields_of(std::string_view schedule, std::string_view text)
{
    if (text.front() != '@') {
        return text;
    }
    for (const auto& known : macros) {
        if (text == known.name) {
            return known.fields;
        }
    }
    throw error(sqlstate::invalid_parameter_value, "schedule " + in_quotes(schedule) + " is not known", {},
                format_hint);
}

} // namespace

bool looks_like_cron(std::string_view text)
{
    const auto words = words_of(text);
    return words.size() == 5 || (words.size() == 1 && words[0].front() == '@' && words[0].size() > 1);
}

cron cron::parse(std::string_view text)
{
    if (text.size() > longest_text) {
        throw error(sqlstate::invalid_parameter_value,
                    "schedule " + in_quotes(text.substr(0, 60)) + " and so on has " + std::to_string(text.size()) +
                        " bytes",
                    {}, format_hint);
    }
    const auto trimmed = words_of(text);
    if (trimmed.empty()) {
        throw error(sqlstate::invalid_parameter_value, "schedule must not be empty", {}, format_hint);
    }
    const std::string lowered = lower(text);
    const auto words = words_of(fields_of(text, trimmed.size() == 1 ? words_of(lowered)[0] : lowered));
    if (words.size() != kinds.size()) {
        throw error(sqlstate::invalid_parameter_value,
                    "schedule " + in_quotes(text) + " has " + std::to_string(words.size()) +
                        (words.size() == 1 ? " field" : " fields") + " instead of five",
                    {}, format_hint);
    }
    cron made;
    const std::array<cron_field*, kinds.size()> fields = {&made.minutes, &made.hours, &made.days, &made.months,
                                                          &made.weekdays};
    for (std::size_t n = 0; n < kinds.size(); ++n) {
        *fields[n] = field_reader{text, n, words[n], made}.read();
    }
    if (!made.next(0)) {
        throw error(sqlstate::invalid_parameter_value, "schedule " + in_quotes(text) + " never comes",
                    "No month that it names has such a day.", "Give L as the day of month for the last day.");
    }
    return made;
}

bool cron::has_day(year_month_day day) const noexcept
{
    const auto number = static_cast<unsigned>(day.day());
    const auto end = static_cast<unsigned>((day.year() / day.month() / last).day());
    const auto weekday = std::chrono::weekday{sys_days{day}}.c_encoding();
    const bool is_day = days.has(number) || (before_last >> (end - number) & 1) != 0;
    const bool is_weekday = weekdays.has(weekday) || ((last_weekdays >> weekday & 1) != 0 && number + 7 > end);
    return either_day() ? is_day || is_weekday : is_day && is_weekday;
}

std::optional<unsigned> cron::minute_of_day(unsigned from) const noexcept
{
    for (auto hour = from / 60; hour < 24; ++hour) {
        const auto first = hour == from / 60 ? from % 60 : 0;
        const auto allowed = minutes.values >> first;
        if (hours.has(hour) && allowed != 0) {
            return hour * 60 + first + static_cast<unsigned>(std::countr_zero(allowed));
        }
    }
    return {};
}

std::optional<local_seconds> cron::next(local_seconds after) const noexcept
{
    const auto from = minutes_before(after) + 1;
    auto number = floor_divide(from, minutes_of_day);
    auto minute = static_cast<unsigned>(from - number * minutes_of_day);
    for (const auto end = number + 50 * 366; number <= end; ++number, minute = 0) {
        const year_month_day day{sys_days{days_since_epoch{static_cast<int>(number)}}};
        if (day.year() > std::chrono::year{9999}) {
            break;
        }
        if (!months.has(static_cast<unsigned>(day.month()))) {
            number = sys_days{day.year() / day.month() / last}.time_since_epoch().count();
        } else if (has_day(day)) {
            if (const auto found = minute_of_day(minute)) {
                return number * seconds_of_day + *found * seconds_of_minute;
            }
        }
    }
    return {};
}

} // namespace etl::clock
