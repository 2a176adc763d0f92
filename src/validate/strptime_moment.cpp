// What the fields that a strptime format has found make: a date, a time and an offset that datetime can hold, or not.
// Where one quantity is given in several ways the last one counts, and a day of the year, or a week with a weekday,
// outweighs month and day.
#include "validate/strptime_match.hpp"

#include <chrono>
#include <optional>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr std::string_view weekday_names = "montuewedthufrisatsun";
constexpr std::string_view month_names = "janfebmaraprmayjunjulaugsepoctnovdec";
constexpr int default_year = 1900;
constexpr int default_leap_year = 1904; // of 29 February without a year
constexpr int last_year = 9999;

int number(std::string_view text) noexcept
{
    int value = 0;
    for (const char c : text) {
        value = c == ' ' ? value : 10 * value + (c - '0');
    }
    return value;
}

// The place of a name among names of three letters, from 0.
int place_of(std::string_view name, std::string_view names) noexcept
{
    const std::array<char, 3> start{to_lower(name[0]), to_lower(name[1]), to_lower(name[2])};
    std::size_t place = 0;
    while (names.substr(place, 3) != std::string_view{start.data(), start.size()}) {
        place += 3;
    }
    return static_cast<int>(place / 3);
}

// Whether an offset is less than a day, and has colons at both places or at none.
bool is_offset(std::string_view text) noexcept
{
    if (text == "Z") {
        return true;
    }
    const bool has_seconds = text.size() > 6;
    const bool has_colon = text[3] == ':';
    const bool has_second_colon = has_seconds && text[has_colon ? 6 : 5] == ':';
    return number(text.substr(1, 2)) < 24 && (!has_seconds || has_colon == has_second_colon);
}

constexpr int days_of(int year) noexcept
{
    return std::chrono::year{year}.is_leap() ? 366 : 365;
}

// Monday is 0.
int first_weekday(int year) noexcept
{
    const std::chrono::sys_days first = std::chrono::year{year} / std::chrono::January / 1;
    return static_cast<int>(std::chrono::weekday{first}.iso_encoding()) - 1;
}

constexpr bool is_year(int year) noexcept
{
    return year >= 1 && year <= last_year;
}

class moment {
  public:
    void set(char directive, std::string_view text);

    bool is_sound()
    {
        if (second_ > 59 || !offset_is_sound_) {
            return false;
        }
        const bool leap_day_without_year = !year_ && month_ == 2 && day_ == 29;
        int year = year_.value_or(leap_day_without_year ? default_leap_year : default_year);
        return find_day_of_year(year) && (!day_of_year_ || turn_into_date(year)) && is_date(year) &&
               (!leap_day_without_year || is_date(default_year)); // the year is set back afterwards
    }

  private:
    bool is_date(int year) const
    {
        return is_year(year) &&
               std::chrono::year_month_day{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month_)},
                                           std::chrono::day{static_cast<unsigned>(day_)}}
                   .ok();
    }

    bool find_day_of_year(int& year);
    bool turn_into_date(int& year);

    std::optional<int> year_;
    std::optional<int> iso_year_;
    int month_ = 1;
    int day_ = 1;
    int second_ = 0;
    std::optional<int> weekday_; // Monday is 0
    std::optional<int> day_of_year_;
    std::optional<int> iso_week_;
    std::optional<int> week_;
    bool weeks_start_on_monday_ = false;
    bool offset_is_sound_ = true;
};

void moment::set(char directive, std::string_view text)
{
    switch (directive) {
    case 'a':
    case 'A':
        weekday_ = place_of(text, weekday_names);
        break;
    case 'b':
    case 'B':
        month_ = place_of(text, month_names) + 1;
        break;
    case 'd':
        day_ = number(text);
        break;
    case 'G':
        iso_year_ = number(text);
        break;
    case 'j':
        day_of_year_ = number(text);
        break;
    case 'm':
        month_ = number(text);
        break;
    case 'S':
        second_ = number(text);
        break;
    case 'u':
        weekday_ = number(text) - 1;
        break;
    case 'U':
    case 'W':
        week_ = number(text);
        weeks_start_on_monday_ = directive == 'W';
        break;
    case 'V':
        iso_week_ = number(text);
        break;
    case 'w':
        weekday_ = (number(text) + 6) % 7;
        break;
    case 'y':
        year_ = number(text) + (number(text) <= 68 ? 2000 : 1900);
        break;
    case 'Y':
        year_ = number(text);
        break;
    case 'z':
        offset_is_sound_ = is_offset(text);
        break;
    default: // hours and minutes are sound in whatever form they were found
        break;
    }
}

// From a week and a weekday; may lie before the year or after it. False where the year has no such place.
bool moment::find_day_of_year(int& year)
{
    if (day_of_year_ || !weekday_) {
        return true;
    }
    if (week_) {
        if (!is_year(year)) {
            return false;
        }
        const int shift = weeks_start_on_monday_ ? 0 : 1;
        const int first = (first_weekday(year) + shift) % 7;
        const int weekday = (*weekday_ + shift) % 7;
        day_of_year_ = *week_ == 0 ? 1 + weekday - first : 1 + (7 - first) % 7 + 7 * (*week_ - 1) + weekday;
    } else if (iso_year_ && iso_week_) {
        year = *iso_year_;
        if (!is_year(year)) {
            return false;
        }
        const int fourth = (first_weekday(year) + 3) % 7; // of January, which is always in week 1
        day_of_year_ = 7 * *iso_week_ + *weekday_ + 1 - (fourth + 4);
    }
    if (day_of_year_ && *day_of_year_ <= 0) {
        --year;
        *day_of_year_ += days_of(year);
    }
    return true;
}

// The day of the year may lie in another one.
bool moment::turn_into_date(int& year)
{
    if (!is_year(year)) {
        return false;
    }
    const std::chrono::sys_days first = std::chrono::year{year} / std::chrono::January / 1;
    const std::chrono::year_month_day date{first + std::chrono::days{*day_of_year_ - 1}};
    year = static_cast<int>(date.year());
    month_ = static_cast<int>(static_cast<unsigned>(date.month()));
    day_ = static_cast<int>(static_cast<unsigned>(date.day()));
    return true;
}

} // namespace

bool strptime_match::makes_moment() const
{
    moment made;
    for (const field& each : std::span{fields_}.first(found_)) {
        made.set(each.directive, each.text);
    }
    return made.is_sound();
}

} // namespace etl::validate
