// The parts of a split: their edges, their shares, and what is refused.
#include "core/error.hpp"
#include "feature/split.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace {

using etl::feature::check_fractions;
using etl::feature::part_of;

constexpr std::uint64_t hash_at(double fraction)
{
    return static_cast<std::uint64_t>(fraction * 0x1p53) << 11;
}

TEST(Split, APartBeginsWhereTheOneBeforeEnds)
{
    const std::vector<double> halves = {0.5, 0.25, 0.25};
    EXPECT_EQ(part_of(0, halves), 1);
    EXPECT_EQ(part_of(hash_at(0.5) - 1, halves), 1);
    EXPECT_EQ(part_of(hash_at(0.5), halves), 2);
    EXPECT_EQ(part_of(hash_at(0.75) - 1, halves), 2);
    EXPECT_EQ(part_of(hash_at(0.75), halves), 3);
    EXPECT_EQ(part_of(std::numeric_limits<std::uint64_t>::max(), halves), 3);
}

TEST(Split, TheLastPartTakesWhatRoundingLeaves)
{
    const std::vector<double> short_of_one = {0.5, 0.5 - 5e-10};
    check_fractions(short_of_one);
    EXPECT_EQ(part_of(std::numeric_limits<std::uint64_t>::max(), short_of_one), 2);
    const std::vector<double> one = {1};
    check_fractions(one);
    EXPECT_EQ(part_of(std::numeric_limits<std::uint64_t>::max(), one), 1);
    const std::vector<double> tenths(10, 0.1);
    check_fractions(tenths);
    EXPECT_EQ(part_of(std::numeric_limits<std::uint64_t>::max(), tenths), 10);
}

TEST(Split, RefusesWhatIsNoSplit)
{
    const double infinity = std::numeric_limits<double>::infinity();
    const double nan = std::numeric_limits<double>::quiet_NaN();
    for (const auto& fractions : std::vector<std::vector<double>>{{},
                                                                  {0.5},
                                                                  {0.5, 0.6},
                                                                  {1, 0},
                                                                  {1.5, -0.5},
                                                                  {nan, 1},
                                                                  {infinity, 1},
                                                                  {0.5, 0.5 + 2e-9},
                                                                  {0.5, 0.5 - 2e-9}}) {
        EXPECT_THROW(check_fractions(fractions), etl::error);
    }
}

} // namespace
