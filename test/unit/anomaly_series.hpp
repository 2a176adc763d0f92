// Series of numbers and the verdicts on them, for the tests of anomaly detection.
#pragma once

#include "validate/anomaly.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace etl::anomaly {

inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double infinity = std::numeric_limits<double>::infinity();

using row = std::optional<double>;
using rows = std::vector<row>;
using positions = std::vector<std::size_t>;

inline std::vector<verdict> judge_all(std::string_view strategy, std::string_view params, const rows& series)
{
    const auto made = make_detector(strategy, params, std::pmr::get_default_resource(), never_poll);
    if (made->reads_ahead()) {
        std::pmr::vector<double> values;
        for (const row& value : series) {
            if (value && std::isfinite(*value)) {
                values.push_back(*value);
            }
        }
        made->prepare(std::move(values));
    }
    std::vector<verdict> verdicts;
    for (const row& value : series) {
        verdicts.push_back(made->judge(value));
    }
    return verdicts;
}

inline positions anomalies(std::string_view strategy, std::string_view params, const rows& series)
{
    const auto verdicts = judge_all(strategy, params, series);
    positions found;
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
        EXPECT_EQ(verdicts[i].is_anomaly, verdicts[i].is_anomaly && !verdicts[i].reason.empty()) << "row " << i;
        if (verdicts[i].is_anomaly) {
            found.push_back(i);
        }
    }
    return found;
}

inline verdict last(std::string_view strategy, std::string_view params, const rows& series)
{
    return judge_all(strategy, params, series).back();
}

inline positions range(std::size_t from, std::size_t to, std::size_t step = 1)
{
    positions made;
    for (std::size_t i = from; i <= to; i += step) {
        made.push_back(i);
    }
    return made;
}

} // namespace etl::anomaly
