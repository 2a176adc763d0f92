// Anomaly detection in series with a season.
#include "unit/anomaly_series.hpp"

#include <random>

namespace etl::anomaly {
namespace {

// The series and the numbers of anomalies of the deequ library's HoltWintersTest. Milk: pounds per cow and month from
// 1962 (R. J. Hyndman's time series data library); cars: sold in Quebec per month from 1960.
TEST(HoltWinters, AsDeequ)
{
    const rows milk{589, 561, 640, 656, 727, 697, 640, 599, 568, 577, 553, 582, 600, 566, 653, 673,
                    742, 716, 660, 617, 583, 587, 565, 598, 628, 618, 688, 705, 770, 736, 678, 639,
                    604, 611, 594, 634, 658, 622, 709, 722, 782, 756, 702, 653, 615, 621, 602, 635};
    const rows cars{6550,  8728,  12026, 14395, 14587, 13791, 9498,  8251, 7049, 9545,  9364,  8456,
                    7237,  9374,  11837, 13784, 15926, 13821, 11143, 7975, 7610, 10015, 12759, 8816,
                    10677, 10947, 15200, 17010, 20900, 16205, 12143, 8997, 5568, 11474, 12256, 10583,
                    10862, 10965, 14405, 20379, 20128, 17816, 12268, 8642, 7962, 13932, 15936, 12628};
    const char* params = R"({"period": 12, "training": 36})";
    EXPECT_EQ(anomalies("holt_winters", params, milk).size(), 7U);
    EXPECT_EQ(anomalies("holt_winters", params, cars).size(), 3U);

    rows line;
    rows wave;
    for (int t = 0; t < 48; ++t) {
        line.emplace_back(t);
        wave.emplace_back(t + std::sin(2 * 3.14159265358979323846 / 7 * t));
    }
    EXPECT_EQ(anomalies("holt_winters", R"({"training": 36})", line), positions{});
    EXPECT_EQ(anomalies("holt_winters", R"({"training": 36})", wave), positions{});

    const rows wrong{0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    EXPECT_EQ(anomalies("holt_winters", R"({"training": 14})", wrong), (positions{14}));
}

TEST(HoltWinters, TheSameValues)
{
    EXPECT_EQ(anomalies("holt_winters", "{}", rows(50, 0.1)), positions{});
    rows one_off(21, 1.0);
    one_off[20] = 0;
    EXPECT_EQ(anomalies("holt_winters", "{}", one_off), (positions{20}));
    EXPECT_EQ(last("holt_winters", "{}", rows(14, 1.0)).reason, "too little history: 13 of 14 values");
}

// Level 100, ten more on the last day of seven, noise of one: 110 is normal then and on no other day.
rows weekly(std::size_t length)
{
    std::mt19937_64 random{11};
    std::normal_distribution<double> noise{0, 1};
    rows made;
    for (std::size_t t = 0; t < length; ++t) {
        made.emplace_back(100 + (t % 7 == 6 ? 10 : 0) + noise(random));
    }
    return made;
}

TEST(HoltWinters, KnowsTheSeason)
{
    rows series = weekly(140);
    series[130] = 110; // a day like any other
    const char* params = R"({"factor": 4, "absolute_errors": false})";
    EXPECT_EQ(anomalies("holt_winters", params, series), (positions{130}));
}

TEST(HoltWinters, AnAnomalyMayBePassedOver)
{
    rows series = weekly(140);
    series[100] = 5000;
    series[101] = 112; // no weekend
    const char* learned = R"({"factor": 5, "absolute_errors": false})";
    EXPECT_EQ(judge_all("holt_winters", learned, series)[101].is_anomaly, false) << "the errors are wide by now";
    const char* ignored = R"({"factor": 5, "absolute_errors": false, "ignore_anomalies": true})";
    EXPECT_EQ(anomalies("holt_winters", ignored, series), (positions{100, 101}));
}

TEST(HoltWinters, AMissingValueKeepsItsPlace)
{
    rows series = weekly(140);
    series[20].reset();
    series[50].reset();
    series[51] = nan;
    const char* params = R"({"factor": 5, "absolute_errors": false})";
    EXPECT_EQ(anomalies("holt_winters", params, series), (positions{51}));
    rows shifted = weekly(140);
    shifted.erase(shifted.begin() + 100); // the row is not there: the season comes a day early
    EXPECT_TRUE(judge_all("holt_winters", params, shifted)[103].is_anomaly);
    rows empty(30);
    empty.emplace_back(1);
    EXPECT_EQ(last("holt_winters", "{}", empty).reason, "too little history: 0 of 7 values");
}

} // namespace
} // namespace etl::anomaly
