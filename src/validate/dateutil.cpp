#include "validate/dateutil.hpp"

#include "validate/dateutil_date.hpp"
#include "validate/dateutil_tokens.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

using value = std::optional<std::int64_t>;

constexpr std::int64_t longest_offset = 86'399'999'999'999; // seconds, of timedelta
constexpr std::size_t longest_zone = 5;

enum unit { hours, minutes, seconds };

bool is_zone_name(std::string_view token) noexcept
{
    return token == "z" ||
           (token.size() <= longest_zone && std::ranges::all_of(token, [](char c) { return c >= 'A' && c <= 'Z'; }));
}

// The whole number that a token, or the start of one, is; nothing where it is none.
value whole(std::string_view token) noexcept
{
    return is_digits(token) ? value{read_number(token).whole} : std::nullopt;
}

// Reads the tokens from left to right. Each step answers whether they may be part of a date; it leaves the last token
// that it has taken as the present one.
class dateutil_reader {
  public:
    dateutil_reader(std::string_view text, std::chrono::year_month_day today) : tokens_{text}, today_{today} {}

    bool read_all()
    {
        for (; tokens_.has(0); tokens_.advance(1)) {
            if (!read_one()) {
                return false;
            }
        }
        return has_anything() && date_.is_possible(weekday_, today_) && time_.is_possible();
    }

  private:
    bool read_one();
    bool read_month(int month);
    bool read_half(int half);
    bool read_zone_name();
    bool read_offset();

    bool read_number_token();
    bool read_packed_time(std::string_view token);
    bool read_six_digits(std::string_view token);
    bool read_full_date(std::string_view token);
    bool read_unit(std::string_view token, int distance, int of);
    bool read_clock(std::string_view token);
    bool read_divided_date(std::string_view token);
    bool read_before_jump(const dateutil_number& number);
    bool read_hour_of_half(const dateutil_number& number, int distance);

    bool find_unit(int& distance, int& of);
    bool add_month_or_text(int distance);
    bool take(std::size_t tokens)
    {
        tokens_.advance(tokens);
        return true;
    }

    bool could_be_zone() const noexcept { return time_.hour && !has_zone_ && !has_offset_; }
    bool has_anything() const noexcept;

    dateutil_tokens tokens_;
    std::chrono::year_month_day today_;
    dateutil_date date_;
    dateutil_time time_;
    value weekday_;
    bool has_zone_ = false;
    bool has_offset_ = false;
};

bool dateutil_reader::read_one()
{
    const std::string_view token = tokens_.at(0);
    if (is_number(token)) {
        return read_number_token();
    }
    if (is_not_finite(token)) {
        return false;
    }
    if (const int weekday = weekday_of(token); weekday >= 0) {
        weekday_ = weekday;
        return true;
    }
    if (const int month = month_of(token); month >= 0) {
        return read_month(month);
    }
    if (const int half = half_of(token); half >= 0) {
        return read_half(half);
    }
    if (could_be_zone() && is_zone_name(token)) {
        return read_zone_name();
    }
    if (time_.hour && (token == "+" || token == "-")) {
        return read_offset();
    }
    return is_jump(token);
}

// --- words ---------------------------------------------------------------------------------------------------------

// Jan, Jan-01, Jan-01-99 or "Jan of 01", whose number is the year.
bool dateutil_reader::read_month(int month)
{
    if (!date_.add_month(month + 1)) {
        return false;
    }
    if (tokens_.is(1, "-") || tokens_.is(1, "/")) {
        const std::string_view divider = tokens_.at(1);
        if (!tokens_.has(2) || !date_.add_text(tokens_.at(2))) {
            return false;
        }
        if (!tokens_.is(3, divider)) {
            return take(2);
        }
        return tokens_.has(4) && date_.add_text(tokens_.at(4)) && take(4);
    }
    if (tokens_.has(4) && tokens_.is(1, " ") && tokens_.is(3, " ") && is_of(tokens_.at(2))) {
        const value year = whole(tokens_.at(4));
        return (!year || date_.add_year(full_year(*year, today_))) && take(4);
    }
    return true;
}

bool dateutil_reader::read_half(int half)
{
    if (!time_.hour || *time_.hour > 12) {
        return false;
    }
    time_.set_half(*time_.hour, half);
    return true;
}

// "GMT+3" means that the time is three hours before GMT: the sign is turned around.
bool dateutil_reader::read_zone_name()
{
    const std::string_view name = tokens_.at(0);
    has_zone_ = true;
    has_offset_ = name == "z";
    if (tokens_.is(1, "+") || tokens_.is(1, "-")) {
        tokens_.replace(1, tokens_.at(1) == "+" ? "-" : "+");
        has_offset_ = false;
        has_zone_ = !is_utc(name);
    }
    return true;
}

// -0300, -03:00 or -3, perhaps with a name in parentheses: -0300 (BRST).
bool dateutil_reader::read_offset()
{
    if (!tokens_.has(1)) {
        return false;
    }
    const std::string_view token = tokens_.at(1);
    value hour;
    value minute = 0;
    if (token.size() == 4) {
        hour = whole(token.substr(0, 2));
        minute = whole(token.substr(2));
    } else if (tokens_.is(2, ":")) {
        hour = whole(token);
        minute = tokens_.has(3) ? whole(tokens_.at(3)) : std::nullopt;
        tokens_.advance(2);
    } else if (token.size() <= 2) {
        hour = whole(token);
    }
    if (!hour || !minute || *hour * 3600 + *minute * 60 > longest_offset) {
        return false;
    }
    has_offset_ = true;
    if (tokens_.has(5) && is_jump(tokens_.at(2)) && tokens_.is(3, "(") && tokens_.is(5, ")") &&
        tokens_.at(4).size() >= 3 && !has_zone_ && is_zone_name(tokens_.at(4))) {
        has_zone_ = true;
        tokens_.advance(4);
    }
    return take(1);
}

// --- numbers -------------------------------------------------------------------------------------------------------

bool dateutil_reader::read_number_token()
{
    const std::string_view token = tokens_.at(0);
    const std::size_t size = token.size();
    const dateutil_number number = read_number(token);
    const bool before_time = tokens_.has(1) && (tokens_.at(1) == ":" || unit_of(tokens_.at(1)) >= 0);
    int distance = 0;
    int of = 0;
    if (date_.size() == 3 && (size == 2 || size == 4) && !time_.hour && !before_time) {
        return read_packed_time(token);
    }
    if (size == 6 || (size > 6 && token.find_first_of(".,") == 6)) {
        return read_six_digits(token);
    }
    if (size == 8 || size == 12 || size == 14) {
        return read_full_date(token);
    }
    if (find_unit(distance, of)) {
        return read_unit(token, distance, of);
    }
    if (tokens_.has(2) && tokens_.at(1) == ":") {
        return read_clock(token);
    }
    if (tokens_.is(1, "-") || tokens_.is(1, "/") || tokens_.is(1, ".")) {
        return read_divided_date(token);
    }
    if (!tokens_.has(1) || is_jump(tokens_.at(1))) {
        return read_before_jump(number);
    }
    if (half_of(tokens_.at(1)) >= 0 && number.whole < 24) {
        return read_hour_of_half(number, 1);
    }
    return date_.could_be_day(number) && date_.add_value(number);
}

// 19990101T23 or 19990101T2359
bool dateutil_reader::read_packed_time(std::string_view token)
{
    time_.hour = whole(token.substr(0, 2));
    if (token.size() == 2) {
        return time_.hour.has_value();
    }
    time_.minute = whole(token.substr(2));
    return time_.hour && time_.minute;
}

// YYMMDD, or HHMMSS with a fraction or after a date
bool dateutil_reader::read_six_digits(std::string_view token)
{
    if (date_.size() == 0 && is_digits(token)) {
        return date_.add_text(token.substr(0, 2)) && date_.add_text(token.substr(2, 2)) &&
               date_.add_text(token.substr(4));
    }
    time_.hour = whole(token.substr(0, 2));
    time_.minute = whole(token.substr(2, 2));
    return time_.hour && time_.minute && time_.set_second(token.substr(4));
}

// YYYYMMDD, YYYYMMDDhhmm or YYYYMMDDhhmmss
bool dateutil_reader::read_full_date(std::string_view token)
{
    if (!date_.add_text(token.substr(0, 4), true) || !date_.add_text(token.substr(4, 2)) ||
        !date_.add_text(token.substr(6, 2))) {
        return false;
    }
    if (token.size() > 8) {
        time_.hour = whole(token.substr(8, 2));
        time_.minute = whole(token.substr(10, 2));
    }
    if (token.size() > 12) {
        time_.second = whole(token.substr(12));
    }
    return is_digits(token);
}

// The unit that a number is of: the one after it ("12h", "12 h"), else the one that follows the unit before it ("04" of
// "12h04", and of "12h 04" at the end). `distance` is to its token where it is after the number.
bool dateutil_reader::find_unit(int& distance, int& of)
{
    const auto unit_at = [&](int i) { return tokens_.has(i) ? unit_of(tokens_.at(i)) : -1; };
    distance = 0;
    if ((of = unit_at(1)) >= 0) {
        distance = 1;
        return true;
    }
    if (tokens_.is(1, " ") && (of = unit_at(2)) >= 0) {
        distance = 2;
        return true;
    }
    of = unit_at(-1);
    if (of < 0 && tokens_.has(-2) && !tokens_.has(1) && tokens_.at(-1) == " ") {
        of = unit_at(-2);
    }
    return of++ >= 0;
}

bool dateutil_reader::read_unit(std::string_view token, int distance, int of)
{
    if (of == hours) {
        const dateutil_number number = read_number(token);
        time_.hour = number.whole;
        time_.minute = number.has_fraction ? value{0} : time_.minute; // whatever it is exactly, it is below 60
    } else if (of == minutes) {
        time_.set_minute(token);
    } else if (of == seconds && !time_.set_second(token)) {
        return false;
    }
    return take(static_cast<std::size_t>(distance));
}

// HH:MM or HH:MM:SS
bool dateutil_reader::read_clock(std::string_view token)
{
    if (!is_number(tokens_.at(2))) {
        return false;
    }
    time_.hour = read_number(token).whole;
    time_.set_minute(tokens_.at(2));
    if (tokens_.has(4) && tokens_.at(3) == ":") {
        return time_.set_second(tokens_.at(4)) && take(4);
    }
    return take(2);
}

// 01-02, 01-Jan, 01-02-03 and the like; or a number and a divider before something else.
bool dateutil_reader::read_divided_date(std::string_view token)
{
    const std::string_view divider = tokens_.at(1);
    if (!date_.add_text(token)) {
        return false;
    }
    if (!tokens_.has(2) || is_jump(tokens_.at(2))) {
        return take(1);
    }
    if (!add_month_or_text(2)) {
        return false;
    }
    if (!tokens_.is(3, divider)) {
        return take(2);
    }
    return tokens_.has(4) && add_month_or_text(4) && take(4);
}

bool dateutil_reader::add_month_or_text(int distance)
{
    const int month = month_of(tokens_.at(distance));
    return month >= 0 ? date_.add_month(month + 1) : date_.add_text(tokens_.at(distance));
}

bool dateutil_reader::read_before_jump(const dateutil_number& number)
{
    if (tokens_.has(2) && half_of(tokens_.at(2)) >= 0) {
        return read_hour_of_half(number, 2);
    }
    return date_.add_value(number) && take(1);
}

bool dateutil_reader::read_hour_of_half(const dateutil_number& number, int distance)
{
    time_.set_half(number.whole, half_of(tokens_.at(distance)));
    return take(static_cast<std::size_t>(distance));
}

// --- the result ----------------------------------------------------------------------------------------------------

bool dateutil_reader::has_anything() const noexcept
{
    return date_.size() > 0 || weekday_ || time_.hour || time_.minute || time_.second || has_zone_ || has_offset_;
}

} // namespace

bool dateutil_parseable_on(std::string_view text, std::chrono::year_month_day today)
{
    return dateutil_reader{text, today}.read_all();
}

bool dateutil_parseable(std::string_view text)
{
    return dateutil_parseable_on(text, std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()));
}

} // namespace etl::validate
