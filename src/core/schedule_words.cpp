#include "core/schedule_words.hpp"

#include <array>
#include <bit>

#include "core/cpp_only.hpp"

namespace etl::clock {

namespace {

constexpr std::array<const char*, 12> months = {"January", "February", "March",     "April",   "May",      "June",
                                                "July",    "August",   "September", "October", "November", "December"};
constexpr std::array<const char*, 7> weekdays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                 "Thursday", "Friday", "Saturday"};
constexpr std::uint64_t every_minute = (1ULL << 60U) - 1;
constexpr std::uint64_t every_day = 0xFFFF'FFFEU;
constexpr std::uint64_t every_month = 0x1FFEU;
constexpr std::uint64_t every_weekday = 0x7FU;

std::string number(unsigned value)
{
    return std::to_string(value);
}

std::string month_name(unsigned value)
{
    return months[value - 1];
}

std::string weekday_name(unsigned value)
{
    return weekdays[value];
}

std::string two_digits(unsigned value)
{
    return (value < 10 ? "0" : "") + std::to_string(value);
}

// a, b and c
std::string enumerated(const std::vector<std::string>& items)
{
    std::string made;
    for (std::size_t n = 0; n < items.size(); ++n) {
        made += n == 0 ? "" : n + 1 == items.size() ? " and " : ", ";
        made += items[n];
    }
    return made;
}

// The values of a set, three or more that follow each other as "a to b".
std::string listed(std::uint64_t values, std::string (*name)(unsigned))
{
    std::vector<std::string> items;
    while (values != 0) {
        const auto first = static_cast<unsigned>(std::countr_zero(values));
        const auto run = static_cast<unsigned>(std::countr_one(values >> first));
        if (run >= 3) {
            items.push_back(name(first) + " to " + name(first + run - 1));
        } else {
            for (unsigned n = 0; n < run; ++n) {
                items.push_back(name(first + n));
            }
        }
        values &= ~(((1ULL << run) - 1) << first);
    }
    return enumerated(items);
}

std::string with_plural(std::uint64_t values, const char* one, const char* many, std::string (*name)(unsigned) = number)
{
    return (std::popcount(values) == 1 ? one : many) + (" " + listed(values, name));
}

// 09:00, 09:30 and 10:00
std::string times_of(const cron& fields)
{
    std::vector<std::string> items;
    for (auto at = fields.minute_of_day(0); at; at = fields.minute_of_day(*at + 1)) {
        items.push_back(two_digits(*at / 60) + ":" + two_digits(*at % 60));
    }
    return enumerated(items);
}

bool fits(const cron_field& field, std::int32_t length)
{
    return length % field.step_of_star == 0;
}

std::string hours_words(const cron& fields)
{
    return fields.has_every_hour() ? "every hour" : with_plural(fields.hours.values, "hour", "hours");
}

std::string time_words(const cron& fields)
{
    const auto& minutes = fields.minutes;
    if (minutes.values == every_minute) {
        return fields.has_every_hour() ? "every minute" : "every minute of " + hours_words(fields);
    }
    if (minutes.step_of_star > 1 && fits(minutes, 60)) {
        const std::string made = "every " + std::to_string(minutes.step_of_star) + " minutes";
        return fields.has_every_hour() ? made : made + " of " + hours_words(fields);
    }
    if (std::popcount(minutes.values) * std::popcount(fields.hours.values) <= 6) {
        return "at " + times_of(fields);
    }
    return "at " + with_plural(minutes.values, "minute", "minutes") + " of " + hours_words(fields);
}

std::string days_of_month(const cron& fields)
{
    std::vector<std::string> items;
    if (fields.days.values != 0) {
        items.push_back(with_plural(fields.days.values, "day", "days"));
    }
    for (unsigned back = 0; back < 32; ++back) {
        if ((fields.before_last >> back & 1) != 0) {
            items.push_back(back == 0 ? "the last day" : "the day " + std::to_string(back) + " before the last");
        }
    }
    return enumerated(items) + " of the month";
}

std::string days_of_week(const cron& fields)
{
    std::vector<std::string> items;
    if (fields.weekdays.values != 0) {
        items.push_back(listed(fields.weekdays.values, weekday_name));
    }
    if (fields.last_weekdays != 0) {
        items.push_back("the last " + listed(fields.last_weekdays, weekday_name) + " of the month");
    }
    return enumerated(items);
}

std::string day_words(const cron& fields)
{
    const bool any_day = fields.days.values == every_day;
    const bool any_weekday = fields.weekdays.values == every_weekday;
    if (fields.either_day()) {
        return any_day || any_weekday ? "every day" : "on " + days_of_month(fields) + " and on " + days_of_week(fields);
    }
    if (any_day && any_weekday) {
        return "every day";
    }
    if (any_day) {
        return "on " + days_of_week(fields);
    }
    return "on " + days_of_month(fields) + (any_weekday ? "" : " where that is " + days_of_week(fields));
}

struct field_rule {
    const cron_field cron::*field;
    std::int32_t length;
    const char* what;
    const char* whole;
};

constexpr std::array<field_rule, 4> steps = {{{&cron::minutes, 60, "minutes", "hour"},
                                              {&cron::hours, 24, "hours", "day"},
                                              {&cron::days, 0, "days", "month"},
                                              {&cron::months, 12, "months", "year"}}};

void warn_of_steps(const cron& fields, std::vector<std::string>& warnings)
{
    for (const auto& [field, length, what, whole] : steps) {
        const auto step = (fields.*field).step_of_star;
        if (step > 1 && (length == 0 || length % step != 0)) {
            const auto written = "*/" + std::to_string(step);
            warnings.push_back(written + " is not every " + std::to_string(step) + " " + what +
                               ": it counts anew in each " + whole + ", and means " +
                               with_plural((fields.*field).values, "value", "values") + ". The interval '" +
                               std::to_string(step) + " " + what + "' does not.");
        }
    }
}

} // namespace

std::string words_of(const cron& fields)
{
    auto made = time_words(fields);
    const auto day = day_words(fields);
    if (day != "every day") {
        made += ", " + day;
    } else if (!made.ends_with("every hour") && !made.starts_with("every")) {
        made += " every day";
    }
    if (fields.months.values != every_month) {
        made += ", in " + listed(fields.months.values, month_name);
    }
    return made;
}

std::vector<std::string> warnings_of(const cron& fields)
{
    std::vector<std::string> warnings;
    warn_of_steps(fields, warnings);
    if (fields.minutes.values == every_minute && !fields.has_every_hour()) {
        warnings.emplace_back("* as the minute is each of the sixty minutes of these hours; 0 is the full hour.");
    }
    if (fields.either_day() && fields.days.values != every_day && fields.weekdays.values != every_weekday) {
        warnings.emplace_back(
            "Day of month and day of week are both given, of which either is enough: it comes on each "
            "of these days of the month, and on each of these days of the week.");
    }
    constexpr std::uint64_t days_of_all_months = every_day & ~0xE000'0000ULL;
    const bool only_late = fields.days.values != 0 && (fields.days.values & days_of_all_months) == 0;
    if (only_late && fields.before_last == 0 && fields.weekdays.begins_with_star) {
        warnings.push_back("Months that have no " + with_plural(fields.days.values, "day", "days") +
                           " are left out; L is the last day of each month.");
    }
    return warnings;
}

} // namespace etl::clock
