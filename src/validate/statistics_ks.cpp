#include "validate/statistics_ks.hpp"

#include "core/error.hpp"
#include "validate/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t most_draws = 10'000'000;

// SplitMix64 (Steele, Lea, Flood 2014), with a seed that never changes.
class generator {
  public:
    // Below a limit, all equally likely but for a bias of limit / 2^64.
    std::uint64_t below(std::uint64_t limit)
    {
        std::uint64_t x = state_ += 0x9e3779b97f4a7c15;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        x ^= x >> 31;
        return static_cast<std::uint64_t>(static_cast<unsigned __int128>(x) * limit >> 64);
    }

  private:
    std::uint64_t state_ = 20'150'101;
};

void require_bootstrap(const continuous_partition& expected, double p, std::size_t samples, std::size_t size)
{
    if (!is_continuous_partition(expected.bins, expected.weights, {})) {
        throw error(sqlstate::invalid_parameter_value, "invalid continuous partition object");
    }
    if (std::isinf(expected.bins.front()) || std::isinf(expected.bins.back())) {
        throw error(sqlstate::invalid_parameter_value, "partition endpoints must be finite");
    }
    if (!(p > 0 && p < 1)) {
        throw error(sqlstate::invalid_parameter_value, "p must be between 0 and 1 exclusive");
    }
    if (size > most_draws / samples) {
        throw error(sqlstate::invalid_parameter_value,
                    "bootstrap_samples and bootstrap_sample_size are too large: " + std::to_string(samples) + " and " +
                        std::to_string(size),
                    "At most " + std::to_string(most_draws) + " values are drawn.");
    }
}

} // namespace

void ks_test::add(double value, std::uint64_t rows)
{
    const double expected = expected_.cdf(value);
    const auto n = static_cast<double>(n_);
    const double below = expected - static_cast<double>(before_) / n;
    before_ += rows;
    const double above = static_cast<double>(before_) / n - expected;
    largest_ = std::isnan(expected) ? expected : std::max({largest_, below, above});
}

ks_result ks_test::result() const
{
    return n_ == 0 || std::isnan(largest_) ? ks_result{not_a_number, not_a_number}
                                           : ks_result{largest_, kolmogorov_sf(n_, largest_)};
}

bootstrapped_ks_test::bootstrapped_ks_test(continuous_partition expected, double p, std::uint64_t n,
                                           std::size_t samples, std::size_t sample_size)
    : expected_{std::move(expected)}, p_{p}, n_{n}, sample_size_{sample_size == 0 ? 2 * expected_.weights.size()
                                                                                  : sample_size}
{
    constexpr std::size_t default_samples = 1000;
    samples = samples == 0 ? default_samples : samples;
    require_bootstrap(expected_, p, samples, sample_size_);
    samples_.resize(samples);
    cdf_.resize(expected_.bins.size());
    std::partial_sum(expected_.weights.begin(), expected_.weights.end(), cdf_.begin() + 1);
    counts_.resize(expected_.weights.size() + 2);
    if (n_ > 0) {
        draw_rows();
    }
}

void bootstrapped_ks_test::draw_rows()
{
    generator random;
    draws_.reserve(samples_.size() * sample_size_);
    for (std::uint32_t sample = 0; sample < samples_.size(); ++sample) {
        for (std::size_t i = 0; i < sample_size_; ++i) {
            draws_.push_back({random.below(n_), sample});
        }
    }
    std::sort(draws_.begin(), draws_.end(), [](const draw& a, const draw& b) { return a.row < b.row; });
}

// Straight lines between the edges, level outside.
double bootstrapped_ks_test::expected_cdf(double x) const
{
    const auto& bins = expected_.bins;
    if (x <= bins.front() || x >= bins.back()) {
        return x <= bins.front() ? cdf_.front() : cdf_.back();
    }
    const auto right = static_cast<std::size_t>(std::upper_bound(bins.begin(), bins.end(), x) - bins.begin());
    const double slope = (cdf_[right] - cdf_[right - 1]) / (bins[right] - bins[right - 1]);
    return slope * (x - bins[right - 1]) + cdf_[right - 1];
}

void bootstrapped_ks_test::add(double value, std::uint64_t rows)
{
    count(value, rows);
    before_ += rows;
    if (next_draw_ == draws_.size() || draws_[next_draw_].row >= before_) {
        return;
    }
    const double expected = expected_cdf(value);
    const auto size = static_cast<double>(sample_size_);
    for (; next_draw_ < draws_.size() && draws_[next_draw_].row < before_; ++next_draw_) {
        sample& of = samples_[draws_[next_draw_].sample];
        const double below = expected - of.drawn / size;
        ++of.drawn;
        of.largest = std::isnan(value) ? value : std::max({of.largest, below, of.drawn / size - expected});
    }
}

// Bins hold their left edge, the last one its right edge as well.
void bootstrapped_ks_test::count(double value, std::uint64_t rows)
{
    const auto& bins = expected_.bins;
    least_ = before_ == 0 ? value : least_;
    greatest_ = value;
    auto at = static_cast<std::size_t>(std::upper_bound(bins.begin(), bins.end(), value) - bins.begin());
    at -= value == bins.back();
    counts_[at] += rows;
}

continuous_partition bootstrapped_ks_test::observed() const
{
    continuous_partition found{expected_.bins, {}};
    for (const std::uint64_t rows : counts_) {
        found.weights.push_back(static_cast<double>(rows) / static_cast<double>(n_));
    }
    if (counts_.back() > 0) {
        found.bins.push_back(greatest_);
    } else {
        found.weights.pop_back();
    }
    if (counts_.front() > 0) {
        found.bins.insert(found.bins.begin(), least_);
    } else {
        found.weights.erase(found.weights.begin());
    }
    return found;
}

// The distance from which on a sample's p-value is below p: it falls as the distance grows.
double bootstrapped_ks_test::smallest_unlikely_distance() const
{
    double likely = 0;
    double unlikely = 1;
    for (int i = 0; i < 60; ++i) {
        const double between = (likely + unlikely) / 2;
        (kolmogorov_sf(sample_size_, between) >= p_ ? likely : unlikely) = between;
    }
    return unlikely;
}

bootstrapped_ks_test::result bootstrapped_ks_test::finish() const
{
    result made{not_a_number, false, samples_.size(), sample_size_, {}, {0}, cdf_};
    if (n_ == 0) {
        return made;
    }
    const double limit = smallest_unlikely_distance();
    const auto likely =
        std::count_if(samples_.begin(), samples_.end(), [&](const auto& s) { return s.largest < limit; });
    made.observed_value = static_cast<double>(1 + likely) / static_cast<double>(1 + samples_.size());
    made.success = made.observed_value > p_;
    made.observed = observed();
    for (const double weight : made.observed.weights) {
        made.observed_cdf.push_back(made.observed_cdf.back() + weight);
    }
    return made;
}

} // namespace etl::validate
