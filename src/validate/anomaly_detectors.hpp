// What the detectors share: bounds, running moments, and the words of their verdicts; and how each is made.
#pragma once

#include "validate/anomaly.hpp"
#include "validate/anomaly_settings.hpp"

#include <cmath>
#include <cstdint>
#include <memory>

namespace etl::anomaly {

// Which side of the bounds a value lies on.
enum class side { below, within, above };

struct limits {
    std::optional<double> lower;
    std::optional<double> upper;

    side of(double value) const noexcept
    {
        return lower && value < *lower ? side::below : upper && value > *upper ? side::above : side::within;
    }
};

// How far from the middle the bounds lie, in units of the spread; nothing for no bound.
struct factors {
    std::optional<double> lower;
    std::optional<double> upper;
};

// Of the parameters lower_deviation_factor and upper_deviation_factor, where they are given, else of factor. Throws
// where there is none on either side.
factors factors_of(const settings& from);

limits limits_around(double low, double high, double spread, const factors& of) noexcept;

// (value - middle) / spread; where nothing ever differed from the middle, every difference is infinite.
double in_units(double difference, double spread) noexcept;

// Number, mean and sum of squared differences from the mean, by Welford's method (B. P. Welford, "Note on a method for
// calculating corrected sums of squares and products", 1962) and merged by Chan's (T. F. Chan, G. H. Golub, R. J.
// LeVeque, 1979): neither subtracts large sums from each other.
struct moments {
    std::int64_t count = 0;
    double mean = 0;
    double squares = 0;

    void add(double value) noexcept;
    void add(const moments& other) noexcept;
    double deviation() const noexcept { return std::sqrt(squares / static_cast<double>(count)); }
    double sample_deviation() const noexcept { return std::sqrt(squares / static_cast<double>(count - 1)); }
};

// A number as a sentence has it.
std::string text_of(double number);

// Not judged: there are too few values to go by.
verdict too_little_history(std::int64_t have, std::int64_t need);

// The verdict by bounds; `basis` is called for an anomaly and says in words what the bounds come from.
template <class Basis>
verdict judged(double value, const limits& bounds, std::optional<double> expected, double score, Basis&& basis)
{
    verdict made{false, expected, bounds.lower, bounds.upper, score, {}};
    const side where = bounds.of(value);
    if (where != side::within) {
        made.is_anomaly = true;
        made.reason = where == side::above ? "above the upper bound " + text_of(*bounds.upper)
                                           : "below the lower bound " + text_of(*bounds.lower);
        const std::string by = basis();
        made.reason += by.empty() ? by : " (" + by + ")";
    }
    return made;
}

using maker = std::unique_ptr<detector> (*)(const settings&, std::pmr::memory_resource*, poll_fn);

std::unique_ptr<detector> make_simple_threshold(const settings&, std::pmr::memory_resource*, poll_fn);
std::unique_ptr<detector> make_absolute_change(const settings&, std::pmr::memory_resource*, poll_fn);
std::unique_ptr<detector> make_relative_change(const settings&, std::pmr::memory_resource*, poll_fn);
std::unique_ptr<detector> make_batch_normal(const settings&, std::pmr::memory_resource*, poll_fn);
std::unique_ptr<detector> make_online_normal(const settings&, std::pmr::memory_resource*, poll_fn);
std::unique_ptr<detector> make_holt_winters(const settings&, std::pmr::memory_resource*, poll_fn);
std::unique_ptr<detector> make_mad(const settings&, std::pmr::memory_resource*, poll_fn);
std::unique_ptr<detector> make_iqr(const settings&, std::pmr::memory_resource*, poll_fn);

} // namespace etl::anomaly
