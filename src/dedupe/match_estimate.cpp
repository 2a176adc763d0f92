#include "dedupe/match_estimate.hpp"

#include "core/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

// --- u ---------------------------------------------------------------------------------------------------------------

// The shares of the levels among random pairs, each counted as far as it is no match. Half a pair is added to each
// level, so that none is impossible because it was not seen.
level_table shares_of_others(const match_model& model, const rule_pairs& random, const std::vector<double>& matches)
{
    constexpr double unseen = 0.5;
    level_table made;
    for (const match_comparison& each : model.comparisons()) {
        made.emplace_back(each.levels.size(), unseen);
    }
    for (std::size_t at = 0; at < random.patterns.size(); ++at) {
        const counted_pattern& pattern = random.patterns[at];
        for (std::size_t i = 0; i < made.size(); ++i) {
            const auto level = static_cast<std::uint8_t>(pattern.levels[i]);
            if (level != null_level) {
                made[i][level] += pattern.count * (1 - matches[at]);
            }
        }
    }
    for (auto& comparison : made) {
        double sum = 0;
        for (const double count : comparison) {
            sum += count;
        }
        for (double& count : comparison) {
            count /= sum;
        }
    }
    return made;
}

// The probability of each random pattern to be a match. No more matches are found than so many random pairs can hold by
// the prior: fields that depend on each other would make up others.
std::vector<double> matches_among_random(const rule_pairs& random, const match_mixture& mixture, const level_table& u,
                                         double prior)
{
    auto found = match_probabilities(random, mixture.m(), u, prior);
    double pairs = 0;
    double matches = 0;
    for (std::size_t at = 0; at < found.size(); ++at) {
        pairs += random.patterns[at].count;
        matches += random.patterns[at].count * found[at];
    }
    const double likely = pairs * prior;
    const double most = likely + 3 * std::sqrt(likely) + 1; // three standard deviations of a Poisson number
    for (double& each : found) {
        each *= matches > most ? most / matches : 1;
    }
    return found;
}

// --- m and the prior -------------------------------------------------------------------------------------------------

level_table expected_m(const match_model& model)
{
    level_table made;
    for (const match_comparison& each : model.comparisons()) {
        made.push_back(expected_shares(each.levels.size()));
    }
    return made;
}

// How many comparisons say of the matches what can be expected of matches: that they agree more often than other pairs,
// and that most of them do not differ wholly.
int plausibility(const level_table& m, const level_table& u)
{
    constexpr double most_different = 0.5;
    int sum = 0;
    for (std::size_t i = 0; i < m.size(); ++i) {
        sum += m[i].front() > u[i].front() && m[i].back() <= most_different ? 1 : 0;
    }
    return sum;
}

// A mixture whose matches are more plausible is better: the classes may have changed places, or another group of pairs
// may have become the matches, such as neighbours where there are no duplicates. Then the one that explains the pairs
// clearly better: where one comparison is all that there is, many do it equally well, and the one with the fewest
// matches, which comes first, is to stay.
bool is_better(const match_mixture& a, const match_mixture& than, const level_table& u)
{
    constexpr double clearly = 2; // of log-likelihood
    const int plausible = plausibility(a.m(), u);
    const int other = plausibility(than.m(), u);
    return plausible != other
               ? plausible > other
               : a.iterations().back().log_likelihood > than.iterations().back().log_likelihood + clearly;
}

// The likelihood has several peaks: the best of some beginnings.
match_mixture best_mixture(const estimate_input& input, const em_given& given)
{
    constexpr double beginnings[] = {0.03, 0.3, 0.8}; // shares of matches
    std::optional<match_mixture> best;
    for (const double share : beginnings) {
        match_mixture mixture{input.rules, given.expected, given.u, share};
        mixture.fit(given);
        if (!best || is_better(mixture, *best, given.u)) {
            best.emplace(std::move(mixture));
        }
    }
    return std::move(*best);
}

std::vector<rule_summary> summaries(const estimate_input& input, const match_mixture& mixture)
{
    std::vector<rule_summary> made;
    for (std::size_t rule = 0; rule < input.rules.size(); ++rule) {
        rule_summary sums{0, 0, 0, mixture.match_shares()[rule]};
        for (const counted_pattern& each : input.rules[rule].patterns) {
            sums.pairs += each.count;
            sums.unique += each.unique;
        }
        sums.matches = sums.pairs * sums.match_share;
        made.push_back(sums);
    }
    return made;
}

// The matches among all candidates, each counted under the first rule that finds it.
double unique_matches(const estimate_input& input, const match_mixture& mixture)
{
    double sum = 0;
    for (std::size_t rule = 0; rule < input.rules.size(); ++rule) {
        const auto probabilities = mixture.match_probabilities(rule);
        for (std::size_t at = 0; at < probabilities.size(); ++at) {
            sum += probabilities[at] * input.rules[rule].patterns[at].unique;
        }
    }
    return sum;
}

// Half a match and half another pair are added, so that neither is impossible because there was none.
double prior_of(const estimate_input& input, double matches)
{
    constexpr double most = 0.99;
    const auto& options = input.options;
    return options.prior ? *options.prior : std::min((matches / options.recall + 0.5) / (input.total_pairs + 1), most);
}

// --- warnings --------------------------------------------------------------------------------------------------------

std::string shown_bits(double m, double u)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", std::log2(m / u));
    return text;
}

void warn_of_levels(const match_comparison& comparison, const std::vector<double>& m, const std::vector<double>& u,
                    std::vector<std::string>& warnings)
{
    constexpr double slack = 0.5; // of a bit, which chance makes
    const std::string place = "comparison " + in_quotes(comparison.name) + ": level ";
    const std::size_t last = m.size() - 1;
    if (last > 0 && m[0] < u[0]) {
        warnings.push_back(place + in_quotes(comparison.levels[0].shown()) + " speaks against a match");
    }
    if (m[last] > 0.5 && m[last] <= u[last]) {
        warnings.push_back("comparison " + in_quotes(comparison.name) +
                           ": what is taken for matches differs in most cases; there may be no matches to learn from");
    }
    if (last > 0 && m[last] > u[last]) {
        warnings.push_back(place + in_quotes("else") + " speaks for a match");
    }
    for (std::size_t level = 1; level < m.size(); ++level) {
        if (std::log2(m[level] / u[level]) > std::log2(m[level - 1] / u[level - 1]) + slack) {
            warnings.push_back(place + in_quotes(comparison.levels[level].shown()) + " weighs " +
                               shown_bits(m[level], u[level]) + ", more than the level before it, " +
                               shown_bits(m[level - 1], u[level - 1]));
        }
    }
}

void warn_of_rules(const estimate_input& input, match_estimate& made)
{
    for (std::size_t rule = 0; rule < input.rules.size(); ++rule) {
        const std::string place = "blocking rule " + std::to_string(rule + 1);
        const auto& excluded = input.rules[rule].excluded;
        const auto left = std::count(excluded.begin(), excluded.end(), false);
        if (left == 0) {
            made.warnings.push_back(place + " decides every comparison: nothing tells which of its pairs are matches");
        } else if (left == 1) {
            made.warnings.push_back(place + " leaves one comparison, which hardly tells matches from other pairs");
        } else if (made.rules[rule].matches < 1) {
            made.warnings.push_back(place + (made.rules[rule].pairs == 0 ? " finds no pair" : " finds no match"));
        }
    }
}

void collect_warnings(const match_model& model, const estimate_input& input, const match_mixture& mixture,
                      match_estimate& made)
{
    if (input.random.patterns.empty()) {
        made.warnings.emplace_back("there are no random pairs: u is the same for all levels of a comparison");
    }
    if (!made.converged) {
        made.warnings.emplace_back("the estimation has not converged: raise max_iterations");
    }
    warn_of_rules(input, made);
    for (std::size_t i = 0; i < made.m.size(); ++i) {
        const match_comparison& comparison = model.comparisons()[i];
        if (mixture.matches_seen()[i] < 1) {
            made.warnings.push_back("comparison " + in_quotes(comparison.name) +
                                    ": no match tells of its m, which is a default");
        }
        warn_of_levels(comparison, made.m[i], made.u[i], made.warnings);
    }
}

// Takes the matches out of the random pairs, and fits again, until the prior stays as it is.
void refine(const match_model& model, const estimate_input& input, match_mixture& mixture, em_given given,
            level_table& u)
{
    constexpr int most_rounds = 25;
    constexpr double enough = 1e-3; // of the prior
    double prior = prior_of(input, unique_matches(input, mixture));
    double change = 1;
    for (int round = 0; round < most_rounds && change > enough; ++round) {
        u = shares_of_others(model, input.random, matches_among_random(input.random, mixture, u, prior));
        mixture.fit(given);
        const double next = prior_of(input, unique_matches(input, mixture));
        change = round == 0 ? 1 : std::abs(next - prior) / prior;
        prior = next;
    }
}

} // namespace

void merge_patterns(std::vector<counted_pattern>& patterns)
{
    std::sort(patterns.begin(), patterns.end(), [](const auto& a, const auto& b) { return a.levels < b.levels; });
    std::size_t kept = 0;
    for (std::size_t i = 1; i < patterns.size(); ++i) {
        if (patterns[i].levels == patterns[kept].levels) {
            patterns[kept].count += patterns[i].count;
            patterns[kept].unique += patterns[i].unique;
        } else if (++kept != i) {
            patterns[kept] = std::move(patterns[i]);
        }
    }
    patterns.resize(std::min(kept + 1, patterns.size()));
}

std::vector<double> expected_shares(std::size_t levels)
{
    if (levels == 1) {
        return {1};
    }
    constexpr double first = 0.85;
    constexpr double last = 0.05;
    std::vector<double> made(levels, first);
    double left = 1 - first - last;
    for (std::size_t level = 1; level + 1 < levels; ++level) {
        made[level] = level + 2 < levels ? left / 2 : left; // the half of what is left, and all of it in the end
        left -= made[level];
    }
    made.back() = last + left;
    return made;
}

match_estimate estimate_match(const match_model& model, const estimate_input& input, poll_fn poll)
{
    const level_table expected = expected_m(model);
    level_table u = shares_of_others(model, input.random, std::vector<double>(input.random.patterns.size(), 0.0));
    const em_given given{u, expected, input.options.em, poll};
    match_mixture mixture = best_mixture(input, given);
    refine(model, input, mixture, given, u);
    const double matches = unique_matches(input, mixture);
    match_estimate made{mixture.m(),
                        u,
                        prior_of(input, matches),
                        matches,
                        summaries(input, mixture),
                        mixture.iterations(),
                        mixture.has_converged(),
                        {}};
    collect_warnings(model, input, mixture, made);
    return made;
}

} // namespace etl::dedupe
