// Days and moments in ISO form.
#include "core/iso_moment.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace {

std::int64_t value(const std::string& text)
{
    const auto moment = etl::iso_local_moment(text);
    const auto zone = moment ? etl::iso_zone(moment->rest) : std::nullopt;
    return zone ? moment->value - *zone : -1;
}

TEST(iso_moment, days)
{
    EXPECT_EQ(etl::iso_day("2000-01-01"), 0);
    EXPECT_EQ(etl::iso_day("2000-03-01"), 60);
    EXPECT_EQ(etl::iso_day("1999-12-31"), -1);
    EXPECT_EQ(etl::iso_day("0001-01-01"), -730119);
    EXPECT_EQ(etl::iso_day("9999-12-31"), 2921939);
    for (const std::string text : {"", "2023-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "2024-1-01",
                                   "0000-01-01", "2024/01/01", "2024-01-01 ", "24-01-01", "today"}) {
        EXPECT_FALSE(etl::iso_day(text)) << text;
    }
}

TEST(iso_moment, moments)
{
    EXPECT_EQ(value("2000-01-01T00:00:01Z"), 1000000);
    EXPECT_EQ(value("2000-01-01 00:00:01.5Z"), 1500000);
    EXPECT_EQ(value("2000-01-01T00:00:00.000001+00:00"), 1);
    EXPECT_EQ(value("2000-01-01T01:30:00+01:30"), 0);
    EXPECT_EQ(value("1999-12-31T19:00:00-0500"), 0);
    EXPECT_EQ(value("1999-12-31T19:00:00-05"), 0);
    for (const std::string text :
         {"2000-01-01T00:00:00", "2000-01-01T24:00:00Z", "2000-01-01T00:60:00Z", "2000-01-01T00:00:60Z",
          "2000-01-01T00:00Z", "2000-01-01t00:00:00Z", "2000-01-01T00:00:00z", "2000-01-01T00:00:00.Z",
          "2000-01-01T00:00:00.1234567Z", "2000-01-01T00:00:00+15", "2000-01-01T00:00:00+1",
          "2000-01-01T00:00:00+01:75", "2000-01-01T00:00:00 Z", "2000-01-01T00:00:00Zx"}) {
        EXPECT_EQ(value(text), -1) << text;
    }
}

} // namespace
