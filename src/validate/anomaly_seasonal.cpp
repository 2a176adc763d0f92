// Values with a season, such as that of the week: against the forecast of a Holt-Winters model (holt_winters).
//
// A row is judged by a model of the rows before it. Fitting the model anew for every row would take quadratic time; so
// it is fitted again when the history has grown by an eighth, and meanwhile only takes the new values. What a row is
// judged by never depends on rows after it.
#include "validate/holt_winters.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/cpp_only.hpp"

namespace etl::anomaly {
namespace {

class holt_winters_detector final : public detector {
  public:
    struct options {
        std::size_t period;
        std::size_t training; // 0 for all rows before
        bool absolute_errors;
        bool ignore_anomalies;
        factors of;
    };
    holt_winters_detector(const options& with, std::pmr::memory_resource* memory, poll_fn poll)
        : with_{with}, series_(memory), model_{with.period, memory}, poll_{poll}
    {
    }

  private:
    verdict weigh(double value) override
    {
        const std::size_t need = std::max(2 * with_.period, with_.training);
        if (rows_ < need) {
            return too_little_history(static_cast<std::int64_t>(rows_), static_cast<std::int64_t>(need));
        }
        if (known_ < with_.period) {
            return too_little_history(static_cast<std::int64_t>(known_), static_cast<std::int64_t>(with_.period));
        }
        fit_when_due();
        const double forecast = model_.forecast(with_.training > 0 ? rows_ - with_.training : 0);
        const double spread = with_.absolute_errors ? model_.absolute_error_deviation() : model_.error_deviation();
        const double slack = largest_ * rounding;
        const double off = std::abs(value - forecast) <= slack ? 0 : value - forecast;
        const limits bounds = limits_around(forecast - slack, forecast + slack, spread, with_.of);
        return judged(value, bounds, forecast, in_units(off, spread),
                      [&] { return "forecast " + text_of(forecast) + ", deviation of errors " + text_of(spread); });
    }

    void learn(double value, bool is_anomaly) override
    {
        if (is_anomaly && with_.ignore_anomalies) { // as if it were missing
            pass_over();
            return;
        }
        if (is_learning()) {
            largest_ = std::max(largest_, std::abs(value));
            ++known_;
        }
        take(value);
    }

    void pass_over() override { take(std::numeric_limits<double>::quiet_NaN()); }

    void take(double value)
    {
        if (is_learning()) {
            series_.push_back(value);
            if (next_fit_ > 0) {
                model_.take(value);
            }
        }
        ++rows_;
    }

    bool is_learning() const noexcept { return with_.training == 0 || rows_ < with_.training; }

    void fit_when_due()
    {
        const std::size_t length = series_.size();
        if (length < next_fit_ || (with_.training > 0 && next_fit_ > 0)) {
            return;
        }
        const bool wide = length >= next_wide_fit_;
        smoothing_ = fit(model_, series_, smoothing_, wide, poll_);
        next_fit_ = length + std::max<std::size_t>(1, length / 8);
        next_wide_fit_ = wide ? 2 * length : next_wide_fit_;
    }

    // Of the largest value: an error below it is the arithmetic's and not the series'.
    static constexpr double rounding = 1e-9;

    options with_;
    std::pmr::vector<double> series_; // what the model learns from; NaN where a value is missing
    seasonal_model model_;
    smoothing smoothing_;
    std::size_t next_fit_ = 0; // the length of the series that makes it due; 0 before the first
    std::size_t next_wide_fit_ = 0;
    std::size_t rows_ = 0;
    std::size_t known_ = 0;
    double largest_ = 0;
    poll_fn poll_;
};

} // namespace

std::unique_ptr<detector> make_holt_winters(const settings& from, std::pmr::memory_resource* memory, poll_fn poll)
{
    const std::int64_t period = from.whole("period");
    const std::int64_t training = from.whole_if("training").value_or(0);
    if (training > 0 && training < 2 * period) {
        throw error(sqlstate::invalid_parameter_value,
                    "training of " + std::to_string(training) + " rows is shorter than two periods of " +
                        std::to_string(period),
                    {}, "Train on " + std::to_string(2 * period) + " rows at least.");
    }
    return std::make_unique<holt_winters_detector>(
        holt_winters_detector::options{static_cast<std::size_t>(period), static_cast<std::size_t>(training),
                                       from.flag("absolute_errors"), from.flag("ignore_anomalies"), factors_of(from)},
        memory, poll);
}

} // namespace etl::anomaly
