// Features of moments: ages, mean durations, first resale, popularity; with infinite and contradicting times.
#include "feature/durations.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace {

constexpr etl::moment second = 1'000'000;
constexpr etl::moment minute = 60 * second;
constexpr etl::moment hour = 60 * minute;
constexpr etl::moment day = 24 * hour;
constexpr double infinity = std::numeric_limits<double>::infinity();

TEST(DaysBetween, CountsDaysOf24HoursWithFractions)
{
    EXPECT_DOUBLE_EQ(etl::days_between(0, day), 1.0);
    EXPECT_DOUBLE_EQ(etl::days_between(0, 36 * hour), 1.5);
    EXPECT_DOUBLE_EQ(etl::days_between(day, 0), -1.0);
    EXPECT_DOUBLE_EQ(etl::days_between(7, 7), 0.0);
    EXPECT_NEAR(etl::days_between(-etl::infinite_future + 1, etl::infinite_future - 1), std::ldexp(1.0, 64) / day, 1);
}

TEST(DaysBetween, InfiniteMoments)
{
    EXPECT_EQ(etl::days_between(0, etl::infinite_future), infinity);
    EXPECT_EQ(etl::days_between(etl::infinite_future, 0), -infinity);
    EXPECT_EQ(etl::days_between(etl::infinite_past, etl::infinite_future), infinity);
    EXPECT_THROW(etl::days_between(etl::infinite_past, etl::infinite_past), etl::error);
}

TEST(EventPopularity, KnownValues)
{
    EXPECT_DOUBLE_EQ(*etl::event_popularity(50, 100, 4 * day, 0), 0.25);
    EXPECT_DOUBLE_EQ(*etl::event_popularity(100, 100, day, 0), 1.0);
    EXPECT_DOUBLE_EQ(*etl::event_popularity(100, 100, hour, 0), std::sqrt(24.0));
    EXPECT_DOUBLE_EQ(*etl::event_popularity(100, 100, second, 0), std::sqrt(24.0)) << "at least an hour";
    EXPECT_DOUBLE_EQ(*etl::event_popularity(100, 100, 5, 5), std::sqrt(24.0)) << "begins now";
    EXPECT_DOUBLE_EQ(*etl::event_popularity(0, 100, day, 0), 0.0);
    EXPECT_DOUBLE_EQ(*etl::event_popularity(1, 100, etl::infinite_future, 0), 0.0);
}

TEST(EventPopularity, HasNoneForPastEventsAndNoCapacity)
{
    EXPECT_FALSE(etl::event_popularity(1, 100, -1, 0));
    EXPECT_FALSE(etl::event_popularity(1, 0, day, 0));
    EXPECT_FALSE(etl::event_popularity(1, -5, day, 0));
    EXPECT_THROW(etl::event_popularity(-1, 100, day, 0), etl::error);
}

TEST(DurationSum, MeanToTheNearestMicrosecond)
{
    etl::duration_sum sum;
    EXPECT_FALSE(sum.mean());
    sum.add(0, hour);
    EXPECT_EQ(sum.mean(), hour);
    sum.add(0, hour + 1);
    EXPECT_EQ(sum.mean(), hour + 1) << "halves go away from zero";
    etl::duration_sum negative;
    negative.add(3, 0);
    negative.add(0, 0);
    EXPECT_EQ(negative.mean(), -2);
    negative.add(0, 0);
    EXPECT_EQ(negative.mean(), -1);
}

TEST(DurationSum, DoesNotOverflow)
{
    etl::duration_sum sum;
    for (int i = 0; i < 1000; ++i) {
        sum.add(0, etl::infinite_future - 1);
    }
    EXPECT_EQ(sum.mean(), etl::infinite_future - 1);
    etl::duration_sum wide;
    wide.add(etl::infinite_past + 1, etl::infinite_future - 1);
    EXPECT_THROW(wide.mean(), etl::error) << "longer than an interval";
    etl::duration_sum many{std::numeric_limits<std::int64_t>::max(), 0};
    EXPECT_THROW(many.merge({1, 0}), etl::error);
    EXPECT_THROW(sum.add(0, etl::infinite_future), etl::error);
    EXPECT_THROW(sum.add(etl::infinite_past, 0), etl::error);
}

TEST(DurationSum, MergeOfEverySplitIsTheWhole)
{
    std::mt19937_64 random{5};
    std::vector<etl::moment> ends(40);
    for (auto& end : ends) {
        end = static_cast<etl::moment>(random() % (90 * day)) - 30 * day;
    }
    const auto sum_of = [&](std::size_t begin, std::size_t end) {
        etl::duration_sum sum;
        for (auto i = begin; i < end; ++i) {
            sum.add(0, ends[i]);
        }
        return sum;
    };
    for (std::size_t split = 0; split <= ends.size(); ++split) {
        auto left = sum_of(0, split);
        left.merge(sum_of(split, ends.size()));
        EXPECT_EQ(left.mean(), sum_of(0, ends.size()).mean());
    }
}

TEST(FirstResale, MinutesFromMintToFirstResale)
{
    etl::first_resale ticket;
    EXPECT_FALSE(ticket.minutes());
    ticket.add(10 * minute, true);
    EXPECT_FALSE(ticket.minutes()) << "no mint";
    ticket.add(0, false);
    EXPECT_EQ(ticket.minutes(), 10.0);
    ticket.add(25 * minute, true);
    ticket.add(5 * minute, false);
    EXPECT_EQ(ticket.minutes(), 10.0) << "later rows of either kind change nothing";
    ticket.add(90 * second, true);
    EXPECT_EQ(ticket.minutes(), 1.5);
    ticket.add(-minute, true);
    EXPECT_FALSE(ticket.minutes()) << "resold before it was minted";
}

TEST(FirstResale, LeavesInfiniteMomentsOut)
{
    etl::first_resale ticket;
    ticket.add(etl::infinite_past, false);
    ticket.add(0, false);
    ticket.add(etl::infinite_past, true);
    ticket.add(etl::infinite_future, true);
    EXPECT_FALSE(ticket.minutes());
    ticket.add(minute, true);
    EXPECT_EQ(ticket.minutes(), 1.0);
}

TEST(FirstResale, MergeOfEverySplitIsTheWhole)
{
    struct row {
        etl::moment when;
        bool is_resale;
    };
    std::vector<row> rows{{7, false}, {3, false}, {9, true}, {12, true}, {30, false}, {8, true}};
    for (std::size_t split = 0; split <= rows.size(); ++split) {
        etl::first_resale left;
        etl::first_resale right;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            (i < split ? left : right).add(rows[i].when * minute, rows[i].is_resale);
        }
        left.merge(right);
        EXPECT_EQ(left.minutes(), 5.0);
    }
}

} // namespace
