// What a match model learns: the shares of its levels among matches and among other pairs, and how rare matches are.
//
// u comes from random pairs. Among these are some matches too, and in a small table they are most of what agrees in an
// e-mail address: they are taken out by the probability of being one that the model itself gives. m comes from the
// candidate pairs of blocking rules (match_em.hpp). The prior is the number of matches among all candidates over the
// number of all pairs.
#pragma once

#include "dedupe/match_em.hpp"
#include "dedupe/match_model.hpp"

#include <optional>
#include <string>
#include <vector>

namespace etl::dedupe {

struct estimate_options {
    em_options em;
    double recall = 1;           // the share of all matches that the rules find
    std::optional<double> prior; // known, and not to be estimated
};

struct estimate_input {
    rule_pairs random; // nothing excluded
    std::vector<rule_pairs> rules;
    double total_pairs = 0;
    estimate_options options;
};

struct rule_summary {
    double pairs;
    double unique; // pairs that no earlier rule has found
    double matches;
    double match_share;
};

struct match_estimate {
    level_table m;
    level_table u;
    double prior;
    double matches; // among all candidates, each counted once
    std::vector<rule_summary> rules;
    std::vector<em_iteration> iterations;
    bool converged;
    std::vector<std::string> warnings;
};

// Sorts patterns and merges those that are equal, so that nothing depends on the order in which they come.
void merge_patterns(std::vector<counted_pattern>& patterns);

// m where nothing tells of it: most matches agree at the first level, few at none.
std::vector<double> expected_shares(std::size_t levels);

match_estimate estimate_match(const match_model& model, const estimate_input& input, poll_fn poll);

} // namespace etl::dedupe
