// Anomaly detection: fixed bounds, the parameters, and what holds for every strategy.
#include "unit/anomaly_series.hpp"

#include <random>
#include <utility>

namespace etl::anomaly {
namespace {

std::string refusal(std::string_view strategy, std::string_view params)
{
    try {
        make_detector(strategy, params, std::pmr::get_default_resource(), never_poll);
    } catch (const error& e) {
        EXPECT_STREQ(e.sqlstate(), sqlstate::invalid_parameter_value);
        return std::string{e.what()} + " | " + e.hint();
    }
    return "accepted";
}

// 51 values: 1 but for the positions 20 to 30, which alternate between themselves and the odd ones' value.
rows restless(double (*odd)(int))
{
    rows made;
    for (int i = 0; i <= 50; ++i) {
        made.emplace_back(i < 20 || i > 30 ? 1.0 : i % 2 == 0 ? i : odd(i));
    }
    return made;
}

TEST(SimpleThreshold, BothBoundsAreNormal)
{
    const char* params = R"({"lower_bound": -1, "upper_bound": 4})";
    EXPECT_EQ(anomalies("simple_threshold", params, {-1, 4, -1.5, 5, -infinity, infinity}), (positions{2, 3, 4, 5}));
    const verdict above = last("simple_threshold", params, {7});
    EXPECT_EQ(above.score, 3);
    EXPECT_EQ(above.lower, -1);
    EXPECT_EQ(above.upper, 4);
    EXPECT_EQ(above.expected, std::nullopt);
    EXPECT_EQ(above.reason, "above the upper bound 4");
    EXPECT_EQ(last("simple_threshold", params, {-3}).score, -2);
    EXPECT_EQ(anomalies("simple_threshold", R"({"lower_bound": 0})", {1e300, -1, infinity}), (positions{1}));
}

TEST(Series, MissingAndUnusualValues)
{
    const auto verdicts =
        judge_all("absolute_change", R"({"max_rate_increase": 2})", {1, row{}, 2, nan, 3, infinity, 6});
    EXPECT_EQ(verdicts[0].reason, "too little history: 0 of 1 values");
    EXPECT_EQ(verdicts[1].reason, "no value");
    EXPECT_FALSE(verdicts[1].is_anomaly);
    EXPECT_EQ(verdicts[2].expected, 1);
    EXPECT_TRUE(verdicts[3].is_anomaly);
    EXPECT_EQ(verdicts[3].reason, "not a number");
    EXPECT_EQ(verdicts[4].expected, 2) << "NaN is no history";
    EXPECT_TRUE(verdicts[5].is_anomaly);
    EXPECT_EQ(verdicts[6].expected, 3) << "nor is infinity";
    EXPECT_EQ(verdicts[6].score, 3);
}

// The cases and answers of the deequ library's own tests (AbsoluteChangeStrategyTest), for the whole series.
TEST(AbsoluteChange, AsDeequ)
{
    const rows data = restless([](int i) { return -1.0 * i; });
    EXPECT_EQ(anomalies("absolute_change", R"({"max_rate_decrease": -2, "max_rate_increase": 2})", data),
              range(20, 31));
    EXPECT_EQ(anomalies("absolute_change", R"({"max_rate_increase": 1})", data), range(20, 30, 2));
    EXPECT_EQ(anomalies("absolute_change", R"({"max_rate_decrease": -1})", data), range(21, 31, 2));
    EXPECT_EQ(anomalies("absolute_change", R"({"max_rate_increase": 8, "order": 2})", {0, 1, 3, 6, 18, 72}),
              (positions{4, 5}));
    EXPECT_EQ(anomalies("absolute_change", R"({"max_rate_decrease": -2, "max_rate_increase": 2, "order": 0})",
                        {1, -1, 4, -7}),
              (positions{2, 3}));
}

TEST(AbsoluteChange, DifferencesOfHigherOrder)
{
    const auto scores = [](const char* order, const rows& series) {
        std::vector<double> made;
        for (const verdict& v : judge_all("absolute_change", order, series)) {
            if (v.score) {
                made.push_back(*v.score);
            }
        }
        return made;
    };
    const rows six{1, 2, 4, 1, 2, 8};
    EXPECT_EQ(scores(R"({"order": 1, "max_rate_increase": 1})", six), (std::vector<double>{1, 2, -3, 1, 6}));
    EXPECT_EQ(scores(R"({"order": 2, "max_rate_increase": 1})", six), (std::vector<double>{1, -5, 4, 5}));
    const auto third = scores(R"({"order": 3, "max_rate_increase": 1})", {1, 5, -10, 3, 100, 0.01, 0.0065});
    ASSERT_EQ(third.size(), 4U);
    EXPECT_NEAR(third[0], 47, 1e-9);
    EXPECT_NEAR(third[1], 56, 1e-9);
    EXPECT_NEAR(third[2], -280.99, 1e-9);
    EXPECT_NEAR(third[3], 296.9765, 1e-9);
    const verdict next = last("absolute_change", R"({"order": 2, "max_rate_increase": 3})", {1, 3, 6});
    EXPECT_EQ(next.expected, 5) << "the change goes on";
    EXPECT_EQ(next.upper, 8);
}

// As RelativeRateOfChangeStrategyTest.
TEST(RelativeChange, AsDeequ)
{
    const rows data = restless([](int) { return 1.0; });
    EXPECT_EQ(anomalies("relative_change", R"({"max_rate_decrease": 0.5, "max_rate_increase": 2})", data),
              range(20, 31));
    EXPECT_EQ(anomalies("relative_change", R"({"max_rate_increase": 1})", data), range(20, 30, 2));
    EXPECT_EQ(anomalies("relative_change", R"({"max_rate_decrease": 0.5})", data), range(21, 31, 2));
    EXPECT_EQ(anomalies("relative_change", R"({"max_rate_increase": 8, "order": 2})", {0, 1, 3, 6, 18, 72}),
              (positions{2, 5}));
}

TEST(RelativeChange, ZeroAndNegativeValues)
{
    const char* params = R"({"max_rate_decrease": 0.5, "max_rate_increase": 2})";
    EXPECT_FALSE(last("relative_change", params, {0, 0}).is_anomaly);
    EXPECT_EQ(last("relative_change", params, {0, 0}).score, std::nullopt);
    EXPECT_EQ(last("relative_change", params, {0, 1}).score, infinity);
    EXPECT_TRUE(last("relative_change", params, {0, 1}).is_anomaly);
    EXPECT_TRUE(last("relative_change", params, {0, -1}).is_anomaly);
    const verdict below = last("relative_change", params, {-4, -3});
    EXPECT_FALSE(below.is_anomaly);
    EXPECT_EQ(below.lower, -8);
    EXPECT_EQ(below.upper, -2);
    EXPECT_TRUE(last("relative_change", params, {-4, -9}).is_anomaly);
    EXPECT_TRUE(last("relative_change", params, {-4, -1}).is_anomaly);
    EXPECT_EQ(last("relative_change", params, {10, 25}).reason, "ratio to 10 of 2.5 is above 2");
}

// What comes after a row does not change the verdict on it.
TEST(Series, VerdictsGoByThePast)
{
    std::mt19937_64 random{3};
    rows series;
    for (int i = 0; i < 120; ++i) {
        series.emplace_back(static_cast<double>(random() % 1000));
    }
    const std::pair<const char*, const char*> causal[] = {
        {"simple_threshold", R"({"upper_bound": 900})"},
        {"absolute_change", R"({"max_rate_increase": 500})"},
        {"relative_change", R"({"max_rate_increase": 5})"},
        {"online_normal", R"({"factor": 1.5, "ignore_start_percentage": 0})"},
        {"holt_winters", "{}"},
        {"mad", R"({"factor": 1})"},
        {"iqr", R"({"factor": 0.2, "window": 20})"},
    };
    for (const auto& [strategy, params] : causal) {
        const auto whole = judge_all(strategy, params, series);
        const auto half = judge_all(strategy, params, {series.begin(), series.begin() + 60});
        for (std::size_t i = 0; i < half.size(); ++i) {
            EXPECT_EQ(half[i].is_anomaly, whole[i].is_anomaly) << strategy << " " << i;
            EXPECT_EQ(half[i].score, whole[i].score) << strategy << " " << i;
        }
        EXPECT_FALSE(anomalies(strategy, params, series).empty()) << strategy;
    }
}

TEST(Parameters, NamesAndDefaults)
{
    EXPECT_EQ(
        refusal("holt_winter", "{}"),
        R"(there is no anomaly strategy "holt_winter" | Did you mean "holt_winters"? The strategies are )"
        "simple_threshold, absolute_change, relative_change, batch_normal, online_normal, holt_winters, mad, iqr.");
    EXPECT_EQ(refusal("absolute_change", R"({"max_rate_incraese": 1})"),
              R"(strategy absolute_change has no parameter "max_rate_incraese" | Did you mean "max_rate_increase" or )"
              R"("max_rate_decrease"? Its parameters, with their defaults, are max_rate_decrease (none), )"
              "max_rate_increase (none), order (1).");
    EXPECT_EQ(
        refusal("holt_winters", R"({"period": 1.5})"),
        R"(parameter "period" of strategy holt_winters must be a whole number from 2 to 1000000, not 1.5 | period )"
        "is the number of rows after which the season repeats. Its default is 7.");
}

TEST(Parameters, Refused)
{
    const std::pair<const char*, const char*> refused[] = {
        {"simple_threshold", "{}"},
        {"simple_threshold", R"({"upper_bound": null})"},
        {"simple_threshold", R"({"upper_bound": "NaN"})"},
        {"simple_threshold", R"({"lower_bound": 2, "upper_bound": 1})"},
        {"absolute_change", R"({"max_rate_decrease": -2, "max_rate_increase": -3})"},
        {"absolute_change", R"({"max_rate_increase": 1, "order": -1})"},
        {"absolute_change", R"({"max_rate_increase": 1, "order": 101})"},
        {"relative_change", R"({"max_rate_increase": 1, "order": 0})"},
        {"relative_change", R"({"max_rate_increase": true})"},
        {"batch_normal", R"({"factor": -3})"},
        {"batch_normal", R"({"factor": null})"},
        {"batch_normal", R"({"lower_deviation_factor": null, "upper_deviation_factor": null})"},
        {"batch_normal", R"({"min_history": 1})"},
        {"online_normal", R"({"ignore_start_percentage": 1.5})"},
        {"online_normal", R"({"ignore_start_percentage": -1})"},
        {"online_normal", R"({"ignore_anomalies": 1})"},
        {"holt_winters", R"({"period": 1})"},
        {"holt_winters", R"({"training": 13})"},
        {"mad", R"({"history": "after"})"},
        {"mad", R"({"history": "partition", "window": 9})"},
        {"iqr", R"({"window": 0})"},
        {"iqr", R"({"window": 4, "min_history": 5})"},
        {"iqr", "[]"},
        {"iqr", "3"},
        {"iqr", "{"},
    };
    for (const auto& [strategy, params] : refused) {
        EXPECT_NE(refusal(strategy, params), "accepted") << strategy << " " << params;
    }
    EXPECT_EQ(refusal("mad", R"({"history": "before", "window": 1e3, "min_history": 1, "factor": 0})"), "accepted");
    EXPECT_EQ(describe_strategies().size(), 8U);
}

} // namespace
} // namespace etl::anomaly
