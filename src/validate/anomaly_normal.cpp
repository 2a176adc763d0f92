// Mean and standard deviation: of all values (batch_normal) or of those so far (online_normal).
#include "validate/anomaly_detectors.hpp"

#include <string>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::anomaly {
namespace {

verdict judged_by_mean(double value, double mean, double deviation, const factors& of)
{
    return judged(value, limits_around(mean, mean, deviation, of), mean, in_units(value - mean, deviation),
                  [&] { return "mean " + text_of(mean) + ", standard deviation " + text_of(deviation); });
}

// Each value against all others (or all, itself among them). The moments of all others are those of the values before
// merged with those of the values after: taking one value out of the moments of all would leave nothing but rounding
// where that value is a great outlier, which is the case that matters.
class batch_normal_detector final : public detector {
  public:
    batch_normal_detector(factors factors, bool include, std::int64_t least, std::pmr::memory_resource* memory)
        : factors_{factors}, include_{include}, least_{least}, from_(memory)
    {
    }

    bool reads_ahead() const noexcept override { return true; }

    void prepare(std::pmr::vector<double> values) override
    {
        from_.assign(values.size() + 1, moments{});
        for (std::size_t i = values.size(); i-- > 0;) {
            from_[i] = from_[i + 1];
            from_[i].add(values[i]);
        }
    }

  private:
    verdict weigh(double value) override
    {
        const moments basis = include_ ? from_[0] : others(std::isfinite(value));
        if (basis.count < least_) {
            return too_little_history(basis.count, least_);
        }
        return judged_by_mean(value, basis.mean, basis.sample_deviation(), factors_);
    }

    moments others(bool counts_itself) const
    {
        moments made = before_;
        made.add(from_[static_cast<std::size_t>(before_.count) + (counts_itself ? 1 : 0)]);
        return made;
    }

    void learn(double value, bool /*is_anomaly*/) override { before_.add(value); }

    factors factors_;
    bool include_;
    std::int64_t least_;
    std::pmr::vector<moments> from_; // of the values from each one to the last
    moments before_;
};

class online_normal_detector final : public detector {
  public:
    struct options {
        factors of;
        double ignore_start;
        bool ignore_anomalies;
        bool include;
        std::int64_t least;
    };
    explicit online_normal_detector(const options& with) : with_{with} {}

    // To know how many values the beginning is that is only learned from.
    bool reads_ahead() const noexcept override { return with_.ignore_start > 0; }
    void prepare(std::pmr::vector<double> values) override
    {
        start_ = static_cast<double>(values.size()) * with_.ignore_start;
    }

  private:
    verdict weigh(double value) override
    {
        if (seen_ < with_.least) {
            return too_little_history(seen_, with_.least);
        }
        if (static_cast<double>(seen_) < start_) {
            return {false, {}, {}, {}, {}, "in the first values, which are only learned from"};
        }
        moments basis = kept_;
        if (with_.include && std::isfinite(value)) {
            basis.add(value);
        }
        return judged_by_mean(value, basis.mean, basis.deviation(), with_.of);
    }

    void learn(double value, bool is_anomaly) override
    {
        ++seen_;
        if (!is_anomaly || !with_.ignore_anomalies) {
            kept_.add(value);
        }
    }

    options with_;
    double start_ = 0;
    std::int64_t seen_ = 0;
    moments kept_;
};

} // namespace

std::unique_ptr<detector> make_batch_normal(const settings& from, std::pmr::memory_resource* memory, poll_fn /*poll*/)
{
    return std::make_unique<batch_normal_detector>(factors_of(from), from.flag("include_interval"),
                                                   from.whole("min_history"), memory);
}

std::unique_ptr<detector> make_online_normal(const settings& from, std::pmr::memory_resource* /*memory*/,
                                             poll_fn /*poll*/)
{
    return std::make_unique<online_normal_detector>(online_normal_detector::options{
        factors_of(from), from.number("ignore_start_percentage"), from.flag("ignore_anomalies"),
        from.flag("include_interval"), from.whole("min_history")});
}

} // namespace etl::anomaly
