// Fixed bounds: of the value (simple_threshold), of its difference from the value before (absolute_change), of its
// ratio to it (relative_change).
#include "validate/anomaly_detectors.hpp"

#include <string>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::anomaly {
namespace {

// Bounds of which there must be one at least, the lower not above the upper.
limits required_limits(const settings& from, const char* lower, const char* upper)
{
    const limits made{from.number_if(lower), from.number_if(upper)};
    const std::string strategy{from.strategy()};
    if (!made.lower && !made.upper) {
        throw error(sqlstate::invalid_parameter_value, "strategy " + strategy + " needs " + lower + " or " + upper, {},
                    std::string{"Give one or both, as in {\""} + upper + "\": 100}.");
    }
    if (made.lower && made.upper && *made.lower > *made.upper) {
        throw error(sqlstate::invalid_parameter_value,
                    std::string{lower} + " " + text_of(*made.lower) + " of strategy " + strategy + " is greater than " +
                        upper + " " + text_of(*made.upper),
                    {}, std::string{"A value is normal from "} + lower + " to " + upper + ".");
    }
    return made;
}

double distance_outside(double value, const limits& bounds) noexcept
{
    switch (bounds.of(value)) {
    case side::below:
        return value - *bounds.lower;
    case side::above:
        return value - *bounds.upper;
    case side::within:
        break;
    }
    return 0;
}

class simple_threshold_detector final : public detector {
  public:
    explicit simple_threshold_detector(limits bounds) : bounds_{bounds} {}

  private:
    verdict weigh(double value) override
    {
        return judged(value, bounds_, {}, distance_outside(value, bounds_), [] { return std::string{}; });
    }
    void learn(double /*value*/, bool /*is_anomaly*/) override {}

    limits bounds_;
};

// A verdict on a rate, which is a change or a ratio; the bounds of the value follow from those of the rate.
// `what` is called for an anomaly and says what kind of rate it is.
template <class What>
verdict judged_by_rate(double rate, const limits& rates, const limits& bounds, double expected, What&& what)
{
    verdict made{false, expected, bounds.lower, bounds.upper, rate, {}};
    const side where = rates.of(rate);
    if (where != side::within) {
        made.is_anomaly = true;
        made.reason = what() + text_of(rate) + " is " +
                      (where == side::above ? "above " + text_of(*rates.upper) : "below " + text_of(*rates.lower));
    }
    return made;
}

std::optional<double> shifted(const std::optional<double>& bound, double by)
{
    return bound ? std::optional{*bound + by} : std::nullopt;
}

std::optional<double> scaled(const std::optional<double>& bound, double by)
{
    return bound ? std::optional{*bound * by} : std::nullopt;
}

// Keeps the last difference of each order below its own: the next value's difference takes one step for each.
class absolute_change_detector final : public detector {
  public:
    absolute_change_detector(limits rates, std::size_t order, std::pmr::memory_resource* memory)
        : rates_{rates}, last_(order, 0.0, memory)
    {
    }

  private:
    verdict weigh(double value) override
    {
        if (seen_ < last_.size()) {
            return too_little_history(static_cast<std::int64_t>(seen_), static_cast<std::int64_t>(last_.size()));
        }
        double change = value;
        double expected = 0; // the value whose difference would be none
        for (const double last : last_) {
            change -= last;
            expected += last;
        }
        return judged_by_rate(change, rates_, {shifted(rates_.lower, expected), shifted(rates_.upper, expected)},
                              expected, [] { return std::string{"change of "}; });
    }

    void learn(double value, bool /*is_anomaly*/) override
    {
        double difference = value;
        for (std::size_t order = 0; order < last_.size() && order <= seen_; ++order) {
            difference -= std::exchange(last_[order], difference);
        }
        seen_ += seen_ < last_.size() ? 1 : 0;
    }

    limits rates_;
    std::pmr::vector<double> last_;
    std::size_t seen_ = 0;
};

class relative_change_detector final : public detector {
  public:
    relative_change_detector(limits rates, std::size_t order, std::pmr::memory_resource* memory)
        : rates_{rates}, order_{order}, last_(memory)
    {
    }

  private:
    verdict weigh(double value) override
    {
        if (last_.size() < order_) {
            return too_little_history(static_cast<std::int64_t>(last_.size()), static_cast<std::int64_t>(order_));
        }
        const double before = last_[next_];
        limits bounds{scaled(rates_.lower, before), scaled(rates_.upper, before)};
        if (before < 0) {
            std::swap(bounds.lower, bounds.upper);
        }
        if (before == 0 && value == 0) { // no ratio, and no change
            return {false, before, bounds.lower, bounds.upper, {}, {}};
        }
        return judged_by_rate(value / before, rates_, bounds, before,
                              [&] { return "ratio to " + text_of(before) + " of "; });
    }

    void learn(double value, bool /*is_anomaly*/) override
    {
        if (last_.size() < order_) {
            last_.push_back(value);
        } else {
            last_[next_] = value;
            next_ = (next_ + 1) % order_;
        }
    }

    limits rates_;
    std::size_t order_;
    std::pmr::vector<double> last_; // a ring once it is full, the oldest at next_
    std::size_t next_ = 0;
};

} // namespace

std::unique_ptr<detector> make_simple_threshold(const settings& from, std::pmr::memory_resource* /*memory*/,
                                                poll_fn /*poll*/)
{
    return std::make_unique<simple_threshold_detector>(required_limits(from, "lower_bound", "upper_bound"));
}

std::unique_ptr<detector> make_absolute_change(const settings& from, std::pmr::memory_resource* memory,
                                               poll_fn /*poll*/)
{
    const limits rates = required_limits(from, "max_rate_decrease", "max_rate_increase");
    const auto order = static_cast<std::size_t>(from.whole("order"));
    if (order == 0) { // the value itself is held against the rates
        return std::make_unique<simple_threshold_detector>(rates);
    }
    return std::make_unique<absolute_change_detector>(rates, order, memory);
}

std::unique_ptr<detector> make_relative_change(const settings& from, std::pmr::memory_resource* memory,
                                               poll_fn /*poll*/)
{
    return std::make_unique<relative_change_detector>(required_limits(from, "max_rate_decrease", "max_rate_increase"),
                                                      static_cast<std::size_t>(from.whole("order")), memory);
}

} // namespace etl::anomaly
