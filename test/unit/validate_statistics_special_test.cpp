// Known values are scipy 1.10's (special, stats), but where another source is named.
#include "validate/statistics_special.hpp"

#include "core/error.hpp"
#include "validate/statistics_ks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
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

TEST(SpecialFunctions, IncompleteGamma)
{
    struct {
        double a, x, p, q;
    } const cases[] = {
        {0.5, 0.1, 0.34527915398142317, 0.6547208460185768},
        {0.5, 3.0, 0.9856941215645704, 0.014305878435429641},
        {1.0, 1.0, 0.6321205588285577, 0.36787944117144245},
        {2.5, 0.01, 2.9876015319066003e-06, 0.999997012398468},
        {2.5, 9.0, 0.9970535954121197, 0.0029464045878802923},
        {10.0, 3.0, 0.0011024881301154815, 0.9988975118698845},
        {10.0, 11.0, 0.6594893575343392, 0.3405106424656608},
        {10.0, 40.0, 0.9999999960740678, 3.925932226286184e-09},
        {100.0, 80.0, 0.0171083130351331, 0.9828916869648668},
        {100.0, 130.0, 0.9972495916326934, 0.002750408367306518},
        {1000.0, 990.0, 0.3795213785379639, 0.620478621462036},
        {1000.0, 1200.0, 0.9999999987118394, 1.288160608628143e-09},
        {50000.0, 50100.0, 0.6730699893761953, 0.3269300106238046},
    };
    for (const auto& c : cases) {
        expect_close(gamma_p(c.a, c.x), c.p, 1e-11);
        expect_close(gamma_q(c.a, c.x), c.q, 1e-11);
    }
    EXPECT_EQ(gamma_p(2, 0), 0);
    EXPECT_EQ(gamma_q(2, infinity), 0);
    EXPECT_TRUE(std::isnan(gamma_p(-1, 2)));
    EXPECT_TRUE(std::isnan(gamma_q(1, NAN)));
}

TEST(SpecialFunctions, IncompleteBeta)
{
    struct {
        double a, b, x, value;
    } const cases[] = {
        {0.5, 10.0, 0.01, 0.3420718248432155},
        {0.5, 10.0, 0.2, 0.9630951570658153},
        {1.0, 1.0, 0.3, 0.3},
        {2.0, 3.0, 0.5, 0.6875},
        {2.0, 3.0, 0.999, 0.999999996003},
        {30.0, 0.7, 0.9, 0.02184964966423316},
        {5.0, 5.0, 0.001, 1.2558053968507003e-13},
        {200.0, 300.0, 0.42, 0.8196010664172744},
        {200.0, 300.0, 0.38, 0.18093001184218716},
        {10000.0, 20000.0, 0.333, 0.4517928424064183},
    };
    for (const auto& c : cases) {
        expect_close(beta_i(c.a, c.b, c.x), c.value, 1e-10);
        EXPECT_NEAR(1 - beta_i(c.b, c.a, 1 - c.x), c.value, 1e-10);
    }
    EXPECT_EQ(beta_i(2, 3, 0), 0);
    EXPECT_EQ(beta_i(2, 3, 1), 1);
    EXPECT_TRUE(std::isnan(beta_i(2, 3, 1.5)));
}

TEST(SpecialFunctions, NormalAndChiSquare)
{
    struct {
        double x, value;
    } const normal[] = {
        {-37.0, 5.7255712225239266e-300}, {-10.0, 7.61985302416047e-24}, {-3.5, 0.00023262907903552502},
        {-1.0, 0.15865525393145707},      {-1e-05, 0.49999601057719606}, {0.0, 0.5},
        {0.7, 0.758036347776927},         {2.0, 0.9772498680518208},     {6.0, 0.9999999990134123},
    };
    for (const auto& c : normal) {
        expect_close(normal_cdf(c.x), c.value, 1e-12);
    }
    struct {
        double x, degrees, value;
    } const chi_square[] = {
        {0.1, 1.0, 0.7518296340458492},       {3.84, 1.0, 0.05004352124870519},
        {10.0, 3.0, 0.01856613546304325},     {100.0, 50.0, 3.454931382984871e-05},
        {30.0, 50.0, 0.9888352197284497},     {1000.0, 900.0, 0.010994608942135844},
        {238.5, 2.0, 1.6232411099449634e-52}, {500.0, 2.0, 2.6691902155412655e-109},
    };
    for (const auto& c : chi_square) {
        expect_close(chi_square_sf(c.x, c.degrees), c.value, 1e-11);
    }
    EXPECT_EQ(chi_square_sf(0, 3), 1);
    // Abramowitz and Stegun, table 26.8: 3.84146 is exceeded with probability 0.05.
    EXPECT_NEAR(chi_square_sf(3.841458820694124, 1), 0.05, 1e-12);
}

TEST(SpecialFunctions, BinomialProbabilitiesSumToOne)
{
    for (const double p : {1e-6, 0.2, 0.5, 0.97}) {
        double all = 0;
        for (int k = 0; k <= 300; ++k) {
            all += binomial_probability(k, 300, p, 1 - p);
        }
        EXPECT_NEAR(all, 1, 1e-12);
    }
}

TEST(SpecialFunctions, Kolmogorov)
{
    struct {
        std::uint64_t n;
        double d, value;
    } const cases[] = {
        {1, 0.6, 0.8},
        {1, 0.4, 1.0},
        {2, 0.3, 0.98},
        {2, 0.7, 0.18000000000000005},
        {5, 0.15, 0.9988},
        {5, 0.4, 0.3087999999999995},
        {10, 0.08, 0.9999978058034054},
        {10, 0.274, 0.3715203845434957},
        {10, 0.55, 0.0022805103214843725},
        {20, 0.2, 0.352720173623415},
        {56, 0.18, 0.04648790304748296},
        {100, 0.05, 0.9532159710635725},
        {100, 0.1, 0.2526927570063874},
        {100, 0.136, 0.044860299790847456},
        {100, 0.25, 5.408871776434847e-06},
        {140, 0.16, 0.0013440163244194184},
        {500, 0.03, 0.7473166700457021},
        {1000, 0.02, 0.8108971656895577},
        {1000, 0.043, 0.04811098765192656},
        {20000, 0.005, 0.6974088406327613},
        {100000, 0.0006, 0.9999999999999791},
        {100000, 0.004, 0.08130148920222469},
        {1000000, 0.0009, 0.39250068453988984},
        {1000000, 0.0018, 0.003063932534378173},
        {50000000, 0.0002, 0.03662616833126986},
        {50000000, 0.0003, 0.0002467702489135993},
    };
    for (const auto& c : cases) {
        expect_close(kolmogorov_sf(c.n, c.d), c.value, 1e-10);
    }
    EXPECT_EQ(kolmogorov_sf(10, 0.05), 1);
    EXPECT_EQ(kolmogorov_sf(10, 1), 0);
    EXPECT_TRUE(std::isnan(kolmogorov_sf(0, 0.5)));
    // Marsaglia, Tsang and Wang 2003: P(D < 0.274) for n = 10.
    EXPECT_NEAR(1 - kolmogorov_sf(10, 0.274), 0.6284796154565, 1e-12);
}

TEST(SpecialFunctions, KolmogorovFallsWithTheDistance)
{
    for (const std::uint64_t n : {1, 2, 3, 7, 50, 139, 140, 141, 1000, 99'999, 100'001}) {
        double last = 1;
        for (double z = 0.1; z < 4; z += 0.03) {
            const double next = kolmogorov_sf(n, std::min(z / std::sqrt(static_cast<double>(n)), 1.0));
            ASSERT_LE(next, last * (1 + 2e-5)) << n << ' ' << z;
            ASSERT_GE(next, 0);
            last = next;
        }
    }
}

TEST(SpecialFunctions, DistributionFunctions)
{
    struct {
        const char* name;
        std::vector<double> parameters;
        double x, value;
    } const cases[] = {
        {"norm", {}, -3.0, 0.0013498980316300933},
        {"norm", {}, 0.0, 0.5},
        {"norm", {}, 0.3, 0.6179114221889526},
        {"norm", {}, 4.5, 0.9999966023268753},
        {"norm", {}, 21.0, 1.0},
        {"norm", {}, 42.0, 1.0},
        {"norm", {1.0}, -3.0, 3.167124183311986e-05},
        {"norm", {1.0}, 0.0, 0.15865525393145707},
        {"norm", {1.0}, 0.3, 0.24196365222307303},
        {"norm", {1.0}, 4.5, 0.9997673709209645},
        {"norm", {1.0}, 21.0, 1.0},
        {"norm", {1.0}, 42.0, 1.0},
        {"norm", {40.0, 5.0}, -3.0, 3.985804962848151e-18},
        {"norm", {40.0, 5.0}, 0.0, 6.22096057427174e-16},
        {"norm", {40.0, 5.0}, 0.3, 1.0109062700763254e-15},
        {"norm", {40.0, 5.0}, 4.5, 6.237844463331586e-13},
        {"norm", {40.0, 5.0}, 21.0, 7.234804392511998e-05},
        {"norm", {40.0, 5.0}, 42.0, 0.6554217416103242},
        {"beta", {0.5, 10.0, 5.0, 11.0}, -3.0, 0.0},
        {"beta", {0.5, 10.0, 5.0, 11.0}, 0.0, 0.0},
        {"beta", {0.5, 10.0, 5.0, 11.0}, 0.3, 0.0},
        {"beta", {0.5, 10.0, 5.0, 11.0}, 4.5, 0.0},
        {"beta", {0.5, 10.0, 5.0, 11.0}, 21.0, 1.0},
        {"beta", {0.5, 10.0, 5.0, 11.0}, 42.0, 1.0},
        {"beta", {2.0, 3.0}, -3.0, 0.0},
        {"beta", {2.0, 3.0}, 0.0, 0.0},
        {"beta", {2.0, 3.0}, 0.3, 0.34829999999999994},
        {"beta", {2.0, 3.0}, 4.5, 1.0},
        {"beta", {2.0, 3.0}, 21.0, 1.0},
        {"beta", {2.0, 3.0}, 42.0, 1.0},
        {"gamma", {2.0, 20.0, 3.0}, -3.0, 0.0},
        {"gamma", {2.0, 20.0, 3.0}, 0.0, 0.0},
        {"gamma", {2.0, 20.0, 3.0}, 0.3, 0.0},
        {"gamma", {2.0, 20.0, 3.0}, 4.5, 0.0},
        {"gamma", {2.0, 20.0, 3.0}, 21.0, 0.04462491923494765},
        {"gamma", {2.0, 20.0, 3.0}, 42.0, 0.9945550668344385},
        {"gamma", {0.7}, -3.0, 0.0},
        {"gamma", {0.7}, 0.0, 0.0},
        {"gamma", {0.7}, 0.3, 0.42041736887529396},
        {"gamma", {0.7}, 4.5, 0.9948405977307708},
        {"gamma", {0.7}, 21.0, 0.9999999997688146},
        {"gamma", {0.7}, 42.0, 1.0},
        {"uniform", {-5.0, 11.0}, -3.0, 0.18181818181818182},
        {"uniform", {-5.0, 11.0}, 0.0, 0.45454545454545453},
        {"uniform", {-5.0, 11.0}, 0.3, 0.4818181818181818},
        {"uniform", {-5.0, 11.0}, 4.5, 0.8636363636363636},
        {"uniform", {-5.0, 11.0}, 21.0, 1.0},
        {"uniform", {-5.0, 11.0}, 42.0, 1.0},
        {"uniform", {}, -3.0, 0.0},
        {"uniform", {}, 0.0, 0.0},
        {"uniform", {}, 0.3, 0.3},
        {"uniform", {}, 4.5, 1.0},
        {"uniform", {}, 21.0, 1.0},
        {"uniform", {}, 42.0, 1.0},
        {"expon", {4.2, 10.0}, -3.0, 0.0},
        {"expon", {4.2, 10.0}, 0.0, 0.0},
        {"expon", {4.2, 10.0}, 0.3, 0.0},
        {"expon", {4.2, 10.0}, 4.5, 0.029554466451491804},
        {"expon", {4.2, 10.0}, 21.0, 0.81362602396059},
        {"expon", {4.2, 10.0}, 42.0, 0.977177308574907},
        {"expon", {}, -3.0, 0.0},
        {"expon", {}, 0.0, 0.0},
        {"expon", {}, 0.3, 0.2591817793182821},
        {"expon", {}, 4.5, 0.9888910034617577},
        {"expon", {}, 21.0, 0.999999999241744},
        {"expon", {}, 42.0, 1.0},
        {"chi2", {30.0, 3.0, 5.0}, -3.0, 0.0},
        {"chi2", {30.0, 3.0, 5.0}, 0.0, 0.0},
        {"chi2", {30.0, 3.0, 5.0}, 0.3, 0.0},
        {"chi2", {30.0, 3.0, 5.0}, 4.5, 2.909467667707344e-25},
        {"chi2", {30.0, 3.0, 5.0}, 21.0, 9.600435617769344e-10},
        {"chi2", {30.0, 3.0, 5.0}, 42.0, 1.4948669183560154e-05},
        {"chi2", {1.0}, -3.0, 0.0},
        {"chi2", {1.0}, 0.0, 0.0},
        {"chi2", {1.0}, 0.3, 0.416117579229635},
        {"chi2", {1.0}, 4.5, 0.9661051464753108},
        {"chi2", {1.0}, 21.0, 0.9999954071662882},
        {"chi2", {1.0}, 42.0, 0.9999999999087266},
    };
    for (const auto& c : cases) {
        expect_close(distribution{c.name, c.parameters}.cdf(c.x), c.value, 1e-11);
    }
    EXPECT_TRUE(std::isnan(distribution("norm", std::vector<double>{}).cdf(NAN)));
    EXPECT_EQ(distribution("expon", std::vector<double>{}).cdf(infinity), 1);
}

using named = std::map<std::string, double>;

std::vector<double> parameters(const distribution& of)
{
    return {of.parameters().begin(), of.parameters().end()};
}

TEST(SpecialFunctions, DistributionsTakeNamedParameters)
{
    EXPECT_EQ(parameters(distribution{"norm", named{{"mean", 40}, {"std_dev", 5}}}), (std::vector<double>{40, 5}));
    EXPECT_EQ(parameters(distribution{"norm", named{}}), (std::vector<double>{0, 1}));
    EXPECT_EQ(parameters(distribution{"beta", named{{"alpha", 2}, {"beta", 3}, {"scale", 4}}}),
              (std::vector<double>{2, 3, 0, 4}));
    EXPECT_EQ(parameters(distribution{"uniform", named{{"min", -5}, {"max", 11}}}), (std::vector<double>{-5, 11}));
    EXPECT_EQ(parameters(distribution{"uniform", named{{"loc", -5}, {"scale", 11}}}), (std::vector<double>{-5, 11}));
    EXPECT_EQ(parameters(distribution{"chi2", named{{"df", 3}}}), (std::vector<double>{3, 0, 1}));
}

TEST(SpecialFunctions, DistributionsRefuseWhatIsNone)
{
    const auto refused = [](const char* name, const auto& values) {
        try {
            (void)distribution{name, values};
        } catch (const etl::error& e) {
            return std::string_view{e.sqlstate()} == etl::sqlstate::invalid_parameter_value;
        }
        return false;
    };
    using list = std::vector<double>;
    EXPECT_TRUE(refused("poisson", list{}));
    EXPECT_TRUE(refused("norm", list{0, 1, 2}));
    EXPECT_TRUE(refused("norm", list{0, 0}));
    EXPECT_TRUE(refused("norm", list{0, NAN}));
    EXPECT_TRUE(refused("beta", list{1}));
    EXPECT_TRUE(refused("beta", list{1, -1}));
    EXPECT_TRUE(refused("gamma", list{}));
    EXPECT_TRUE(refused("chi2", named{{"scale", 2}}));
    EXPECT_TRUE(refused("gamma", named{{"alpha", 1}, {"scale", -2}}));
    EXPECT_FALSE(refused("norm", list{-3}));
}

} // namespace
