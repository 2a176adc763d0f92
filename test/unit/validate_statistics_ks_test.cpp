// Known values are scipy 1.10's (special, stats), but where another source is named.
#include "validate/statistics_ks.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace {

using namespace etl::validate;

constexpr double infinity = std::numeric_limits<double>::infinity();

void expect_close(double found, double expected, double relative = 1e-9)
{
    EXPECT_LE(std::abs(found - expected), relative * std::abs(expected)) << found << " is not " << expected;
}

TEST(KolmogorovSmirnov, KolmogorovSmirnovTest)
{
    std::vector<double> data{0.1, 0.1, -1.2, 0.4, 1.9, 0.33, -0.2, 0.7, 0.7, -2.2, 0.05, 1.1};
    std::sort(data.begin(), data.end());
    struct {
        const char* name;
        std::vector<double> parameters;
        double statistic, p_value;
    } const cases[] = {
        {"norm", {0.0, 1.0}, 0.2699388058383725, 0.29066689497796205},
        {"norm", {1.0, 1.0}, 0.45124475552228605, 0.009481315352885988},
        {"uniform", {-3.0, 6.0}, 0.29999999999999993, 0.18735709092941666},
        {"expon", {-3.0, 2.0}, 0.5867363693917269, 0.00018480805075991438},
        {"gamma", {2.0, -3.0, 1.5}, 0.39003697495880285, 0.03729495650107728},
        {"beta", {2.0, 2.0, -3.0, 6.0}, 0.28340740740740744, 0.24021929045362922},
        {"chi2", {3.0, -3.0, 1.0}, 0.40983341627787395, 0.02456268365510772},
    };
    for (const auto& c : cases) {
        ks_test one_by_one{{c.name, c.parameters}, data.size()};
        ks_test joined{{c.name, c.parameters}, data.size()};
        for (auto at = data.begin(); at != data.end();) {
            const auto end = std::upper_bound(at, data.end(), *at);
            joined.add(*at, static_cast<std::uint64_t>(end - at));
            for (; at != end; ++at) {
                one_by_one.add(*at, 1);
            }
        }
        for (const auto& found : {one_by_one.result(), joined.result()}) {
            expect_close(found.statistic, c.statistic, 1e-12);
            expect_close(found.p_value, c.p_value);
        }
    }
    EXPECT_TRUE(std::isnan(ks_test({"norm", std::vector<double>{}}, 0).result().p_value));
    ks_test with_nan{{"norm", std::vector<double>{}}, 2};
    with_nan.add(0, 1);
    with_nan.add(NAN, 1);
    EXPECT_TRUE(std::isnan(with_nan.result().p_value));
}

const continuous_partition four_bins{{-2, -1, 0, 1, 2}, {0.1, 0.4, 0.4, 0.1}};

bootstrapped_ks_test::result bootstrap(std::vector<double> data, double p = 0.05)
{
    std::sort(data.begin(), data.end());
    bootstrapped_ks_test test{four_bins, p, data.size()};
    for (auto at = data.begin(); at != data.end();) {
        const auto end = std::upper_bound(at, data.end(), *at);
        test.add(*at, static_cast<std::uint64_t>(end - at));
        at = end;
    }
    return test.finish();
}

// Values with the distribution of four_bins, moved by `shift`.
std::vector<double> drawn(double shift)
{
    std::mt19937_64 random{9};
    std::piecewise_constant_distribution<double> values{four_bins.bins.begin(), four_bins.bins.end(),
                                                        four_bins.weights.begin()};
    std::vector<double> data(5000);
    std::generate(data.begin(), data.end(), [&] { return values(random) + shift; });
    return data;
}

TEST(KolmogorovSmirnov, BootstrappedTestOfTheSameDistribution)
{
    const auto found = bootstrap(drawn(0));
    EXPECT_EQ(found.samples, 1000U);
    EXPECT_EQ(found.sample_size, 8U);
    EXPECT_TRUE(found.success);
    EXPECT_NEAR(found.observed_value, 0.95, 0.03); // a sample is rejected with probability p
    EXPECT_EQ(found.observed.bins, four_bins.bins);
    EXPECT_EQ(found.observed_cdf.front(), 0);
    EXPECT_NEAR(found.observed_cdf.back(), 1, 1e-12);
    EXPECT_EQ(found.expected_cdf, (std::vector<double>{0, 0.1, 0.5, 0.9, 1}));
    EXPECT_EQ(found.observed_value, bootstrap(drawn(0)).observed_value);
}

TEST(KolmogorovSmirnov, BootstrappedTestOfAnother)
{
    const auto above = bootstrap(drawn(3));
    EXPECT_FALSE(above.success);
    EXPECT_EQ(above.observed_value, 1.0 / 1001);
    EXPECT_EQ(above.observed.bins.size(), 6U);
    EXPECT_GT(above.observed.bins.back(), 2);
    const auto below = bootstrap(drawn(-3));
    EXPECT_FALSE(below.success);
    EXPECT_LT(below.observed.bins.front(), -2);
    EXPECT_EQ(below.observed.weights.size(), 5U);
    EXPECT_NEAR(below.observed_cdf.back(), 1, 1e-12);
}

TEST(KolmogorovSmirnov, BootstrappedTestCountsEdges)
{
    const auto found = bootstrap({-2, -2, -1, 0.5, 2, 2, 2, 2.5});
    EXPECT_EQ(found.observed.bins, (std::vector<double>{-2, -1, 0, 1, 2, 2.5}));
    EXPECT_EQ(found.observed.weights, (std::vector<double>{2 / 8., 1 / 8., 1 / 8., 3 / 8., 1 / 8.}));
    EXPECT_TRUE(std::isnan(bootstrap({}).observed_value));
    EXPECT_FALSE(bootstrap({}).success);
}

TEST(KolmogorovSmirnov, BootstrappedTestRefusesItsArguments)
{
    const auto refused = [](const continuous_partition& partition, double p, std::size_t samples) {
        try {
            (void)bootstrapped_ks_test{partition, p, 10, samples, 100};
        } catch (const etl::error&) {
            return true;
        }
        return false;
    };
    EXPECT_FALSE(refused(four_bins, 0.05, 1000));
    EXPECT_TRUE(refused(four_bins, 0, 1000));
    EXPECT_TRUE(refused(four_bins, 1, 1000));
    EXPECT_TRUE(refused(four_bins, 0.05, 1'000'000'000));
    EXPECT_TRUE(refused({{0, 1, 2}, {0.5, 0.4}}, 0.05, 1000));
    EXPECT_TRUE(refused({{0, 1, 1}, {0.5, 0.5}}, 0.05, 1000));
    EXPECT_TRUE(refused({{-infinity, 1, 2}, {0.5, 0.5}}, 0.05, 1000));
}

} // namespace
