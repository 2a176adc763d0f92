#include "validate/statistics.hpp"

#include "validate/statistics_special.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

double sum(std::span<const double> values)
{
    return std::accumulate(values.begin(), values.end(), 0.0);
}

// numpy.allclose(value, 1) with its default tolerances.
bool is_about_one(double value)
{
    return std::abs(value - 1) <= 1e-8 + 1e-5;
}

// scipy.special.rel_entr
double relative_entropy(double p, double q)
{
    if (p > 0 && q > 0) {
        return p * std::log(p / q);
    }
    return p == 0 && q >= 0 ? 0 : std::numeric_limits<double>::infinity();
}

bool is_at_most(double value, std::optional<double> threshold)
{
    return !threshold || value <= *threshold;
}

std::vector<double> shares(std::span<const std::uint64_t> counts, std::uint64_t all)
{
    std::vector<double> made;
    for (const std::uint64_t count : counts) {
        made.push_back(static_cast<double>(count) / static_cast<double>(all));
    }
    return made;
}

// Observed shares, and the partition's weights after the holdout.
category_comparison compare(std::span<const double> weights, const category_counts& counts, double holdout)
{
    std::vector<std::uint64_t> all{counts.expected};
    all.insert(all.end(), counts.unexpected.begin(), counts.unexpected.end());
    category_comparison made{0, false, shares(all, std::accumulate(all.begin(), all.end(), std::uint64_t{0})), {}};
    for (const double weight : weights) {
        made.expected_weights.push_back(counts.unexpected.empty() ? weight : weight * (1 - holdout));
    }
    made.expected_weights.resize(all.size(), holdout / static_cast<double>(counts.unexpected.size()));
    return made;
}

} // namespace

bool is_categorical_partition(std::span<const double> weights)
{
    return is_about_one(sum(weights));
}

bool is_continuous_partition(std::span<const double> bins, std::span<const double> weights,
                             std::span<const double> tail_weights)
{
    return bins.size() == weights.size() + 1 && (tail_weights.empty() || tail_weights.size() == 2) &&
           std::adjacent_find(bins.begin(), bins.end(), [](double a, double b) { return !(a < b); }) == bins.end() &&
           is_about_one(sum(weights) + sum(tail_weights));
}

std::vector<double> equal_bins(double least, double greatest, std::size_t count)
{
    if (least == greatest) {
        least -= 0.5;
        greatest += 0.5;
    }
    std::vector<double> bins;
    const double width = (greatest - least) / static_cast<double>(count);
    for (std::size_t i = 0; i < count; ++i) {
        bins.push_back(least + width * static_cast<double>(i));
    }
    bins.push_back(greatest);
    return bins;
}

std::vector<double> automatic_bins(double least, double first_quartile, double third_quartile, double greatest,
                                   std::uint64_t n)
{
    constexpr double most_bins = 1e6; // of outliers far away
    const auto size = static_cast<double>(n);
    double count = std::ceil(std::log2(size + 1));
    const double spread = third_quartile - first_quartile;
    if (spread >= 1e-10) {
        count = std::max(count, std::ceil((greatest - least) / (2 * spread / std::pow(size, 1.0 / 3))));
    }
    if (!(least < greatest)) {
        return {least, greatest};
    }
    return equal_bins(least, greatest, static_cast<std::size_t>(std::min(count, most_bins)));
}

std::vector<double> extended_bins(std::vector<double> bins, double least, double greatest)
{
    std::sort(bins.begin(), bins.end());
    bins.erase(std::unique(bins.begin(), bins.end()), bins.end());
    if (bins.empty() || least < bins.front()) {
        bins.insert(bins.begin(), least);
    }
    if (greatest > bins.back()) {
        bins.push_back(greatest);
    }
    return bins;
}

double kl_divergence(std::span<const double> observed, std::span<const double> expected)
{
    const double all_observed = sum(observed);
    const double all_expected = sum(expected);
    double result = 0;
    for (std::size_t i = 0; i < observed.size(); ++i) {
        const double p = observed[i] / all_observed;
        const double q = expected[i] / all_expected;
        result += std::isnan(p) || std::isnan(q) ? not_a_number : relative_entropy(p, q);
    }
    return observed.empty() ? not_a_number : result;
}

category_comparison chi_square_test(std::span<const double> weights, const category_counts& counts, double p,
                                    double tail_weight_holdout)
{
    category_comparison made = compare(weights, counts, tail_weight_holdout);
    double rows = 0;
    for (const auto* list : {&counts.expected, &counts.unexpected}) {
        rows = std::accumulate(list->begin(), list->end(), rows);
    }
    double statistic = 0;
    for (std::size_t i = 0; i < made.expected_weights.size(); ++i) {
        const double expected = made.expected_weights[i] * rows;
        const double distance = made.observed_weights[i] * rows - expected;
        statistic += distance * distance / expected;
    }
    const auto degrees = static_cast<double>(made.expected_weights.size()) - 1;
    made.observed_value = std::isnan(statistic) || degrees <= 0 ? not_a_number : chi_square_sf(statistic, degrees);
    made.success = made.observed_value > p;
    const double all = sum(made.expected_weights);
    for (double& weight : made.expected_weights) {
        weight /= all;
    }
    return made;
}

category_comparison kl_divergence(std::span<const double> weights, const category_counts& counts,
                                  std::optional<double> threshold, double tail_weight_holdout)
{
    category_comparison made = compare(weights, counts, tail_weight_holdout);
    made.observed_value = kl_divergence(std::span<const double>{made.observed_weights}, made.expected_weights);
    made.success = is_at_most(made.observed_value, threshold);
    return made;
}

// The cross table's chi² needs each expected count to be above 0, so rows and columns without any are left out.
double cramers_phi(const std::vector<std::vector<std::uint64_t>>& table)
{
    std::vector<double> rows(table.size());
    std::vector<double> columns(table.empty() ? 0 : table.front().size());
    for (std::size_t i = 0; i < table.size(); ++i) {
        for (std::size_t j = 0; j < columns.size(); ++j) {
            rows[i] += static_cast<double>(table[i][j]);
            columns[j] += static_cast<double>(table[i][j]);
        }
    }
    const double all = sum(rows);
    const auto height = std::count_if(rows.begin(), rows.end(), [](double n) { return n > 0; });
    const auto width = std::count_if(columns.begin(), columns.end(), [](double n) { return n > 0; });
    const bool is_corrected = height == 2 && width == 2;
    double chi_square = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        for (std::size_t j = 0; j < columns.size(); ++j) {
            const double expected = rows[i] * columns[j] / all;
            if (expected > 0) {
                double distance = std::abs(static_cast<double>(table[i][j]) - expected);
                distance -= is_corrected ? std::min(0.5, distance) : 0;
                chi_square += distance * distance / expected;
            }
        }
    }
    const auto least = std::min(height, width);
    return least < 2 ? not_a_number
                     : std::clamp(std::sqrt(chi_square / all / static_cast<double>(least - 1)), 0.0, 1.0);
}

} // namespace etl::validate
