// Strategies that a few wild values do not lead astray, because they go by ranks: the median absolute deviation (mad)
// and Tukey's fences (iqr).
//
// The history is kept in order as it grows, and shrinks at its far end where a window is given; so a row costs some
// hundred steps, however long the history is.
#include "validate/anomaly_detectors.hpp"
#include "validate/rank_counts.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::anomaly {
namespace {

struct history_options {
    bool whole_partition;
    std::int64_t window; // 0 for all values before
    std::int64_t least;
};

history_options history_of(const settings& from)
{
    const bool whole = from.choice("history") == "partition";
    const auto window = from.whole_if("window");
    if (whole && window) {
        throw error(sqlstate::invalid_parameter_value,
                    "strategy " + std::string{from.strategy()} + " has no window where its history is the partition",
                    {}, R"(Leave out "window", or "history".)");
    }
    std::int64_t least = from.whole("min_history");
    if (window && *window < least) {
        if (from.is_given("min_history")) {
            throw error(sqlstate::invalid_parameter_value,
                        "a window of " + std::to_string(*window) + " never holds min_history " + std::to_string(least) +
                            " values",
                        {}, "Give a longer window or a smaller min_history.");
        }
        least = *window;
    }
    return {whole, window.value_or(0), least};
}

// What both do: keep the history in order, and describe it once in a while.
template <class Measure>
class rank_detector final : public detector {
  public:
    rank_detector(factors factors, history_options history, std::pmr::memory_resource* memory)
        : factors_{factors}, history_{history}, values_(memory), ranks_{memory}
    {
    }

    bool reads_ahead() const noexcept override { return true; }

    void prepare(std::pmr::vector<double> values) override
    {
        ranks_.prepare(values);
        if (history_.whole_partition) {
            for (const double value : values) {
                ranks_.add(value);
            }
        } else if (history_.window > 0) {
            values_ = std::move(values);
        }
    }

  private:
    verdict weigh(double value) override
    {
        const auto have = static_cast<std::int64_t>(ranks_.size());
        if (have < history_.least) {
            return too_little_history(have, history_.least);
        }
        if (!measured_ || !history_.whole_partition) {
            measured_.emplace(ranks_);
        }
        return measured_->judge(value, factors_);
    }

    void learn(double value, bool /*is_anomaly*/) override
    {
        if (history_.whole_partition) {
            return;
        }
        ranks_.add(value);
        if (history_.window > 0 && static_cast<std::int64_t>(ranks_.size()) > history_.window) {
            ranks_.remove(values_[oldest_++]);
        }
    }

    factors factors_;
    history_options history_;
    std::pmr::vector<double> values_; // where a window moves on
    rank_counts ranks_;
    std::size_t oldest_ = 0;
    std::optional<Measure> measured_;
};

// The modified z-score of B. Iglewicz and D. C. Hoaglin, "How to detect and handle outliers", 1993: 0.6745 is what the
// median absolute deviation of the normal distribution is to its standard deviation.
struct median_deviation {
    static constexpr double of_normal = 0.6745;

    explicit median_deviation(const rank_counts& of) : median{of.quantile(0.5)}, deviation{of.median_distance(median)}
    {
    }

    verdict judge(double value, const factors& of) const
    {
        const double spread = deviation / of_normal;
        return judged(value, limits_around(median, median, spread, of), median, in_units(value - median, spread), [&] {
            return "median " + text_of(median) + ", median absolute deviation " + text_of(deviation);
        });
    }

    double median;
    double deviation;
};

// The fences of J. W. Tukey, "Exploratory data analysis", 1977, around quartiles as percentile_cont has them.
struct quartiles {
    explicit quartiles(const rank_counts& of)
        : first{of.quantile(0.25)}, median{of.quantile(0.5)}, third{of.quantile(0.75)}
    {
    }

    verdict judge(double value, const factors& of) const
    {
        const double range = third - first;
        const double outside = value - std::clamp(value, first, third);
        return judged(value, limits_around(first, third, range, of), median, in_units(outside, range),
                      [&] { return "quartiles " + text_of(first) + " and " + text_of(third); });
    }

    double first;
    double median;
    double third;
};

} // namespace

std::unique_ptr<detector> make_mad(const settings& from, std::pmr::memory_resource* memory, poll_fn /*poll*/)
{
    return std::make_unique<rank_detector<median_deviation>>(factors_of(from), history_of(from), memory);
}

std::unique_ptr<detector> make_iqr(const settings& from, std::pmr::memory_resource* memory, poll_fn /*poll*/)
{
    return std::make_unique<rank_detector<quartiles>>(factors_of(from), history_of(from), memory);
}

} // namespace etl::anomaly
