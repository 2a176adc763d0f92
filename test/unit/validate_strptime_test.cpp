// strptime formats: which texts they accept, as CPython 3.11 answered for the same pairs, and which formats are
// refused.
#include "core/error.hpp"
#include "validate/strptime.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace etl::validate {
namespace {

bool matches(std::string_view format, std::string_view text)
{
    return strptime_format{format}.matches(text);
}

struct cases {
    const char* format;
    std::vector<const char*> accepted;
    std::vector<const char*> refused;
};

void check(const std::vector<cases>& all)
{
    for (const cases& each : all) {
        const strptime_format format{each.format};
        for (const char* text : each.accepted) {
            EXPECT_TRUE(format.matches(text)) << each.format << " accepts " << text;
        }
        for (const char* text : each.refused) {
            EXPECT_FALSE(format.matches(text)) << each.format << " refuses " << text;
        }
    }
}

TEST(strptime, dates)
{
    check({{"%Y-%m-%d",
            {"2019-04-01", "2019-4-1", "2024-02-29", "0001-01-01", "9999-12-31", "2019-04-3", "2019-04- 1"},
            {"2019-04-31", "2023-02-29", "1900-02-29", "0000-01-01", "19-04-01", "2019-13-01", "2019-00-01",
             "2019-04-00", "2019-04-32", "2019/04/01", "2019-04-01 ", " 2019-04-01", "", "2019-04", "2019-04-  1"}},
           {"%d/%m/%Y", {"01/01/2010", "1/1/2010"}, {"2010/01/01", "01/01/10", "32/01/2010"}},
           {"%m-%d-%Y", {"01-20-2019"}, {"01/20/2019", "20-01-2019"}},
           {"%Y%m%d", {"20190401", "2019123", "201911"}, {"2019-04-01", "2019130x", "20191301"}},
           {"%d", {"1", "01", " 1", "31"}, {"0", "00", "32", "", " 0", "  1"}},
           {"%d.%m", {"28.2", "31.12"}, {"29.2", "30.2", "31.11"}},
           {"%y", {"00", "68", "69", "99"}, {"5", "100", "-1"}}});
}

TEST(strptime, times)
{
    check({{"%H:%M:%S", {"23:59:59", "0:0:0", "00:00:00"}, {"24:00:00", "23:60:00", "23:59:60", "23:59:61", "23:59"}},
           {"%I:%M %p", {"12:00 AM", "1:05 pm", "12:59\tPm"}, {"0:30 AM", "13:00 PM", "1:05", "1:05 x", "1:05 p"}},
           {"%H:%M:%S.%f", {"01:02:03.1", "01:02:03.123456"}, {"01:02:03.", "01:02:03.1234567", "01:02:03,1"}},
           {"%H%M%S", {"123456", "12345", "1234", "123"}, {"12", "1234567", "12:34:56"}},
           {"%Y-%m-%dT%H:%M:%S",
            {"1980-05-21T13:47:59", "1980-05-21t13:47:59"},
            {"1977-05-55T00:00:00", "1980-05-21 13:47:59"}}});
}

TEST(strptime, offsets_and_zones)
{
    check({{"%H%z",
            {"12Z", "12+0000", "12-0530", "12+05:30", "12+23:59:59.999999", "12+235959.5", "12+000001", "12-00:00:01"},
            {"12", "12z", "12+05", "12+5:30", "12+24:00", "12+99:00", "12+05:60", "12+05:3015", "12+0530:15",
             "12+05:30:61", "12+05:30.5", "12 +0530", "12+0530.5"}},
           {"%H %Z", {"12 UTC", "12 gmt"}, {"12 EST", "12 ", "12"}}});
}

TEST(strptime, names)
{
    check({{"%A, %d %B %Y",
            {"Monday, 01 January 2024", "sunday, 1 MAY 2024"}, // the weekday need not be that of the date
            {"Mon, 01 January 2024", "Monday, 01 Jan 2024", "Monday,01 January 2024"}},
           {"%a %b", {"mon jan", "SUN DEC"}, {"monday jan", "mon january", "m jan", "ſun dec"}},
           {"%c", {"Wed Mar 17 22:44:55 1999", "wed  mar  7 2:4:5 1999"}, {"Mar 17 22:44:55 1999"}},
           {"%x %X", {"03/17/99 22:44:55"}, {"03/17/1999 22:44:55"}}});
}

TEST(strptime, days_and_weeks_of_the_year)
{
    check({{"%Y-%j",
            {"2024-366", "2024-1", "2024-001", "2023-366"}, // which is the first of the next year
            {"2024-0", "2024-000", "2024-367", "9999-366", "0000-001"}},
           {"%G-W%V-%u",
            {"2020-W53-7", "2021-W53-7", "2024-W1-1", "0001-W01-1", "2024-W0-1"},
            {"2024-W54-1", "2024-W00-1", "2024-W01-0", "2024-W01-8", "0000-W01-1", "9999-W53-7", "0001-W0-1"}},
           {"%Y %U %w", {"2024 00 0", "2024 53 6", "0001 00 1"}, {"0001 0 0", "2024 54 0", "9999 53 6", "0000 1 1"}},
           {"%Y %W %a", {"2024 00 mon", "2024 53 sun"}, {"2024 54 mon", "0001 0 x"}},
           {"%d %m %j",
            {"31 2 60", "29 2 61"},
            {"29 2 60", "32 2 60", "29 2 367"}}, // the day of the year outweighs the date
           {"%Y %m %y", {"2024 2 23"}, {"2024 2 2023"}},
           {"%d %m %Y %y", {"29 2 2023 24"}, {"29 2 2024 23"}}}); // the last year counts
}

TEST(strptime, fields_give_way_to_each_other)
{
    check({{"%d%m%Y", {"112024", "1112024", "11122024"}, {"11122024x", "1122"}},
           {"%j%d", {"3661", "36631", "111", "11"}, {"1", "36600"}},
           {"%f%S", {"12345659", "11", "1234561"}, {"1", "123456789"}},
           {"1%H1%M1", {"11111", "1111111"}, {"111", "11111111"}}});
    // The first match must reach the end, even if another one would.
    check({{"%H%M", {"111", "1111", "235"}, {"11111", "2x"}}});
}

TEST(strptime, blanks_and_other_characters)
{
    check({{" %d  %m ", {" 1 2 ", "\t1\n\n2\u00a0", "\u3000 1\u2003 2\x1c"}, {"1 2", " 12 ", " 1 2"}},
           {"%%%d%%", {"%1%"}, {"1", "%%1%%"}},
           {"%Y年%m月", {"2024年1月"}, {"2024-1-", "2024年1日"}},
           {"É%d", {"é1", "É1"}, {"e1"}},
           {"a.b+(%d)[^$]{1}\\", {"A.B+(1)[^$]{1}\\"}, {"axb+(1)[^$]{1}\\"}},
           {"", {""}, {" ", "x"}},
           {"x", {"x", "X"}, {"", "xx"}}});
}

TEST(strptime, formats_that_no_text_can_match)
{
    for (const char* format : {"%D",    "%F",    "%T",   "%e",    "%s",          "%E",    "%-d",         "%.",
                               "% d",   "%",     "%Y-%", "%é",    "%Y %Y",       "%c %Y", "%x%d",        "%G",
                               "%G-%V", "%G %u", "%V",   "%Y %V", "%Y %G %V %u", "%V %a", "%G %V %u %j", "%y %V %u"}) {
        EXPECT_THROW(strptime_format{format}, error) << format;
    }
    for (const char* format : {"%Y %G", "%G %V %a", "%G %V %A", "%G %V %w", "%Y %V %U %a", "%Y %j", "%%D", "%z %Z",
                               "%p", "%A %a %w %u", "%B %b %m", "%H %I", "%y %Y"}) {
        EXPECT_NO_THROW(strptime_format{format}) << format;
    }
    try {
        const strptime_format format{"%D"};
    } catch (const error& e) {
        EXPECT_STREQ(e.sqlstate(), sqlstate::invalid_parameter_value);
        EXPECT_STREQ(e.what(), "strftime_format \"%D\" has the unknown directive %D");
        EXPECT_EQ(e.detail(), "Unable to use provided strftime_format. 'D' is a bad directive in format '%D'.");
    }
}

TEST(strptime, answers_in_time)
{
    const std::string ones(200, '1');
    EXPECT_FALSE(matches("%d%H%j%m%M%S%U%f%W%y%Y%Ix", ones));
    EXPECT_FALSE(matches("%d1%H1%j1%m1%M1%S1%U1%f1%W1%y1x", ones));
    EXPECT_FALSE(matches("%Y-%m-%d", std::string(1 << 20, '1')));
    EXPECT_TRUE(matches("%d %m", "1" + std::string(1 << 20, ' ') + "1"));
    std::string many;
    for (int i = 0; i < 100000; ++i) {
        many += "a ";
    }
    EXPECT_TRUE(matches(many, many));
}

} // namespace
} // namespace etl::validate
