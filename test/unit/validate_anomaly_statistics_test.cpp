// Anomaly detection by mean and deviation and by ranks, against answers computed by hand or published.
#include "unit/anomaly_series.hpp"
#include "validate/rank_counts.hpp"

#include <algorithm>
#include <random>

namespace etl::anomaly {
namespace {

TEST(BatchNormal, EachAgainstTheOthers)
{
    // the others of 10 are 1, 2, 3, 4, 5: mean 3, variance 10 / 4
    const auto verdicts = judge_all("batch_normal", "{}", {1, 2, 3, 10, 4, 5});
    EXPECT_DOUBLE_EQ(*verdicts[3].expected, 3);
    EXPECT_DOUBLE_EQ(*verdicts[3].upper, 3 + 3 * std::sqrt(2.5));
    EXPECT_DOUBLE_EQ(*verdicts[3].lower, 3 - 3 * std::sqrt(2.5));
    EXPECT_DOUBLE_EQ(*verdicts[3].score, 7 / std::sqrt(2.5));
    EXPECT_TRUE(verdicts[3].is_anomaly);
    EXPECT_EQ(anomalies("batch_normal", "{}", {1, 2, 3, 10, 4, 5}), (positions{3}));
    // of all: mean 25 / 6, sum of squares 155
    const verdict all = last("batch_normal", R"({"include_interval": true})", {1, 2, 3, 4, 5, 10});
    EXPECT_DOUBLE_EQ(*all.expected, 25.0 / 6);
    EXPECT_DOUBLE_EQ(*all.score, (10 - 25.0 / 6) / std::sqrt((155 - 625.0 / 6) / 5));
    EXPECT_FALSE(all.is_anomaly);
}

TEST(BatchNormal, TheSameValues)
{
    EXPECT_EQ(anomalies("batch_normal", "{}", rows(10, 0.1)), positions{});
    rows one_off(10, 0.1);
    one_off[4] = 0.2;
    EXPECT_EQ(anomalies("batch_normal", "{}", one_off), (positions{4}));
    const verdict alone = judge_all("batch_normal", "{}", one_off)[4];
    EXPECT_EQ(alone.lower, 0.1);
    EXPECT_EQ(alone.upper, 0.1);
    EXPECT_EQ(alone.score, infinity);
    EXPECT_EQ(last("batch_normal", "{}", {5}).reason, "too little history: 0 of 2 values");
}

TEST(BatchNormal, AGreatOutlierLeavesTheOthersExact)
{
    rows series;
    for (int i = 0; i < 101; ++i) {
        series.emplace_back(i == 50 ? 1e15 : 1 + (i % 2) * 1e-6);
    }
    const verdict outlier = judge_all("batch_normal", "{}", series)[50];
    EXPECT_NEAR(*outlier.expected, 1 + 0.5e-6, 1e-12);
    EXPECT_NEAR(*outlier.upper - *outlier.expected, 3 * std::sqrt(0.25e-12 * 100 / 99), 1e-12);
}

// The first 51 numbers of java.util.Random(1).nextGaussian(), on which OnlineNormalStrategyTest of the deequ library
// builds its series.
constexpr double gaussians[] = {1.561581,  -0.608183, -1.091228, -0.624540, -1.118283, -1.658322, -1.882164, 0.059255,
                                -0.408411, 0.287710,  0.445232,  -0.955812, -0.335147, -0.991251, 0.611351,  0.957185,
                                -0.189636, 0.008864,  0.426500,  -0.625766, -1.160869, 2.830732,  0.355468,  -1.360487,
                                0.455029,  -1.162962, -1.304934, 0.163741,  -0.497791, -1.332730, -0.381399, -1.496829,
                                1.032441,  1.734238,  -0.828958, 0.332482,  -2.224188, -0.650312, -1.935089, -0.660431,
                                0.000742,  0.089576,  0.235926,  0.741011,  2.592848,  -2.893729, -0.657577, -1.771988,
                                -0.484405, -0.545840, 1.829352};

rows deequs_series()
{
    rows made(std::begin(gaussians), std::end(gaussians));
    for (int i = 20; i <= 30; ++i) {
        *made[static_cast<std::size_t>(i)] += i % 2 == 0 ? i : -i;
    }
    return made;
}

TEST(OnlineNormal, AsDeequ)
{
    const rows data = deequs_series();
    EXPECT_EQ(anomalies("online_normal", R"({"factor": 3.5, "ignore_start_percentage": 0.2})", data), range(20, 30));
    EXPECT_EQ(anomalies("online_normal", R"({"lower_deviation_factor": null, "upper_deviation_factor": 1.5})", data),
              range(20, 30, 2));
    EXPECT_EQ(anomalies("online_normal", R"({"lower_deviation_factor": 1.5, "upper_deviation_factor": null})", data),
              range(21, 29, 2));
    EXPECT_EQ(anomalies("online_normal", R"({"factor": "Infinity"})", data), positions{});
}

TEST(OnlineNormal, WhetherAnomaliesAreLearned)
{
    const rows data{1, 1, 1, 2, 1, 1, 1};
    const char* params = R"({"factor": 1.5, "ignore_start_percentage": 0.2})";
    EXPECT_EQ(anomalies("online_normal", params, data), (positions{3}));
    EXPECT_EQ(last("online_normal", params, data).expected, 1);
    EXPECT_EQ(last("online_normal", params, data).upper, 1);
    const char* learned = R"({"factor": 1.5, "ignore_start_percentage": 0.2, "ignore_anomalies": false})";
    EXPECT_DOUBLE_EQ(*last("online_normal", learned, data).expected, 8.0 / 7);
    EXPECT_DOUBLE_EQ(*last("online_normal", learned, data).upper, 8.0 / 7 + 1.5 * std::sqrt(6.0 / 49));
}

TEST(OnlineNormal, TheStartIsOnlyLearnedFrom)
{
    rows data{5, 5, 5, 50, 5, 5, 5, 5, 5, 5, 50, 5};
    const char* params = R"({"factor": 1.5, "ignore_start_percentage": 0.4})"; // 4.8 of 12 values
    const auto verdicts = judge_all("online_normal", params, data);
    EXPECT_EQ(verdicts[1].reason, "too little history: 1 of 2 values");
    EXPECT_EQ(verdicts[4].reason, "in the first values, which are only learned from");
    EXPECT_EQ(verdicts[5].reason, "");
    EXPECT_EQ(anomalies("online_normal", params, data), (positions{10}));
}

TEST(OnlineNormal, ByTheValuesBefore)
{
    // before the last: mean 3, population variance 2
    const char* params = R"({"include_interval": false, "ignore_start_percentage": 0})";
    const verdict v = last("online_normal", params, {1, 2, 3, 4, 5, 8});
    EXPECT_DOUBLE_EQ(*v.expected, 3);
    EXPECT_DOUBLE_EQ(*v.upper, 3 + 3 * std::sqrt(2.0));
    EXPECT_DOUBLE_EQ(*v.score, 5 / std::sqrt(2.0));
    EXPECT_TRUE(v.is_anomaly);
}

TEST(Mad, ModifiedZScore)
{
    // median 3, distances 2 1 0 1 2, their median 1
    const verdict v = last("mad", "{}", {1, 2, 3, 4, 5, 9});
    EXPECT_EQ(v.expected, 3);
    EXPECT_DOUBLE_EQ(*v.score, 0.6745 * 6);
    EXPECT_DOUBLE_EQ(*v.upper, 3 + 3.5 / 0.6745);
    EXPECT_TRUE(v.is_anomaly);
    EXPECT_FALSE(last("mad", "{}", {1, 2, 3, 4, 5, 8}).is_anomaly);
    EXPECT_EQ(last("mad", "{}", {1, 2, 3, 4, 9}).reason, "too little history: 4 of 5 values");
    EXPECT_EQ(anomalies("mad", "{}", rows(20, 0.1)), positions{});
    // an even number: median 2.5, distances 1.5 0.5 0.5 97.5, their median 1
    const verdict even = last("mad", R"({"min_history": 4})", {100, 1, 2, 3, 3});
    EXPECT_EQ(even.expected, 2.5);
    EXPECT_DOUBLE_EQ(*even.score, 0.6745 * 0.5);
}

TEST(Mad, WholePartition)
{
    EXPECT_EQ(anomalies("mad", R"({"history": "partition"})", {100, 10, 11, 10, 12, 11, 10, 11}), (positions{0}));
}

TEST(Iqr, TukeysFences)
{
    // quartiles 2 and 4 of 1 to 5; fences -1 and 7
    const verdict v = last("iqr", "{}", {1, 2, 3, 4, 5, 7.5});
    EXPECT_EQ(v.expected, 3);
    EXPECT_EQ(v.lower, -1);
    EXPECT_EQ(v.upper, 7);
    EXPECT_EQ(v.score, 1.75);
    EXPECT_EQ(v.reason, "above the upper bound 7 (quartiles 2 and 4)");
    EXPECT_FALSE(last("iqr", "{}", {1, 2, 3, 4, 5, 7}).is_anomaly);
    EXPECT_EQ(last("iqr", "{}", {1, 2, 3, 4, 5, 2.5}).score, 0);
    EXPECT_EQ(
        last("iqr", R"({"lower_deviation_factor": 0.5, "upper_deviation_factor": null})", {1, 2, 3, 4, 5, 99}).upper,
        std::nullopt);
    // between the values: quartiles 1.75 and 3.25 of 1 to 4
    EXPECT_DOUBLE_EQ(*last("iqr", R"({"min_history": 4})", {1, 2, 3, 4, 9}).upper, 3.25 + 1.5 * 1.5);
}

TEST(Iqr, AWindowForgets)
{
    const rows data{100, 200, 300, 400, 1, 2, 3, 4, 5, 7.5};
    EXPECT_FALSE(last("iqr", "{}", data).is_anomaly);
    EXPECT_TRUE(last("iqr", R"({"window": 5})", data).is_anomaly);
    EXPECT_EQ(judge_all("iqr", R"({"window": 3})", data)[3].expected, 200) << "min_history follows a short window";
}

double sorted_quantile(std::vector<double> values, double fraction)
{
    std::sort(values.begin(), values.end());
    const double at = fraction * static_cast<double>(values.size() - 1);
    const auto low = static_cast<std::size_t>(at);
    const double part = at - std::floor(at);
    return part > 0 ? values[low] + part * (values[low + 1] - values[low]) : values[low];
}

TEST(RankCounts, AgainstSorting)
{
    std::mt19937_64 random{7};
    for (int round = 0; round < 200; ++round) {
        const std::size_t n = 1 + random() % 60;
        const std::size_t window = 1 + random() % n;
        std::vector<double> values;
        for (std::size_t i = 0; i < n; ++i) {
            values.push_back(static_cast<double>(static_cast<int>(random() % 20) - 10) / 4);
        }
        rank_counts ranks{std::pmr::get_default_resource()};
        ranks.prepare({values.begin(), values.end()});
        for (std::size_t i = 0; i < n; ++i) {
            ranks.add(values[i]);
            if (i >= window) {
                ranks.remove(values[i - window]);
            }
            std::vector<double> held(values.begin() + static_cast<std::ptrdiff_t>(i >= window ? i - window + 1 : 0),
                                     values.begin() + static_cast<std::ptrdiff_t>(i + 1));
            ASSERT_EQ(ranks.size(), held.size());
            for (const double fraction : {0.0, 0.25, 0.5, 0.75, 1.0}) {
                ASSERT_EQ(ranks.quantile(fraction), sorted_quantile(held, fraction));
            }
            const double middle = ranks.quantile(0.5);
            for (double& value : held) {
                value = std::abs(value - middle);
            }
            ASSERT_EQ(ranks.median_distance(middle), sorted_quantile(held, 0.5));
        }
    }
}

} // namespace
} // namespace etl::anomaly
