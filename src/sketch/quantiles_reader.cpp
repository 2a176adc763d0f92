#include "sketch/quantiles_reader.hpp"

#include "sketch/double_order.hpp"
#include "sketch/histogram.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

// As short as tells it from any other number.
std::string in_text(double value)
{
    if (std::isnan(value)) {
        return "NaN";
    }
    char digits[32];
    return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

} // namespace

quantiles_reader::quantiles_reader(std::span<const std::byte> state, poll_fn poll) : poll_{poll}
{
    quantiles::contents read = quantiles::read(state);
    count_ = read.count;
    nans_ = read.nans;
    least_ = read.least;
    greatest_ = read.greatest;
    above_ = read.above;
    below_ = read.below;
    sort_doubles(read.levels[0]);

    struct weighted {
        double value;
        std::uint64_t weight;
    };
    std::vector<weighted> all;
    for (std::size_t h = 0; h < read.levels.size(); ++h) {
        const auto middle = static_cast<std::ptrdiff_t>(all.size());
        for (const double value : read.levels[h]) {
            all.push_back({value, std::uint64_t{1} << h});
        }
        std::inplace_merge(all.begin(), all.begin() + middle, all.end(),
                           [](const weighted& a, const weighted& b) { return a.value < b.value; });
        poll();
    }
    poller stop{poll};
    std::uint64_t rank = 0;
    for (const weighted& item : all) {
        values_.push_back(item.value);
        ranks_.push_back(rank += item.weight);
        stop.tick();
    }
}

std::optional<double> quantiles_reader::least() const noexcept
{
    if (count() == 0) {
        return std::nullopt;
    }
    return count_ > 0 ? least_ : std::numeric_limits<double>::quiet_NaN();
}

std::optional<double> quantiles_reader::greatest() const noexcept
{
    if (count() == 0) {
        return std::nullopt;
    }
    return nans_ == 0 ? greatest_ : std::numeric_limits<double>::quiet_NaN();
}

// Ranks count from 1. The extremes are known exactly.
double quantiles_reader::value_of_rank(std::uint64_t rank) const
{
    if (rank > count_) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    if (rank <= 1 || rank == count_) {
        return rank <= 1 ? least_ : greatest_;
    }
    const auto found = std::lower_bound(ranks_.begin(), ranks_.end(), rank);
    return found == ranks_.end() ? greatest_ : values_[static_cast<std::size_t>(found - ranks_.begin())];
}

// As PostgreSQL's percentile_cont, but for two things: the values between two equal infinities are that infinity, and
// a difference beyond the largest double is no reason to give another value than one between the two.
double quantiles_reader::interpolated(double fraction) const
{
    const double position = fraction * static_cast<double>(count() - 1);
    const double before = std::floor(position);
    const double low = value_of_rank(static_cast<std::uint64_t>(before) + 1);
    const double high = value_of_rank(static_cast<std::uint64_t>(std::ceil(position)) + 1);
    const double share = position - before;
    if (low == high || share == 0) {
        return low;
    }
    const double difference = high - low;
    if (std::isinf(difference) && std::isfinite(low) && std::isfinite(high)) {
        return low * (1 - share) + high * share;
    }
    return low + share * difference;
}

std::optional<double> quantiles_reader::at(double fraction) const
{
    if (!(fraction >= 0 && fraction <= 1)) {
        throw error(sqlstate::invalid_parameter_value, "fraction must be between 0 and 1, not " + in_text(fraction));
    }
    if (count() == 0) {
        return std::nullopt;
    }
    if (is_exact()) {
        return interpolated(fraction);
    }
    const double rank = std::ceil(fraction * static_cast<double>(count()));
    return value_of_rank(std::min(static_cast<std::uint64_t>(rank), count()));
}

std::optional<double> quantiles_reader::up_to(double value) const
{
    if (count() == 0) {
        return std::nullopt;
    }
    if (std::isnan(value)) {
        return 1;
    }
    std::uint64_t rank = 0;
    if (count_ > 0 && value >= greatest_) {
        rank = count_;
    } else if (count_ > 0 && value >= least_) {
        const auto after = std::upper_bound(values_.begin(), values_.end(), value) - values_.begin();
        rank = after == 0 ? 0 : ranks_[static_cast<std::size_t>(after) - 1];
    }
    return static_cast<double>(rank) / static_cast<double>(count());
}

double quantiles_reader::rank_error() const noexcept
{
    return count() == 0 ? 0 : static_cast<double>(std::max(above_, below_)) / static_cast<double>(count());
}

std::vector<double> quantiles_reader::edges(int ranges) const
{
    constexpr int most = histogram::most_edges - 1;
    if (ranges < 1 || ranges > most) {
        throw error(sqlstate::invalid_parameter_value,
                    "bins must be from 1 to " + std::to_string(most) + ", not " + std::to_string(ranges));
    }
    if (count_ == 0) {
        throw error(sqlstate::invalid_parameter_value, "there are no edges between no values",
                    "The quantiles are of NULL and NaN alone.");
    }
    poller stop{poll_};
    std::vector<double> result{least_};
    for (int i = 1; i <= ranges; ++i) {
        const double share = static_cast<double>(i) / ranges;
        const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
        const double edge = value_of_rank(std::min(rank, count_));
        if (edge > result.back()) {
            result.push_back(edge);
        }
        stop.tick();
    }
    if (result.size() == 1) {
        const double next = std::nextafter(least_, std::numeric_limits<double>::infinity());
        result = least_ < next ? std::vector{least_, next} : std::vector{std::nextafter(least_, 0.0), least_};
    }
    return result;
}

} // namespace etl
