#include "validate/rank_counts.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

// As float8's percentile_cont interpolates.
double between(double low, double high, double part) noexcept
{
    return low == high ? low : low + part * (high - low);
}

struct place {
    std::size_t index;
    double part; // of the way to the next
};

place place_of(double fraction, std::size_t count) noexcept
{
    const double exact = fraction * static_cast<double>(count - 1);
    const double whole = std::floor(exact);
    return {static_cast<std::size_t>(whole), exact - whole};
}

} // namespace

void rank_counts::prepare(std::pmr::vector<double> numbers)
{
    numbers_ = std::move(numbers);
    std::sort(numbers_.begin(), numbers_.end());
    numbers_.erase(std::unique(numbers_.begin(), numbers_.end()), numbers_.end());
    tree_.assign(numbers_.size() + 1, 0);
    size_ = 0;
}

void rank_counts::change(double number, int by)
{
    const auto found = std::lower_bound(numbers_.begin(), numbers_.end(), number);
    for (auto i = static_cast<std::size_t>(found - numbers_.begin()) + 1; i < tree_.size(); i += i & (~i + 1)) {
        tree_[i] += static_cast<std::uint64_t>(static_cast<std::int64_t>(by));
    }
    size_ += static_cast<std::size_t>(static_cast<std::ptrdiff_t>(by));
}

double rank_counts::at(std::size_t k) const noexcept
{
    std::size_t rank = 0;
    for (std::size_t step = std::bit_floor(tree_.size() - 1); step > 0; step /= 2) {
        if (rank + step < tree_.size() && tree_[rank + step] <= k) {
            rank += step;
            k -= tree_[rank];
        }
    }
    return numbers_[rank];
}

std::size_t rank_counts::count_less(double number) const noexcept
{
    const auto found = std::lower_bound(numbers_.begin(), numbers_.end(), number);
    std::size_t less = 0;
    for (auto i = static_cast<std::size_t>(found - numbers_.begin()); i > 0; i &= i - 1) {
        less += tree_[i];
    }
    return less;
}

double rank_counts::quantile(double fraction) const noexcept
{
    const auto [index, part] = place_of(fraction, size_);
    const double low = at(index);
    return part > 0 ? between(low, at(index + 1), part) : low;
}

// The distances of the numbers below the middle, taken downwards, ascend, and so do those of the others, taken
// upwards. So the k-th smallest of all is found by halving the question how many of the first k come from below.
double rank_counts::distance_at(std::size_t k, double middle, std::size_t less) const noexcept
{
    const std::size_t others = size_ - less;
    const auto below = [&](std::size_t i) { return middle - at(less - 1 - i); };
    const auto above = [&](std::size_t i) { return at(less + i) - middle; };
    std::size_t low = k > others ? k - others : 0;
    std::size_t high = std::min(k, less);
    while (low < high) { // the fewest from below such that the next from below is not nearer than the last from above
        const std::size_t taken = low + (high - low) / 2;
        if (below(taken) < above(k - taken - 1)) {
            low = taken + 1;
        } else {
            high = taken;
        }
    }
    if (low == less) {
        return above(k - low);
    }
    return k - low == others ? below(low) : std::min(below(low), above(k - low));
}

double rank_counts::median_distance(double middle) const noexcept
{
    const std::size_t less = count_less(middle);
    const auto [index, part] = place_of(0.5, size_);
    const double low = distance_at(index, middle, less);
    return part > 0 ? between(low, distance_at(index + 1, middle, less), part) : low;
}

} // namespace etl
