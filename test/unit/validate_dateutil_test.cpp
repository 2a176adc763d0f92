// Texts that dateutil accepts or not, as python-dateutil 2.9 answered for the same texts on the same day.
#include "validate/dateutil.hpp"

#include <gtest/gtest.h>

#include <string>

namespace etl::validate {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::year_month_day an_autumn_day = 2025y / 11 / 20;

bool accepts(std::string_view text, std::chrono::year_month_day today = an_autumn_day)
{
    return dateutil_parseable_on(text, today);
}

TEST(dateutil, accepts)
{
    for (const char* text :
         {// dates
          "2019-04-01", "01/01/2010", "2003-09-25", "25.09.2003", "09-25-2003", "2003/09/25", "10-09-03", "Sep 25 2003",
          "25 Sep 2003", "Thu Sep 25 2003", "3rd of May 2001", "5th of March 2001", "May 2001", "Sep. 25, 2003",
          "Sep.20.2009", "July 4, 1976", "7-4-76", "Mon Jan 2, 1995", "Dec of 98", "99-01", "01-99", "20030925",
          "030925", "1999", "99", "13", "Wed", "september", "12h am", "1..2", "1,5/2", "2020-01-02 2020-01-03",
          "Jan-01-99", "Jan/01", "Jan 1 1999 11:23:34", "2003-Sep-25", "25-Sep-2003", "Sep-25-2003", "Sep 2003",
          "10 of Jan", "1st", "on May 1, 2020", "ad 2020", "2020, 1; 2", "31/12/2010", "12/31/2010", "31-Dec-10",
          "31.12.31",
          // times
          "10h36m28.5s", "10h36", "10 h 36", "10h 36.5", "36 m 5", "10:36:28", "10:36", "10pm", "10 am", "12 AM", "10p",
          "10a", "12:00 pm", "0:30 am", "10:49:41.500001", "5.5h", "23:59:59,25", "7 minutes", "99s 5m", "4:30:21.447",
          "20:05.5",
          // both
          "2003-09-25T10:49:41.5-03:00", "20030925T104941-0300", "20030925T1049", "20030925T10", "200309251049",
          "20030925104941", "Thu Sep 25 10:36:28 2003", "Thu Sep 25 10:36:28 BRST 2003", "19990101T23",
          "Wed, July 10, '96", "1996.07.10 AD at 15:08:56 PDT", "July 1996 10, 12:00 PM",
          "Tuesday, April 12, 1952 AD 3:30:42pm PST", "12h 01m02s am", "0:01:02 on July 4, 1976",
          "2003-09-25 10:49:41.500001Z", "2025-11-20  ", "\t2025-11-20\n", "2025\u00a011\u300020",
          // zones
          "10:00 UTC", "10:00 GMT+3", "10:00 BRST+3", "10:00 -0300 (BRST)", "10:00 +03:00", "10:00 -3", "10:00 z",
          "10:00 ABCDE", "10:00 AT", "10:00 T", "10:00 +2459", "10:00 +99:99"}) {
        EXPECT_TRUE(accepts(text)) << text;
    }
}

TEST(dateutil, refuses)
{
    for (const char* text :
         {// nothing, words between, other words
          "", " ", "00-01-01", "cat", "dog", "horse", "goat", "at", ", ; -", "of the", "foo 2020", "2020 foo", "today",
          "2020-01-01x", "Sept of foo bar", "tues 5", "a", "am", "inf", "nan", "10:00 INF", "é", "2020年", "٢٠٢٠",
          "2020-01-01!", "(2020)", "_", "10:00 ABCDEF", "10:00 utc", "10:00 (EST)",
          // no such day or time
          "2019-02-29", "2019-13-01", "2019-04-31", "32/13/2010", "0000-01-01", "2020-00-10", "10:60", "24:00",
          "10:00:60", "25h", "13:00 pm", "12345-01-01", "20191301", "20190431", "201904010060", "10 20 30 40", "99999",
          "Feb 30", "Apr 31 2020", "Jan Feb", "2020 2021", // forms that fall short
          "2020-01-", "Jan-", "Jan-1-", "10:", "10:00:", "10:00 +", "10:00 +123", "10:00 +a", "10:00 +1:", "am 10",
          "1.5.2.3", "10:a", "10:00:a", "5.a", "15 am pm", "19990101T23:", "1.5-2-3", "10,5.6", "12345.6",
          "10:00 +99999999999999999999:00"}) {
        EXPECT_FALSE(accepts(text)) << text;
    }
}

TEST(dateutil, what_is_missing_is_todays)
{
    EXPECT_TRUE(accepts("30"));
    EXPECT_FALSE(accepts("31")) << "November has 30 days";
    EXPECT_TRUE(accepts("31", 2025y / 1 / 1));
    EXPECT_FALSE(accepts("29", 2025y / 2 / 1));
    EXPECT_TRUE(accepts("29", 2024y / 2 / 1));
    EXPECT_FALSE(accepts("Feb 29")) << "2025 is no leap year";
    EXPECT_TRUE(accepts("Feb 29", 2024y / 5 / 1));
    EXPECT_TRUE(accepts("Feb 2025", 2025y / 1 / 31)) << "today's day gives way";
    EXPECT_TRUE(accepts("10:00", 2024y / 2 / 29));
}

TEST(dateutil, years_of_two_digits_lie_within_fifty_years)
{
    EXPECT_TRUE(accepts("29 Feb 00")) << "2000";
    EXPECT_FALSE(accepts("29 Feb 00", 2060y / 1 / 1)) << "2100";
    EXPECT_FALSE(accepts("29 Feb 0100"));
    EXPECT_TRUE(accepts("29 Feb 76"));
    EXPECT_TRUE(accepts("Feb of 00"));
}

TEST(dateutil, a_weekday_moves_the_day_on)
{
    EXPECT_TRUE(accepts("Fri Dec 9999", 2025y / 11 / 20));
    EXPECT_FALSE(accepts("Sat Dec 9999", 2025y / 1 / 31)) << "the last day, a Friday";
    EXPECT_TRUE(accepts("Fri Dec 9999", 2025y / 1 / 31));
}

TEST(dateutil, today_is_a_day)
{
    EXPECT_TRUE(dateutil_parseable("2019-04-01"));
    EXPECT_TRUE(dateutil_parseable("1"));
    EXPECT_FALSE(dateutil_parseable("cat"));
}

TEST(dateutil, answers_long_texts_in_time)
{
    constexpr std::size_t size = 1 << 20;
    EXPECT_TRUE(accepts(std::string(size, ' ') + "2020" + std::string(size, ' ')));
    EXPECT_FALSE(accepts(std::string(size, ' ')));
    EXPECT_FALSE(accepts(std::string(size, '1')));
    EXPECT_FALSE(accepts(std::string(size, 'a')));
    EXPECT_TRUE(accepts("2020" + std::string(size, '.')));
    std::string dotted;
    for (std::size_t i = 0; i < size; ++i) {
        dotted += "1.";
    }
    EXPECT_FALSE(accepts(dotted));
}

} // namespace
} // namespace etl::validate
