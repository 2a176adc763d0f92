// Known values are scipy 1.10's (special, stats), but where another source is named.
#include "validate/statistics.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace {

using namespace etl::validate;

constexpr double infinity = std::numeric_limits<double>::infinity();

void expect_close(double found, double expected, double relative = 1e-9)
{
    EXPECT_LE(std::abs(found - expected), relative * std::abs(expected)) << found << " is not " << expected;
}

TEST(Statistics, Partitions)
{
    const std::vector<double> weights{0.5, 0.3, 0.2};
    EXPECT_TRUE(is_categorical_partition(weights));
    EXPECT_FALSE(is_categorical_partition(std::vector<double>{0.5, 0.3}));
    EXPECT_FALSE(is_categorical_partition({}));
    EXPECT_TRUE(is_continuous_partition(std::vector<double>{-infinity, 1, 2, infinity}, weights, {}));
    EXPECT_FALSE(is_continuous_partition(std::vector<double>{0, 1, 2}, weights, {}));
    EXPECT_FALSE(is_continuous_partition(std::vector<double>{0, 2, 1, 3}, weights, {}));
    EXPECT_FALSE(is_continuous_partition(std::vector<double>{0, 1, 2, 3}, weights, std::vector<double>{0.1, 0.1}));
    EXPECT_TRUE(is_continuous_partition(std::vector<double>{0, 1, 2}, std::vector<double>{0.5, 0.3},
                                        std::vector<double>{0.1, 0.1}));
    EXPECT_FALSE(
        is_continuous_partition(std::vector<double>{0, 1, 2}, std::vector<double>{0.5, 0.3}, std::vector<double>{0.2}));
}

TEST(Statistics, Bins)
{
    EXPECT_EQ(equal_bins(1, 4, 4), (std::vector<double>{1, 1.75, 2.5, 3.25, 4}));
    EXPECT_EQ(equal_bins(3, 3, 2), (std::vector<double>{2.5, 3, 3.5}));
    EXPECT_EQ(automatic_bins(0, 2, 6, 8, 7).size(), 4U);       // Sturges: log2(8) = 3 bins
    EXPECT_EQ(automatic_bins(0, 2, 3, 80, 1000).size(), 401U); // Freedman and Diaconis: bins of 2 / 10
    EXPECT_EQ(automatic_bins(5, 5, 5, 5, 9), (std::vector<double>{5, 5}));
    EXPECT_EQ(extended_bins({3, 1, 3}, 0, 2), (std::vector<double>{0, 1, 3}));
    EXPECT_EQ(extended_bins({3, 1}, 1, 7), (std::vector<double>{1, 3, 7}));
    const std::vector<double> bins{0, 1, 2};
    EXPECT_EQ(bin_of(-0.1, bins), -1);
    EXPECT_EQ(bin_of(0, bins), 0);
    EXPECT_EQ(bin_of(1, bins), 1);
    EXPECT_EQ(bin_of(2, bins), 1);
    EXPECT_EQ(bin_of(2.1, bins), 2);
    EXPECT_EQ(bin_of(1e9, std::vector<double>{-infinity, 0, infinity}), 1);
}

TEST(Statistics, CategoriesAgainstScipy)
{
    struct {
        std::vector<std::uint64_t> observed;
        std::vector<double> weights;
        double p_value, divergence;
    } const cases[] = {
        {{540, 320, 140},
         {0.3333333333333333, 0.3333333333333333, 0.3333333333333333},
         5.139778209762386e-53,
         0.1259970028667753},
        {{540, 320, 140}, {0.54, 0.32, 0.14}, 1.0, 0.0},
        {{10, 20, 30, 40}, {0.2, 0.2, 0.3, 0.3}, 0.03960235520756414, 0.04575811092471789},
        {{0, 5, 15}, {0.1, 0.3, 0.6}, 0.2326236579172927, 0.1217772742871687},
    };
    for (const auto& c : cases) {
        const auto test = chi_square_test(c.weights, {c.observed, {}}, 0.05, 0);
        expect_close(test.observed_value, c.p_value);
        EXPECT_EQ(test.success, c.p_value > 0.05);
        const auto compared = kl_divergence(c.weights, {c.observed, {}}, 0.1, 0);
        EXPECT_NEAR(compared.observed_value, c.divergence, 1e-12);
        EXPECT_EQ(compared.success, c.divergence <= 0.1);
    }
    // GX's own test of the expectation: 540, 320 and 140 of 1000 against thirds.
    expect_close(
        chi_square_test(std::vector<double>{1. / 3, 1. / 3, 1. / 3}, {{540, 320, 140}, {}}, 0.05, 0).observed_value,
        5.139778209762386e-53);
}

TEST(Statistics, UnexpectedCategoriesGetTheHoldout)
{
    const std::vector<double> weights{0.5, 0.3, 0.2};
    const category_counts counts{{40, 30, 15}, {10, 5}};
    const auto test = chi_square_test(weights, counts, 0.05, 0.25);
    expect_close(test.observed_value, 0.10458062514421651);
    ASSERT_EQ(test.expected_weights.size(), 5U);
    expect_close(test.expected_weights[2], 0.15);
    expect_close(test.expected_weights[3], 0.125);
    EXPECT_EQ(test.observed_weights, (std::vector<double>{0.4, 0.3, 0.15, 0.1, 0.05}));
    const auto compared = kl_divergence(weights, counts, {}, 0.25);
    expect_close(compared.observed_value, 0.043991138465434024);
    EXPECT_TRUE(compared.success);

    EXPECT_EQ(chi_square_test(weights, counts, 0.05, 0).observed_value, 0);
    const auto endless = kl_divergence(weights, counts, 5.0, 0);
    EXPECT_EQ(endless.observed_value, infinity);
    EXPECT_FALSE(endless.success);
    EXPECT_TRUE(kl_divergence(weights, counts, {}, 0).success);
}

TEST(Statistics, CategoriesOfNothing)
{
    const std::vector<double> weights{0.5, 0.5};
    const auto test = chi_square_test(weights, {{0, 0}, {}}, 0.05, 0);
    EXPECT_TRUE(std::isnan(test.observed_value));
    EXPECT_FALSE(test.success);
    EXPECT_TRUE(std::isnan(kl_divergence(weights, {{0, 0}, {}}, 1.0, 0).observed_value));
    EXPECT_TRUE(std::isnan(chi_square_test(std::vector<double>{0.5, 0.5, 0}, {{5, 5, 0}, {}}, 0.05, 0).observed_value));
}

TEST(Statistics, DivergenceOfBins)
{
    const continuous_expectation plain{{0, 1, 2, 3}, {0.2, 0.5, 0.3}, {}};
    const bin_counts counts{{20, 45, 25}, 4, 6};
    const auto none = kl_divergence(plain, counts);
    EXPECT_EQ(none.observed_value, infinity); // rows outside, where none is expected
    EXPECT_TRUE(none.success);
    EXPECT_EQ(none.observed_weights, (std::vector<double>{0.2, 0.45, 0.25}));
    EXPECT_EQ(none.observed_tail_weights, (std::array{0.04, 0.06}));

    auto expected = plain;
    expected.tail_weight_holdout = 0.1;
    expected.threshold = 0.001;
    const auto held = kl_divergence(expected, counts);
    expect_close(held.observed_value, 0.0038453942026020014);
    EXPECT_FALSE(held.success);
    EXPECT_EQ(held.expected_tail_weights, (std::array{0.05, 0.05}));
    EXPECT_EQ(held.bins, plain.bins);

    expected = {{0, 1, 2, 3}, {0.2, 0.45, 0.25}, {0.04, 0.06}};
    EXPECT_NEAR(kl_divergence(expected, counts).observed_value, 0, 1e-15);

    expected = {{0, 1, 2, 3, 4}, {0.5, 0, 0.5, 0}, {}, 0, 0.2};
    const auto internal = kl_divergence(expected, {{40, 12, 38, 10}});
    expect_close(internal.observed_value, 0.0023871349480053296);
    EXPECT_EQ(internal.expected_weights, (std::vector<double>{0.4, 0.1, 0.4, 0.1}));
}

TEST(Statistics, DivergenceOfBinsWithInfiniteEdges)
{
    const std::vector<double> weights{0.2, 0.5, 0.3};
    const auto left = kl_divergence({{-infinity, 1, 2, 3}, weights, {}, 0.1}, {{24, 45, 25}, 0, 6});
    expect_close(left.observed_value, 0.019153899678435806);
    EXPECT_EQ(left.bins, (std::vector<double>{1, 2, 3}));
    EXPECT_EQ(left.observed_weights, (std::vector<double>{0.45, 0.25}));
    EXPECT_EQ(left.observed_tail_weights, (std::array{0.24, 0.06}));
    EXPECT_EQ(left.expected_tail_weights[1], 0.1);
    const auto right = kl_divergence({{0, 1, 2, infinity}, weights, {}, 0.1}, {{20, 45, 31}, 4, 0});
    expect_close(right.observed_value, 0.027247078785652346);
    EXPECT_EQ(right.bins, (std::vector<double>{0, 1, 2}));
    const auto both = kl_divergence({{-infinity, 1, 2, infinity}, weights, {}}, {{24, 45, 31}});
    expect_close(both.observed_value, 0.006509786659654472);
    EXPECT_EQ(both.bins, (std::vector<double>{1, 2}));
    EXPECT_EQ(both.observed_weights, (std::vector<double>{0.45}));
    EXPECT_EQ(both.expected_tail_weights, (std::array{0.2, 0.3}));
}

TEST(Statistics, DivergenceOfBinsRefusesContradictions)
{
    const auto refused = [](const continuous_expectation& expected) {
        try {
            (void)kl_divergence(expected, {std::vector<std::uint64_t>(expected.weights.size(), 1)});
        } catch (const etl::error&) {
            return true;
        }
        return false;
    };
    EXPECT_TRUE(refused({{-infinity, 0, infinity}, {0.5, 0.5}, {}, 0.1}));
    EXPECT_TRUE(refused({{-infinity, 0, 1}, {0.4, 0.4}, {0.1, 0.1}}));
    EXPECT_TRUE(refused({{0, 1, infinity}, {0.4, 0.4}, {0.1, 0.1}}));
    EXPECT_TRUE(refused({{0, 1, 2}, {0.4, 0.4}, {0.1, 0.1}, 0.1}));
    EXPECT_TRUE(refused({{-infinity, infinity}, {1}, {}}));
    EXPECT_FALSE(refused({{-infinity, 0, infinity}, {0.5, 0.5}, {}}));
}

TEST(Statistics, CramersPhi)
{
    struct {
        std::vector<std::vector<std::uint64_t>> table;
        double phi;
    } const cases[] = {
        {{{10, 20}, {30, 40}}, 0.0668153104781061},
        {{{12, 5}, {3, 9}}, 0.3792668858226434},
        {{{1, 1}, {1, 2}}, 0.0},
        {{{10, 20, 30}, {6, 9, 17}}, 0.05433137570422292},
        {{{5, 0, 2}, {0, 7, 1}, {3, 3, 3}, {1, 0, 8}}, 0.6564648369383986},
        {{{3, 0}, {0, 4}}, 0.7083333333333333},
        {{{100, 0, 0}, {0, 100, 0}, {0, 0, 100}}, 0.9999999999999999},
    };
    for (const auto& c : cases) {
        EXPECT_NEAR(cramers_phi(c.table), c.phi, 1e-12);
    }
    EXPECT_NEAR(cramers_phi({{10, 0, 20}, {0, 0, 0}, {30, 0, 40}}), cases[0].phi, 1e-12); // empty ones are left out
    EXPECT_TRUE(std::isnan(cramers_phi({{1, 2, 3}})));
    EXPECT_TRUE(std::isnan(cramers_phi({{1, 0}, {4, 0}})));
    EXPECT_TRUE(std::isnan(cramers_phi({})));
}

} // namespace
