#include "validate/holt_winters.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/cpp_only.hpp"

namespace etl::anomaly {
namespace {

constexpr double wide_step = 1.0 / 8;
constexpr double narrow_step = 1.0 / 32;
constexpr double finest_step = 1.0 / 256;
constexpr double worthwhile = 1e-9; // a part of the errors; the search ends where it gains less

bool is_missing(double value) noexcept
{
    return std::isnan(value);
}

double mean_of_known(std::span<const double> values, double otherwise) noexcept
{
    moments known;
    for (const double value : values) {
        if (!is_missing(value)) {
            known.add(value);
        }
    }
    return known.count > 0 ? known.mean : otherwise;
}

using point = std::array<double, 3>;

// The squared errors at points of the unit cube, and the best point so far.
class search {
  public:
    search(seasonal_model& model, std::span<const double> series, poll_fn poll)
        : model_{model}, series_{series}, poll_{poll}
    {
    }

    const point& best() const noexcept { return best_; }

    bool improves(point at)
    {
        poll_();
        for (double& coordinate : at) {
            coordinate = std::clamp(coordinate, 0.0, 1.0);
        }
        const double errors = model_.squared_errors(series_, {at[0], at[1], at[2]});
        if (!(errors < least_ * (1 - worthwhile))) {
            return false;
        }
        least_ = errors;
        best_ = at;
        return true;
    }

    void try_grid()
    {
        constexpr double steps[] = {0.05, 0.35, 0.8};
        for (const double a : steps) {
            for (const double b : steps) {
                for (const double c : steps) {
                    improves({a, b, c});
                }
            }
        }
    }

    // One step along each axis, up or down.
    bool explore(double step)
    {
        bool better = false;
        for (std::size_t axis = 0; axis < best_.size(); ++axis) {
            for (const double direction : {step, -step}) {
                point next = best_;
                next[axis] += direction;
                if (improves(next)) {
                    better = true;
                    break;
                }
            }
        }
        return better;
    }

    // Further in the direction that was good (R. Hooke, T. A. Jeeves, "Direct search solution of numerical and
    // statistical problems", 1961).
    void follow(const point& from)
    {
        point next = best_;
        for (std::size_t axis = 0; axis < next.size(); ++axis) {
            next[axis] += best_[axis] - from[axis];
        }
        improves(next);
    }

  private:
    seasonal_model& model_;
    std::span<const double> series_;
    poll_fn poll_;
    point best_{};
    double least_ = std::numeric_limits<double>::infinity();
};

} // namespace

void seasonal_model::begin(std::span<const double> series, const smoothing& with)
{
    with_ = with;
    const auto first = series.first(season_.size());
    const auto second = series.subspan(season_.size(), season_.size());
    const double first_mean = mean_of_known(first, mean_of_known(second, 0));
    const double second_mean = mean_of_known(second, first_mean);
    level_ = first_mean;
    trend_ = (second_mean - first_mean) / static_cast<double>(season_.size());
    for (std::size_t i = 0; i < season_.size(); ++i) {
        season_[i] = !is_missing(first[i])    ? first[i] - first_mean
                     : !is_missing(second[i]) ? second[i] - second_mean
                                              : 0;
    }
    phase_ = 0;
    squared_errors_ = 0;
    errors_ = {};
}

void seasonal_model::run(std::span<const double> series, const smoothing& with)
{
    begin(series, with);
    for (const double value : series) {
        take(value);
    }
}

double seasonal_model::squared_errors(std::span<const double> series, const smoothing& with)
{
    begin(series, with);
    double sum = 0;
    for (const double value : series) {
        const double error = advance(value);
        sum += is_missing(value) ? 0 : error * error;
    }
    return sum;
}

void seasonal_model::take(double value) noexcept
{
    const double error = advance(value);
    if (!is_missing(value)) {
        squared_errors_ += error * error;
        errors_.add(std::abs(error));
    }
}

// Moves on by one row and returns the error of its forecast.
double seasonal_model::advance(double value) noexcept
{
    double& season = season_[phase_];
    phase_ = phase_ + 1 == season_.size() ? 0 : phase_ + 1;
    const double drifted = level_ + trend_;
    if (is_missing(value)) {
        level_ = drifted;
        return 0;
    }
    const double error = value - (drifted + season);
    const double level = with_.level * (value - season) + (1 - with_.level) * drifted;
    season = with_.season * (value - drifted) + (1 - with_.season) * season;
    trend_ = with_.trend * (level - level_) + (1 - with_.trend) * trend_;
    level_ = level;
    return error;
}

double seasonal_model::error_deviation() const noexcept
{
    return errors_.count > 0 ? std::sqrt(squared_errors_ / static_cast<double>(errors_.count)) : 0;
}

double seasonal_model::forecast(std::size_t steps) const noexcept
{
    return level_ + static_cast<double>(steps + 1) * trend_ + season_[(phase_ + steps) % season_.size()];
}

smoothing fit(seasonal_model& model, std::span<const double> series, const smoothing& start, bool wide, poll_fn poll)
{
    search found{model, series, poll};
    found.improves({start.level, start.trend, start.season});
    if (wide) {
        found.try_grid();
    }
    for (double step = wide ? wide_step : narrow_step; step >= finest_step;) {
        const point from = found.best();
        if (found.explore(step)) {
            found.follow(from);
        } else {
            step /= 2;
        }
    }
    const smoothing made{found.best()[0], found.best()[1], found.best()[2]};
    model.run(series, made);
    return made;
}

} // namespace etl::anomaly
