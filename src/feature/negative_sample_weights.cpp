#include "feature/negative_sample_weights.hpp"

#include <bit>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

double sum_of(std::span<const double> weights, poller& stop)
{
    double sum = 0;
    for (const double weight : weights) {
        sum += weight;
        stop.tick();
    }
    return sum;
}

} // namespace

// A column has room for the mean weight. What lacks to it in a column of a light item is taken from a heavy one, which
// then may be light itself.
alias_table::alias_table(std::span<const double> weights, poll_fn poll, std::pmr::memory_resource* memory)
    : columns_(weights.size(), memory)
{
    poller stop{poll};
    const double scale = static_cast<double>(weights.size()) / sum_of(weights, stop);
    std::pmr::vector<std::uint32_t> light{memory};
    std::pmr::vector<std::uint32_t> heavy{memory};
    for (std::uint32_t item = 0; item < weights.size(); ++item) {
        columns_[item] = {weights[item] * scale, item};
        (columns_[item].own < 1 ? light : heavy).push_back(item);
        stop.tick();
    }
    while (!light.empty() && !heavy.empty()) {
        column& filled = columns_[light.back()];
        column& giver = columns_[heavy.back()];
        light.pop_back();
        filled.alias = heavy.back();
        giver.own = giver.own + filled.own - 1;
        if (giver.own < 1) {
            light.push_back(heavy.back());
            heavy.pop_back();
        }
        stop.tick();
    }
    light.insert(light.end(), heavy.begin(), heavy.end());
    for (const std::uint32_t full : light) { // but for rounding
        columns_[full].own = 1;
        stop.tick();
    }
}

weight_tree::weight_tree(std::span<const double> weights, poll_fn poll, std::pmr::memory_resource* memory)
    : leaves_{std::bit_ceil(weights.size())}, weights_(2 * leaves_, memory)
{
    poller stop{poll};
    for (std::size_t item = 0; item < weights.size(); ++item) {
        weights_[leaves_ + item] = weights[item];
        stop.tick();
    }
    for (std::size_t node = leaves_ - 1; node > 0; --node) {
        weights_[node] = weights_[2 * node] + weights_[2 * node + 1];
        stop.tick();
    }
}

void weight_tree::set(std::uint32_t item, double weight) noexcept
{
    std::size_t node = leaves_ + item;
    weights_[node] = weight;
    while (node > 1) {
        node /= 2;
        weights_[node] = weights_[2 * node] + weights_[2 * node + 1];
    }
}

// Rounding never leads to where nothing is left.
std::uint32_t weight_tree::draw(random_numbers& random) const noexcept
{
    double at = random.fraction() * weights_[1];
    std::size_t node = 1;
    while (node < leaves_) {
        const double left = weights_[2 * node];
        const double right = weights_[2 * node + 1];
        const bool goes_right = right > 0 && at >= left;
        at -= goes_right ? left : 0;
        node = 2 * node + (goes_right ? 1 : 0);
    }
    return static_cast<std::uint32_t>(node - leaves_);
}

} // namespace etl::feature
