// An estimation from JSON to JSON: what it is asked for, and the trained model with the record of its training.
#pragma once

#include "dedupe/match_estimate.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etl::dedupe {

// A pattern as it is given: one byte a comparison, and how many pairs have it.
struct given_pattern {
    std::string_view levels;
    std::int64_t count;
    // The blocking rule that finds the pairs, from 1 on; less than 0 where an earlier rule has found them already; 0
    // for random pairs.
    std::int32_t rule;
};

struct training_request {
    std::string_view model;
    std::span<const given_pattern> random;
    std::span<const given_pattern> pairs;
    std::string_view excluded; // {"1": ["surname"], …}: the comparisons that a blocking rule decides
    double total_pairs;
    std::string_view options;
};

// The model with "m", "u", "probability_two_random_records_match" and "training". Throws etl::error on what does not
// fit the model.
std::string train_model(const training_request& request, poll_fn poll);

} // namespace etl::dedupe
