// The Kullback-Leibler divergence of binned values: what is compared depends on which edges are infinite.
#include "validate/statistics.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

[[noreturn]] void refuse(const std::string& message)
{
    throw error(sqlstate::invalid_parameter_value, message);
}

void require_consistent(const continuous_expectation& expected)
{
    const bool is_open_left = std::isinf(expected.bins.front());
    const bool is_open_right = std::isinf(expected.bins.back());
    if (expected.tail_weight_holdout > 0 && !expected.tail_weights.empty()) {
        refuse("tail_weight_holdout must be 0 when the partition object has tail_weights");
    }
    if (is_open_left && is_open_right && expected.tail_weight_holdout > 0) {
        refuse("tail_weight_holdout cannot be used for partitions with infinite endpoints");
    }
    if ((is_open_left || is_open_right) && !expected.tail_weights.empty()) {
        refuse("there can be no tail weights for partitions with an endpoint at infinity");
    }
    if (expected.weights.size() < static_cast<std::size_t>(is_open_left) + static_cast<std::size_t>(is_open_right)) {
        refuse("invalid partition object");
    }
}

// The bins' weights after both holdouts.
std::vector<double> held_out(const continuous_expectation& expected)
{
    std::vector<double> weights{expected.weights};
    const double left = 1 - expected.tail_weight_holdout - expected.internal_weight_holdout;
    std::transform(weights.begin(), weights.end(), weights.begin(), [left](double weight) { return weight * left; });
    if (expected.internal_weight_holdout > 0) {
        const auto empty = std::count(weights.begin(), weights.end(), 0.0);
        std::replace(weights.begin(), weights.end(), 0.0,
                     expected.internal_weight_holdout / static_cast<double>(empty));
    }
    return weights;
}

// Weights from tail to tail: the outer ones are the tails, where there are no bins for them.
std::vector<double> with_tails(std::vector<double> weights, double left, double right, bool open_left, bool open_right)
{
    if (!open_left) {
        weights.insert(weights.begin(), left);
    }
    if (!open_right) {
        weights.push_back(right);
    }
    return weights;
}

std::vector<double> without_tails(const std::vector<double>& weights)
{
    return {weights.begin() + 1, weights.end() - 1};
}

} // namespace

std::ptrdiff_t bin_of(double value, std::span<const double> bins)
{
    if (value == bins.back()) {
        return static_cast<std::ptrdiff_t>(bins.size()) - 2;
    }
    return std::upper_bound(bins.begin(), bins.end(), value) - bins.begin() - 1;
}

std::uint64_t bin_counts::rows() const
{
    return std::accumulate(inside.begin(), inside.end(), below + above);
}

bin_comparison kl_divergence(const continuous_expectation& expected, const bin_counts& counts)
{
    require_consistent(expected);
    const bool open_left = std::isinf(expected.bins.front());
    const bool open_right = std::isinf(expected.bins.back());
    const auto rows = static_cast<double>(counts.rows());

    // A partition with one infinite edge gives the other tail the whole holdout.
    const double tail = expected.tail_weight_holdout / (open_left || open_right ? 1 : 2);
    const bool has_tails = !expected.tail_weights.empty();
    const auto wanted = with_tails(held_out(expected), has_tails ? expected.tail_weights[0] : tail,
                                   has_tails ? expected.tail_weights[1] : tail, open_left, open_right);
    std::vector<double> inside(counts.inside.size());
    std::transform(counts.inside.begin(), counts.inside.end(), inside.begin(),
                   [rows](std::uint64_t count) { return static_cast<double>(count) / rows; });
    const auto found = with_tails(std::move(inside), static_cast<double>(counts.below) / rows,
                                  static_cast<double>(counts.above) / rows, open_left, open_right);

    bin_comparison made;
    made.observed_value = kl_divergence(found, wanted);
    made.success = !expected.threshold || made.observed_value <= *expected.threshold;
    made.bins.assign(expected.bins.begin() + open_left, expected.bins.end() - open_right);
    made.observed_weights = without_tails(found);
    made.expected_weights = without_tails(wanted);
    made.observed_tail_weights = {found.front(), found.back()};
    made.expected_tail_weights = {wanted.front(), wanted.back()};
    return made;
}

} // namespace etl::validate
