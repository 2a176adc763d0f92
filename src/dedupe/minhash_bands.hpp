// Locality-sensitive hashing of MinHash signatures (J. Leskovec, A. Rajaraman, J. D. Ullman, "Mining of Massive
// Datasets", section 3.4): a signature is cut into b bands of r numbers, and two texts are candidates when they agree
// in a whole band. Of Jaccard similarity s they are with probability 1 - (1 - s^r)^b, which rises most steeply near
// (1/b)^(1/r).
#pragma once

#include "dedupe/minhash.hpp"

#include <cstddef>
#include <span>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

struct band_plan {
    std::int32_t bands;
    std::int32_t rows;
    double false_positives; // the area under the curve below the threshold, 0 to 1
    double false_negatives; // and the area above the curve beyond it
};

double share_probability(double similarity, std::int32_t bands, std::int32_t rows) noexcept;

// The bands and rows with b * r <= k for which the weighted sum of both areas is least, as E. Zhu's datasketch chooses
// them: weight for the false negatives, 1 - weight for the false positives. Raises (22023) for a threshold or a weight
// that is not between 0 and 1.
band_plan plan_bands(double threshold, std::int32_t k, double weight, poll_fn poll = never_poll);

// A key for each band: equal for two signatures, but for a chance of 2^-64, only where they agree in this band. None of
// an empty signature, which must otherwise have at least bands * rows numbers.
std::pmr::vector<std::int64_t> band_keys(std::span<const std::int32_t> of, const band_plan& plan,
                                         std::pmr::memory_resource* memory);

// The share of places at which two signatures of the same length agree.
double signature_similarity(std::span<const std::int32_t> a, std::span<const std::int32_t> b);

} // namespace etl::dedupe
