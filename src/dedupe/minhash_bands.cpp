#include "dedupe/minhash_bands.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

// Simpson's rule.
template <class F>
double integral(double from, double to, F&& f)
{
    constexpr int steps = 64;
    const double width = (to - from) / steps;
    double sum = f(from) + f(to);
    for (int i = 1; i < steps; ++i) {
        sum += (i % 2 == 1 ? 4 : 2) * f(from + i * width);
    }
    return sum * width / 3;
}

band_plan measured(double threshold, std::int32_t bands, std::int32_t rows)
{
    const auto shared = [=](double s) { return share_probability(s, bands, rows); };
    return {bands, rows, integral(0, threshold, shared),
            integral(threshold, 1, [&](double s) { return 1 - shared(s); })};
}

void require_fraction(double value, const char* name, const char* call)
{
    if (!(value > 0 && value < 1)) {
        char text[32];
        std::snprintf(text, sizeof text, "%.6g", value);
        throw error(sqlstate::invalid_parameter_value,
                    std::string{name} + " must be greater than 0 and less than 1, not " + text, {}, call);
    }
}

} // namespace

double share_probability(double similarity, std::int32_t bands, std::int32_t rows) noexcept
{
    return 1 - std::pow(1 - std::pow(similarity, rows), bands);
}

band_plan plan_bands(double threshold, std::int32_t k, double weight, poll_fn poll)
{
    require_fraction(threshold, "threshold", "Call etl.minhash_bands(text, threshold => 0.7).");
    require_fraction(weight, "false_negative_weight", "Call etl.minhash_bands(text, false_negative_weight => 0.9).");
    check_options({.k = k});
    band_plan best = {};
    double least = std::numeric_limits<double>::infinity();
    for (std::int32_t rows = 1; rows <= k; ++rows) {
        poll();
        // With rows fixed, more bands only move error from one side to the other: the sum has one minimum.
        std::int32_t low = 1;
        std::int32_t high = k / rows;
        const auto cost = [&](std::int32_t bands) {
            const band_plan plan = measured(threshold, bands, rows);
            return (1 - weight) * plan.false_positives + weight * plan.false_negatives;
        };
        while (low < high) {
            const std::int32_t middle = low + (high - low) / 2;
            if (cost(middle) <= cost(middle + 1)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        if (const double now = cost(low); now < least) {
            least = now;
            best = measured(threshold, low, rows);
        }
    }
    return best;
}

std::pmr::vector<std::int64_t> band_keys(std::span<const std::int32_t> of, const band_plan& plan,
                                         std::pmr::memory_resource* memory)
{
    std::pmr::vector<std::int64_t> keys{memory};
    if (of.empty()) {
        return keys;
    }
    const auto rows = static_cast<std::size_t>(plan.rows);
    keys.reserve(static_cast<std::size_t>(plan.bands));
    for (std::size_t band = 0; band < static_cast<std::size_t>(plan.bands); ++band) {
        const auto part = of.subspan(band * rows, rows);
        keys.push_back(static_cast<std::int64_t>(XXH3_64bits_withSeed(part.data(), part.size_bytes(), band)));
    }
    return keys;
}

double signature_similarity(std::span<const std::int32_t> a, std::span<const std::int32_t> b)
{
    if (a.size() != b.size()) {
        throw error(sqlstate::invalid_parameter_value,
                    "signatures of " + std::to_string(a.size()) + " and " + std::to_string(b.size()) +
                        " numbers cannot be compared",
                    "Both must be made by etl.minhash with the same k, n, unit and seed.");
    }
    std::size_t same = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        same += a[i] == b[i] ? 1 : 0;
    }
    return static_cast<double>(same) / static_cast<double>(a.size());
}

} // namespace etl::dedupe
