#include "validate/dateutil_date.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr std::int64_t longest_month = 31;
constexpr int last_year = 9999;

constexpr bool is_leap(std::int64_t year) noexcept
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

constexpr std::int64_t days_of(std::int64_t year, std::int64_t month) noexcept
{
    constexpr std::array<int, 12> days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[static_cast<std::size_t>(month - 1)] + (month == 2 && is_leap(year) ? 1 : 0);
}

} // namespace

bool dateutil_date::add(std::int64_t value)
{
    if (size_ == values_.size()) {
        return false;
    }
    values_[size_++] = value;
    return true;
}

std::int64_t full_year(std::int64_t year, std::chrono::year_month_day today) noexcept
{
    if (year >= 100) {
        return year;
    }
    const std::int64_t now = static_cast<int>(today.year());
    const std::int64_t full = year + now / 100 * 100;
    return full >= now + 50 ? full - 100 : full < now - 50 ? full + 100 : full;
}

// The number just added is the year.
bool dateutil_date::mark_year()
{
    if (year_place_) {
        return false;
    }
    year_place_ = size_ - 1;
    return true;
}

bool dateutil_date::add_text(std::string_view token, bool is_year)
{
    if (!is_digits(token) || !add(read_number(token).whole)) {
        return false;
    }
    has_century_ = has_century_ || token.size() > 2;
    return !(is_year || token.size() > 2) || mark_year();
}

bool dateutil_date::add_value(const dateutil_number& value)
{
    if (!add(value.whole)) {
        return false;
    }
    has_century_ = has_century_ || value.exceeds(100);
    return !value.exceeds(100) || mark_year();
}

bool dateutil_date::add_month(std::int64_t month)
{
    if (month_place_ || !add(month)) {
        return false;
    }
    month_place_ = size_ - 1;
    return true;
}

bool dateutil_date::add_year(std::int64_t year)
{
    has_century_ = true;
    return add(year) && mark_year();
}

bool dateutil_date::could_be_day(const dateutil_number& value) const noexcept
{
    std::int64_t last = longest_month;
    if (month_place_) { // without a year let it be a leap year
        last = days_of(year_place_ ? values_[*year_place_] : 2000, values_[*month_place_]);
    }
    return value.whole >= 1 && !value.exceeds(last);
}

dateutil_date::meaning dateutil_date::resolve() const
{
    const std::size_t known = (month_place_ ? 1U : 0U) + (year_place_ ? 1U : 0U);
    const bool is_known = known > 0 && (size_ == known || (size_ == 3 && known == 2));
    const order meanings = is_known ? order_of_known() : size_ == 3 ? order_of_three() : order_of_one_or_two();
    meaning made;
    for (std::size_t i = 0; i < size_; ++i) {
        made.*meanings[i] = values_[i];
    }
    return made;
}

// Year and month say themselves what they are, so what is left is the day.
dateutil_date::order dateutil_date::order_of_known() const noexcept
{
    order meanings{&meaning::day, &meaning::day, &meaning::day};
    if (month_place_) {
        meanings[*month_place_] = &meaning::month;
    }
    if (year_place_) {
        meanings[*year_place_] = &meaning::year;
    }
    return meanings;
}

dateutil_date::order dateutil_date::order_of_one_or_two() const noexcept
{
    constexpr auto y = &meaning::year;
    constexpr auto m = &meaning::month;
    constexpr auto d = &meaning::day;
    if (size_ == 2 && !month_place_) {
        return values_[0] > longest_month   ? order{y, m, d}
               : values_[1] > longest_month ? order{m, y, d}
                                            : order{m, d, y};
    }
    if (month_place_ == 0U) {
        return values_[1] > longest_month ? order{m, y, d} : order{m, d, y};
    }
    return values_[0] > longest_month ? order{y, m, d} : order{d, m, y};
}

dateutil_date::order dateutil_date::order_of_three() const noexcept
{
    constexpr auto y = &meaning::year;
    constexpr auto m = &meaning::month;
    constexpr auto d = &meaning::day;
    if (month_place_ == 0U) {
        return values_[1] > longest_month ? order{m, y, d} : order{m, d, y};
    }
    if (month_place_ == 1U) {
        return values_[0] > longest_month ? order{y, m, d} : order{d, m, y};
    }
    if (month_place_ == 2U) {
        return values_[1] > longest_month ? order{d, y, m} : order{y, d, m};
    }
    if (values_[0] > longest_month || year_place_ == 0U) {
        return {y, m, d};
    }
    return values_[0] > 12 ? order{d, m, y} : order{m, d, y};
}

bool dateutil_date::is_possible(std::optional<std::int64_t> weekday, std::chrono::year_month_day today) const
{
    namespace chrono = std::chrono;
    const meaning given = resolve();
    std::int64_t year = given.year.value_or(static_cast<int>(today.year()));
    if (given.year && !has_century_) {
        year = full_year(year, today);
    }
    const std::int64_t month = given.month.value_or(static_cast<unsigned>(today.month()));
    if (year < 1 || year > last_year || month < 1 || month > 12) {
        return false;
    }
    if (given.day) {
        return *given.day >= 1 && *given.day <= days_of(year, month);
    }
    const auto last = chrono::day{static_cast<unsigned>(days_of(year, month))};
    const chrono::sys_days from =
        chrono::year{static_cast<int>(year)} / static_cast<int>(month) / std::min(today.day(), last);
    const auto ahead =
        weekday ? chrono::weekday{static_cast<unsigned>(*weekday + 1)} - chrono::weekday{from} : chrono::days{0};
    return chrono::year_month_day{from + ahead}.year() <= chrono::year{last_year};
}

void dateutil_time::set_half(std::int64_t given, int half) noexcept
{
    const bool is_afternoon = half == 1;
    hour = is_afternoon && given < 12 ? given + 12 : !is_afternoon && given == 12 ? 0 : given;
}

// A fraction of a minute makes a second below 60; without one the second is unknown, even when it was known.
void dateutil_time::set_minute(std::string_view number) noexcept
{
    const dateutil_number value = read_number(number);
    minute = value.whole;
    second = value.has_fraction ? std::optional<std::int64_t>{0} : std::nullopt;
}

bool dateutil_time::set_second(std::string_view token) noexcept
{
    if (!is_number(token)) {
        return false;
    }
    second = read_number(token).whole;
    return true;
}

bool dateutil_time::is_possible() const noexcept
{
    return hour.value_or(0) < 24 && minute.value_or(0) < 60 && second.value_or(0) < 60;
}

} // namespace etl::validate
