// The weight of a pair of rows: the evidence of all comparisons, added up.
#pragma once

#include "dedupe/match_model.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace etl::dedupe {

// The two values of a comparison.
struct compared_values {
    match_value a;
    match_value b;
};

// The level of each comparison: one byte each. All spans are as long as the model has comparisons.
void find_levels(const match_model& model, std::span<const compared_values> values, std::span<std::uint8_t> levels,
                 poll_fn poll);

// A trained model, ready to weigh: its logarithms are taken.
class match_weigher {
  public:
    // Throws where the model is not trained. The model must outlive the weigher.
    explicit match_weigher(const match_model& model);

    // log2 of the odds that the rows are of one entity, given all comparisons.
    microbits weight(std::span<const compared_values> values, poll_fn poll) const;

    // The same from levels alone: without the frequencies of texts.
    microbits weight_of_levels(std::span<const std::uint8_t> levels) const noexcept;

    // The parts of the weight as a JSON text; the weights of its parts sum up to "match_weight" exactly.
    std::string explain(std::span<const compared_values> values, poll_fn poll) const;

  private:
    struct comparison_weights {
        const match_comparison* comparison;
        std::vector<microbits> levels;
    };
    // What is added because of how rare the text is that both share; 0 where this does not count.
    microbits rarity(std::size_t comparison, std::uint8_t level, const match_value& shared) const noexcept;
    std::string explained(std::size_t comparison, const compared_values& values, microbits& sum, poll_fn poll) const;

    std::vector<comparison_weights> comparisons_;
    microbits prior_;
};

// The probability that a weight stands for.
double probability_of(double weight) noexcept;

} // namespace etl::dedupe
