// The mixture that an estimation fits: candidate pairs of several blocking rules, each a mixture of matches and others.
//
// The shares m of the levels among the matches are common to all rules; the share of matches is each rule's own. The
// shares u among the others are those of random pairs, from which a rule's own may depart: pairs with one postcode
// agree in their city more often than random pairs do, and would all be taken for matches otherwise. Expectation
// maximisation (A. P. Dempster, N. M. Laird, D. B. Rubin, 1977), as W. E. Winkler, "Using the EM Algorithm for Weight
// Computation in the Fellegi-Sunter Model of Record Linkage" (1988), applies it, with levels independent of each other
// given the class.
#pragma once

#include "core/error.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace etl::dedupe {

// Shares of the levels of each comparison: shares[comparison][level].
using level_table = std::vector<std::vector<double>>;

// Pairs with the same levels under the same rule.
struct counted_pattern {
    std::string levels; // a byte each; null_level where a value is missing
    double count;
    double unique; // of them, those that no earlier rule has found
};

struct rule_pairs {
    std::vector<counted_pattern> patterns; // sorted
    std::vector<bool> excluded;            // by comparison: the rule's blocking decides it, so it tells nothing
};

struct em_iteration {
    double log_likelihood;
    double change; // the greatest of any m and of any rule's share of matches
    std::vector<double> match_shares;
};

struct em_options {
    std::int32_t max_iterations = 200;
    double tolerance = 1e-5; // of the greatest change
};

// What match_mixture::fit needs besides the pairs.
struct em_given {
    const level_table& u;        // among random pairs that are no matches
    const level_table& expected; // m where no match tells of it: it weighs as much as two matches
    em_options options;
    poll_fn poll;
};

// The probability that each of the pairs is a match, by all comparisons that are not excluded.
std::vector<double> match_probabilities(const rule_pairs& pairs, const level_table& m, const level_table& u,
                                        double match_share);

class match_mixture {
  public:
    // The mixture refers to the rules, which must outlive it. u is where the rules' own begin.
    match_mixture(const std::vector<rule_pairs>& rules, level_table m, const level_table& u, double match_share);

    // Iterates until nothing changes by more than the tolerance.
    void fit(const em_given& given);

    // The probability that each pair of a rule is a match, by all comparisons that the rule does not exclude.
    std::vector<double> match_probabilities(std::size_t rule) const;

    const level_table& m() const noexcept { return m_; }
    const std::vector<double>& match_shares() const noexcept { return match_shares_; } // by rule
    const std::vector<double>& matches_seen() const noexcept { return matches_seen_; } // by comparison
    const std::vector<em_iteration>& iterations() const noexcept { return iterations_; }
    bool has_converged() const noexcept { return converged_; }

  private:
    struct class_counts;
    struct expectation;
    void expect_rule(std::size_t rule, expectation& sums, poller& stop) const;
    double maximise(const expectation& sums, const em_given& given);
    double maximise_rule(std::size_t rule, const class_counts& others, double matches, const level_table& u);

    const std::vector<rule_pairs>& rules_;
    level_table m_;
    std::vector<level_table> u_; // by rule
    std::vector<double> match_shares_;
    std::vector<double> matches_seen_;
    std::vector<em_iteration> iterations_;
    bool converged_ = false;
};

} // namespace etl::dedupe
