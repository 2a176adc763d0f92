// The additive model of Holt and Winters: a series is a level that moves along a trend, plus a season that repeats
// (C. C. Holt, "Forecasting seasonals and trends by exponentially weighted moving averages", 1957; P. R. Winters,
// "Forecasting sales by exponentially weighted moving averages", 1960).
//
// The recursion, its start from the first two periods and the measure of its errors are those of the deequ library, so
// that the same forecasts come out.
#pragma once

#include "core/error.hpp"
#include "validate/anomaly_detectors.hpp"

#include <memory_resource>
#include <span>
#include <vector>

namespace etl::anomaly {

// How fast the level, the trend and the season follow what is seen; each in [0, 1].
struct smoothing {
    double level = 0.3;
    double trend = 0.1;
    double season = 0.1;

    friend bool operator==(const smoothing&, const smoothing&) noexcept = default;
};

class seasonal_model {
  public:
    seasonal_model(std::size_t period, std::pmr::memory_resource* memory) : season_(period, 0.0, memory) {}

    // Begins with the first two periods of the series (at least so long) and takes all of its values. A value that is
    // NaN is missing: it keeps its place in the season, and the model goes on as forecast.
    void run(std::span<const double> series, const smoothing& with);

    // The next value.
    void take(double value) noexcept;

    // Sum of the squares of all one-step forecasts' errors over the series: run() for those who want no more.
    double squared_errors(std::span<const double> series, const smoothing& with);

    // The forecast of the next value, or of one some steps after it.
    double forecast(std::size_t steps = 0) const noexcept;

    // The root of the mean square of the errors: their standard deviation, as their mean is near 0.
    double error_deviation() const noexcept;

    // The standard deviation of the errors' absolute values, which is smaller: 0.6 of the former for normal errors.
    double absolute_error_deviation() const noexcept { return errors_.count > 1 ? errors_.sample_deviation() : 0; }

  private:
    void begin(std::span<const double> series, const smoothing& with);
    double advance(double value) noexcept;

    smoothing with_;
    double level_ = 0;
    double trend_ = 0;
    std::pmr::vector<double> season_;
    std::size_t phase_ = 0; // the next value's place in the season
    double squared_errors_ = 0;
    moments errors_; // their absolute values
};

// The smoothing with the least squared_errors() over the series, found by a search that starts from the given one, or
// from the best of it and a coarse grid where the search shall be wide. The model serves as scratch space and has been
// run() with the result afterwards.
smoothing fit(seasonal_model& model, std::span<const double> series, const smoothing& start, bool wide, poll_fn poll);

} // namespace etl::anomaly
