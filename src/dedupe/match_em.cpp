#include "dedupe/match_em.hpp"

#include "dedupe/match_levels.hpp"

#include <algorithm>
#include <cmath>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

constexpr double matches_of_expectation = 2; // that many matches does the expected m weigh
constexpr double least_share = 1e-9;         // of matches: a class that is empty could never fill again

// How much the random pairs weigh in a rule's own u, as a share of the rule's pairs. Levels that depend on each other
// tell matches from others; with few comparisons there is little of that, and a u that is free would take it all.
double pull_of_u(const std::vector<bool>& excluded)
{
    switch (std::count(excluded.begin(), excluded.end(), false)) {
    case 0:
    case 1:
        return 1000; // as good as fixed
    case 2:
        return 2;
    default:
        return 0.25;
    }
}

level_table logarithms(const level_table& shares)
{
    level_table made = shares;
    for (auto& comparison : made) {
        for (double& share : comparison) {
            share = std::log(share);
        }
    }
    return made;
}

level_table zeros_like(const level_table& shares)
{
    level_table made = shares;
    for (auto& comparison : made) {
        std::fill(comparison.begin(), comparison.end(), 0.0);
    }
    return made;
}

// The two classes of a rule's pairs, as logarithms.
class classes {
  public:
    classes(const level_table& m, const level_table& u, double match_share, const std::vector<bool>& excluded)
        : m_{logarithms(m)}, u_{logarithms(u)}, match_{std::log(match_share)}, other_{std::log1p(-match_share)},
          excluded_{excluded}
    {
    }

    struct verdict {
        double match_probability;
        double log_likelihood;
    };

    verdict judge(const std::string& levels) const
    {
        double match = match_;
        double other = other_;
        for (std::size_t i = 0; i < levels.size(); ++i) {
            const auto level = static_cast<std::uint8_t>(levels[i]);
            if (level != null_level && !excluded_[i]) {
                match += m_[i][level];
                other += u_[i][level];
            }
        }
        const double greater = std::max(match, other);
        return {1 / (1 + std::exp(other - match)), greater + std::log1p(std::exp(std::min(match, other) - greater))};
    }

  private:
    level_table m_;
    level_table u_;
    double match_;
    double other_;
    const std::vector<bool>& excluded_;
};

// Sets a number and says by how much that changes it.
double change_to(double& number, double value)
{
    const double change = std::abs(number - value);
    number = value;
    return change;
}

double sum_of(const std::vector<double>& numbers)
{
    double sum = 0;
    for (const double each : numbers) {
        sum += each;
    }
    return sum;
}

// Sets shares to the counts' and those of `expected`, which weighs as much as `strength` pairs.
double share_out(std::vector<double>& shares, const std::vector<double>& counts, const std::vector<double>& expected,
                 double strength)
{
    const double all = sum_of(counts) + strength;
    double change = 0;
    for (std::size_t level = 0; level < shares.size(); ++level) {
        change = std::max(change, change_to(shares[level], (counts[level] + strength * expected[level]) / all));
    }
    return change;
}

} // namespace

// Pairs of one class, by comparison and level. A rule's excluded comparisons are left out.
struct match_mixture::class_counts {
    level_table levels;
    double pairs = 0;
};

// What the pairs are expected to be, given the parameters.
struct match_mixture::expectation {
    class_counts matches;             // of all rules
    std::vector<class_counts> others; // by rule
    std::vector<double> rule_matches; // by rule
    double log_likelihood = 0;
};

match_mixture::match_mixture(const std::vector<rule_pairs>& rules, level_table m, const level_table& u,
                             double match_share)
    : rules_{rules}, m_{std::move(m)}, u_(rules.size(), u), match_shares_(rules.size(), match_share),
      matches_seen_(m_.size(), 0.0)
{
}

void match_mixture::fit(const em_given& given)
{
    poller stop{given.poll};
    const class_counts none{zeros_like(m_), 0};
    converged_ = false;
    for (std::int32_t i = 0; i < given.options.max_iterations && !converged_; ++i) {
        expectation sums{none, std::vector<class_counts>(rules_.size(), none), std::vector<double>(rules_.size()), 0};
        for (std::size_t rule = 0; rule < rules_.size(); ++rule) {
            expect_rule(rule, sums, stop);
        }
        const double change = maximise(sums, given);
        iterations_.push_back({sums.log_likelihood, change, match_shares_});
        converged_ = change < given.options.tolerance;
        given.poll();
    }
}

void match_mixture::expect_rule(std::size_t rule, expectation& sums, poller& stop) const
{
    const rule_pairs& pairs = rules_[rule];
    const classes model{m_, u_[rule], match_shares_[rule], pairs.excluded};
    class_counts& others = sums.others[rule];
    for (const counted_pattern& each : pairs.patterns) {
        const auto [probability, log_likelihood] = model.judge(each.levels);
        const double matches = probability * each.count;
        sums.log_likelihood += log_likelihood * each.count;
        sums.rule_matches[rule] += matches;
        others.pairs += each.count - matches;
        for (std::size_t i = 0; i < each.levels.size(); ++i) {
            const auto level = static_cast<std::uint8_t>(each.levels[i]);
            if (level != null_level && !pairs.excluded[i]) {
                sums.matches.levels[i][level] += matches;
                others.levels[i][level] += each.count - matches;
            }
        }
        stop.tick();
    }
}

double match_mixture::maximise(const expectation& sums, const em_given& given)
{
    double change = 0;
    for (std::size_t i = 0; i < m_.size(); ++i) {
        matches_seen_[i] = sum_of(sums.matches.levels[i]);
        change = std::max(change, share_out(m_[i], sums.matches.levels[i], given.expected[i], matches_of_expectation));
    }
    for (std::size_t rule = 0; rule < rules_.size(); ++rule) {
        change = std::max(change, maximise_rule(rule, sums.others[rule], sums.rule_matches[rule], given.u));
    }
    return change;
}

double match_mixture::maximise_rule(std::size_t rule, const class_counts& others, double matches, const level_table& u)
{
    const double pairs = others.pairs + matches;
    const double strength = 1 + pull_of_u(rules_[rule].excluded) * pairs;
    double change = 0;
    for (std::size_t i = 0; i < u.size(); ++i) {
        change = std::max(change, share_out(u_[rule][i], others.levels[i], u[i], strength));
    }
    const double share = pairs > 0 ? matches / pairs : 0;
    return std::max(change, change_to(match_shares_[rule], std::clamp(share, least_share, 1 - least_share)));
}

std::vector<double> match_mixture::match_probabilities(std::size_t rule) const
{
    return dedupe::match_probabilities(rules_[rule], m_, u_[rule], match_shares_[rule]);
}

std::vector<double> match_probabilities(const rule_pairs& pairs, const level_table& m, const level_table& u,
                                        double match_share)
{
    const classes model{m, u, match_share, pairs.excluded};
    std::vector<double> made;
    made.reserve(pairs.patterns.size());
    for (const counted_pattern& each : pairs.patterns) {
        made.push_back(model.judge(each.levels).match_probability);
    }
    return made;
}

} // namespace etl::dedupe
