// Closeness of numbers and days, and what cutoffs and scales are refused.
#include "dedupe/closeness.hpp"

#include "dedupe/cutoff.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace {

using namespace etl::dedupe;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double greatest = std::numeric_limits<double>::max();

TEST(Closeness, FallsInAStraightLine)
{
    EXPECT_EQ(closeness(5, 5, 10), 1);
    EXPECT_EQ(closeness(5, 10, 10), 0.5);
    EXPECT_EQ(closeness(10, 5, 10), 0.5);
    EXPECT_EQ(closeness(0, 10, 10), 0);
    EXPECT_EQ(closeness(0, 11, 10), 0);
    EXPECT_EQ(closeness(-greatest, greatest, greatest), 0) << "the difference is infinite";
    EXPECT_EQ(day_closeness(100, 107, 28), 0.75);
    EXPECT_EQ(day_closeness(std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max(), 7), 0);
}

TEST(Closeness, OfWhatIsNotFinite)
{
    EXPECT_EQ(closeness(nan, nan, 1), 1);
    EXPECT_EQ(closeness(nan, 1, 1), 0);
    EXPECT_EQ(closeness(infinity, infinity, 1), 1);
    EXPECT_EQ(closeness(infinity, -infinity, 1), 0);
    EXPECT_EQ(closeness(infinity, 1, 1), 0);
}

TEST(Closeness, RefusesScalesThatAreNone)
{
    for (const double scale : {0.0, -1.0, nan, infinity, -infinity}) {
        EXPECT_THROW(closeness(1, 1, scale), etl::error) << scale;
    }
    EXPECT_THROW(day_closeness(1, 1, 0), etl::error);
    EXPECT_THROW(day_closeness(1, 1, -3), etl::error);
}

TEST(Cutoff, IsFromZeroToOne)
{
    EXPECT_EQ(require_cutoff(0), 0);
    EXPECT_EQ(require_cutoff(1), 1);
    for (const double cutoff : {-0.1, 1.1, nan, infinity, -infinity}) {
        EXPECT_THROW(require_cutoff(cutoff), etl::error) << cutoff;
    }
    EXPECT_EQ(require_at_most(0), 0U);
    EXPECT_THROW(require_at_most(-1), etl::error);
}

} // namespace
