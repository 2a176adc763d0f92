// Anomalies in a series of numbers, such as a metric by day: is the next value one to look at?
//
// A strategy says what is normal; a detector is a strategy at work on one series. It gets the series' rows in order,
// one by one, and answers each with a verdict. Most strategies judge a row by the rows before it alone; some want to
// know all rows first. The strategies and their parameters are those of the deequ library's anomaly detection, and
// two that statisticians prefer for skewed data: the median absolute deviation and Tukey's fences.
#pragma once

#include "core/error.hpp"

#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etl::anomaly {

struct verdict {
    bool is_anomaly = false;
    std::optional<double> expected; // what the strategy takes for normal
    std::optional<double> lower;    // a value below is an anomaly; nothing where there is no such bound
    std::optional<double> upper;
    std::optional<double> score; // how far from normal, in the strategy's own measure; its sign tells the direction
    std::string reason;          // why it is an anomaly, or why it could not be judged; empty for a normal value
};

class detector {
  public:
    detector() = default;
    detector(const detector&) = delete;
    detector& operator=(const detector&) = delete;
    virtual ~detector() = default;

    // Whether prepare() must be called first.
    virtual bool reads_ahead() const noexcept { return false; }

    // The finite values of the whole series, in order; those who look at them keep them.
    virtual void prepare(std::pmr::vector<double> /*values*/) {} // NOLINT(performance-unnecessary-value-param)

    // The next row. A row without a value is passed over. NaN is an anomaly: it is no number to expect. An infinite
    // value is held against the bounds; neither of the two counts as history.
    verdict judge(std::optional<double> value);

  private:
    // The verdict on a number, which may be infinite, by what has been learned.
    virtual verdict weigh(double value) = 0;

    // Takes the value, a finite one, into the history.
    virtual void learn(double value, bool is_anomaly) = 0;

    // A row went by without a finite value.
    virtual void pass_over() {}
};

// A detector of a strategy with the parameters of a JSON object, those left out at their defaults. Throws where there
// is no such strategy or parameter (naming the nearest), or a parameter's value is not fit.
std::unique_ptr<detector> make_detector(std::string_view strategy, std::string_view params,
                                        std::pmr::memory_resource* memory, poll_fn poll);

// What there is, for the reference: name, parameters with their defaults as a JSON object, meaning.
struct strategy_description {
    std::string name;
    std::string parameters;
    std::string meaning;
};
std::vector<strategy_description> describe_strategies();

} // namespace etl::anomaly
