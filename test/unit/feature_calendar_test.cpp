#include "feature/calendar.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

namespace {

using etl::calendar_period;
using etl::part_of_period;
using namespace std::chrono;

constexpr sys_days epoch = year{2000} / 1 / 1;

std::int64_t microseconds_of(sys_time<microseconds> when)
{
    return (when - epoch).count();
}

double share_of(sys_time<microseconds> from, sys_time<microseconds> to, sys_time<microseconds> when)
{
    return static_cast<double>((when - from).count()) / static_cast<double>((to - from).count());
}

// Every day of a thousand years, and years far away, against the standard library's calendar.
void check_day(sys_days day)
{
    const auto when = day + hours{13} + minutes{14} + microseconds{15};
    const year_month_day date{day};
    const auto month = date.year() / date.month();
    const auto at = microseconds_of(when);
    ASSERT_EQ(part_of_period(calendar_period::month, at),
              share_of(sys_days{month / 1}, sys_days{(month + months{1}) / 1}, when));
    ASSERT_EQ(part_of_period(calendar_period::year, at),
              share_of(sys_days{date.year() / 1 / 1}, sys_days{(date.year() + years{1}) / 1 / 1}, when));
    const sys_days monday = day - (weekday{day} - Monday);
    ASSERT_EQ(part_of_period(calendar_period::week, at), share_of(monday, monday + days{7}, when));
    ASSERT_EQ(part_of_period(calendar_period::day, at), share_of(day, day + days{1}, when));
    ASSERT_EQ(part_of_period(calendar_period::hour, at), share_of(day + hours{13}, day + hours{14}, when));
}

TEST(calendar, is_the_standard_librarys)
{
    for (sys_days day = year{1500} / 1 / 1; day < sys_days{year{2500} / 1 / 1}; day += days{1}) {
        check_day(day);
    }
    for (int y = -4800; y < 32'000; y += 37) {
        for (unsigned m = 1; m <= 12; ++m) {
            check_day(sys_days{year{y} / m / 1});
            check_day(sys_days{year{y} / m / last});
        }
    }
}

TEST(calendar, is_defined_to_the_ends_of_time)
{
    for (const std::int64_t at :
         {std::numeric_limits<std::int64_t>::min() + 1, std::numeric_limits<std::int64_t>::max() - 1}) {
        for (const auto period : {calendar_period::hour, calendar_period::day, calendar_period::week,
                                  calendar_period::month, calendar_period::year}) {
            const double part = part_of_period(period, at);
            EXPECT_GE(part, 0);
            EXPECT_LT(part, 1);
        }
    }
}

TEST(calendar, knows_its_periods_by_name)
{
    EXPECT_EQ(etl::period_named("hour"), calendar_period::hour);
    EXPECT_EQ(etl::period_named("year"), calendar_period::year);
    EXPECT_EQ(etl::period_named("Year"), std::nullopt);
    EXPECT_EQ(etl::period_named(""), std::nullopt);
}

} // namespace
