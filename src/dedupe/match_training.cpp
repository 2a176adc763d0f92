#include "dedupe/match_training.hpp"

#include "dedupe/match_reader.hpp"
#include "dedupe/match_weight.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

constexpr std::int32_t most_rules = 1000;

// --- the request -----------------------------------------------------------------------------------------------------

[[noreturn]] void refuse(std::string message, std::string detail = {})
{
    throw error(sqlstate::invalid_parameter_value, std::move(message), std::move(detail));
}

void check_pattern(const match_model& model, const given_pattern& given)
{
    const auto& comparisons = model.comparisons();
    if (given.levels.size() != comparisons.size()) {
        refuse("a pattern of " + std::to_string(given.levels.size()) + " bytes does not fit a match model of " +
               std::to_string(comparisons.size()) + " comparisons");
    }
    for (std::size_t i = 0; i < comparisons.size(); ++i) {
        const auto level = static_cast<std::uint8_t>(given.levels[i]);
        if (level != null_level && level >= comparisons[i].levels.size()) {
            refuse("a pattern has level " + std::to_string(level) + " of comparison " + in_quotes(comparisons[i].name) +
                   ", which has " + std::to_string(comparisons[i].levels.size()) + " levels");
        }
    }
    if (given.count < 0) {
        refuse("a pattern cannot have " + std::to_string(given.count) + " pairs");
    }
}

counted_pattern counted(const match_model& model, const given_pattern& given)
{
    check_pattern(model, given);
    const auto count = static_cast<double>(given.count);
    return {std::string{given.levels}, count, given.rule < 0 ? 0 : count};
}

rule_pairs random_pairs(const match_model& model, std::span<const given_pattern> given)
{
    rule_pairs made{{}, std::vector<bool>(model.comparisons().size(), false)};
    for (const given_pattern& each : given) {
        made.patterns.push_back(counted(model, each));
    }
    merge_patterns(made.patterns);
    return made;
}

std::size_t rule_number(std::int32_t given)
{
    if (given == 0 || given < -most_rules || given > most_rules) {
        refuse("a blocking rule has a number from 1 to " + std::to_string(most_rules) + ", not " +
                   std::to_string(given),
               "A number less than 0 says that an earlier rule has found the pairs too.");
    }
    return static_cast<std::size_t>(std::abs(given)) - 1;
}

void widen(std::vector<rule_pairs>& rules, std::size_t rule, std::size_t comparisons)
{
    if (rules.size() <= rule) {
        rules.resize(rule + 1, rule_pairs{{}, std::vector<bool>(comparisons, false)});
    }
}

std::size_t comparison_named(const match_model& model, const std::string& name, const match_reader& place)
{
    const auto& list = model.comparisons();
    const auto found = std::find_if(list.begin(), list.end(), [&name](const auto& each) { return each.name == name; });
    if (found == list.end()) {
        place.refuse("names the comparison " + in_quotes(name) + ", which the match model does not have");
    }
    return static_cast<std::size_t>(found - list.begin());
}

void exclude(const match_model& model, std::string_view text, std::vector<rule_pairs>& rules)
{
    const json document = parse_json(text, "excluded", 3);
    const match_reader excluded{document, "excluded"};
    for (const auto& [key, names] : document.items()) {
        std::int32_t number = 0;
        const auto [end, failure] = std::from_chars(key.data(), key.data() + key.size(), number);
        if (failure != std::errc{} || end != key.data() + key.size() || number < 1 || number > most_rules) {
            excluded.refuse("has the key " + in_quotes(key) + ", which is no number of a blocking rule");
        }
        widen(rules, rule_number(number), model.comparisons().size());
        if (!names.is_array()) {
            excluded.refuse_value(key.c_str(), "an array of names of comparisons");
        }
        for (const json& name : names) {
            if (!name.is_string()) {
                excluded.refuse_value(key.c_str(), "an array of names of comparisons");
            }
            rules[rule_number(number)].excluded[comparison_named(model, name, excluded)] = true;
        }
    }
}

std::vector<rule_pairs> pairs_by_rule(const match_model& model, const training_request& request)
{
    std::vector<rule_pairs> made;
    for (const given_pattern& each : request.pairs) {
        const std::size_t rule = rule_number(each.rule);
        widen(made, rule, model.comparisons().size());
        made[rule].patterns.push_back(counted(model, each));
    }
    exclude(model, request.excluded, made);
    for (rule_pairs& each : made) {
        merge_patterns(each.patterns);
    }
    return made;
}

estimate_options read_options(std::string_view text)
{
    const json document = parse_json(text, "options", 2);
    const match_reader options{document, "options"};
    options.allow({"max_iterations", "tolerance", "recall", "probability_two_random_records_match"});
    estimate_options made;
    if (options.has("max_iterations")) {
        made.em.max_iterations = static_cast<std::int32_t>(options.whole("max_iterations", 1, 100000));
    }
    if (options.has("tolerance")) {
        made.em.tolerance = options.probability("tolerance");
    }
    if (options.has("recall")) {
        made.recall = options.share("recall");
    }
    if (options.has("probability_two_random_records_match")) {
        made.prior = options.probability("probability_two_random_records_match");
    }
    return made;
}

estimate_input read_request(const match_model& model, const training_request& request)
{
    if (!(request.total_pairs >= 0 && std::isfinite(request.total_pairs))) {
        refuse("total_pairs must be a number of at least 0");
    }
    return {random_pairs(model, request.random), pairs_by_rule(model, request), request.total_pairs,
            read_options(request.options)};
}

// --- the result ------------------------------------------------------------------------------------------------------

// Six significant digits: what is left of a number when the last bits of a logarithm depend on the machine.
double rounded(double number)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", number);
    double made = 0;
    std::from_chars(text, text + std::char_traits<char>::length(text), made);
    return made;
}

json rounded_list(const std::vector<double>& numbers)
{
    json made = json::array();
    for (const double each : numbers) {
        made.push_back(rounded(each));
    }
    return made;
}

double share_of(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

void put_shares(json& model, const match_estimate& from)
{
    for (std::size_t i = 0; i < from.m.size(); ++i) {
        json& levels = model["comparisons"][i]["levels"];
        for (std::size_t level = 0; level < from.m[i].size(); ++level) {
            levels[level]["m"] = rounded(from.m[i][level]);
            levels[level]["u"] = rounded(from.u[i][level]);
        }
    }
    model["probability_two_random_records_match"] = rounded(from.prior);
}

// The first twenty iterations, each tenth after them, and the last.
json iterations_of(const match_estimate& from)
{
    json made = json::array();
    for (std::size_t i = 0; i < from.iterations.size(); ++i) {
        const std::size_t number = i + 1;
        if (number <= 20 || number % 10 == 0 || number == from.iterations.size()) {
            const em_iteration& each = from.iterations[i];
            made.push_back({{"iteration", number},
                            {"log_likelihood", rounded(each.log_likelihood)},
                            {"change", rounded(each.change)},
                            {"match_shares", rounded_list(each.match_shares)}});
        }
    }
    return made;
}

json rules_of(const match_model& model, const estimate_input& input, const match_estimate& from)
{
    json made = json::array();
    for (std::size_t rule = 0; rule < from.rules.size(); ++rule) {
        json excluded = json::array();
        for (std::size_t i = 0; i < model.comparisons().size(); ++i) {
            if (input.rules[rule].excluded[i]) {
                excluded.push_back(model.comparisons()[i].name);
            }
        }
        const rule_summary& each = from.rules[rule];
        made.push_back({{"rule", rule + 1},
                        {"pairs", rounded(each.pairs)},
                        {"new_pairs", rounded(each.unique)},
                        {"matches", rounded(each.matches)},
                        {"match_share", rounded(each.match_share)},
                        {"excluded", std::move(excluded)}});
    }
    return made;
}

// The candidate pairs, each counted once, by their weight.
struct weighed_pairs {
    microbits weight;
    double pairs;
    double matches; // expected by the weight
};

std::vector<weighed_pairs> weigh(const json& trained, const estimate_input& input)
{
    const match_model model{trained};
    const match_weigher weigher{model};
    std::vector<weighed_pairs> made;
    for (const rule_pairs& rule : input.rules) {
        for (const counted_pattern& each : rule.patterns) {
            const auto* levels = reinterpret_cast<const std::uint8_t*>(each.levels.data());
            const microbits weight = weigher.weight_of_levels({levels, each.levels.size()});
            made.push_back({weight, each.unique, each.unique * probability_of(to_bits(weight))});
        }
    }
    return made;
}

json threshold_of(double probability, const std::vector<weighed_pairs>& weighed)
{
    const microbits least = to_microbits(probability, 1 - probability);
    double pairs = 0;
    double matches = 0;
    double all = 0;
    for (const weighed_pairs& each : weighed) {
        all += each.matches;
        pairs += each.weight >= least ? each.pairs : 0;
        matches += each.weight >= least ? each.matches : 0;
    }
    return {{"probability", probability},
            {"weight", rounded(to_bits(least))},
            {"pairs", rounded(pairs)},
            {"matches", rounded(matches)},
            {"precision", rounded(share_of(matches, pairs))},
            {"recall", rounded(share_of(matches, all))}};
}

json thresholds_of(const std::vector<weighed_pairs>& weighed)
{
    constexpr double steps[] = {0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999};
    json made = json::array();
    for (const double each : steps) {
        made.push_back(threshold_of(each, weighed));
    }
    return made;
}

// Pairs and expected matches by whole bits of weight, rounded down.
json histogram_of(const std::vector<weighed_pairs>& weighed)
{
    constexpr double furthest = 60;
    std::map<int, std::pair<double, double>> bins;
    for (const weighed_pairs& each : weighed) {
        if (each.pairs > 0) {
            auto& [pairs, matches] =
                bins[static_cast<int>(std::floor(std::clamp(to_bits(each.weight), -furthest, furthest)))];
            pairs += each.pairs;
            matches += each.matches;
        }
    }
    json made = json::array();
    for (const auto& [weight, sums] : bins) {
        made.push_back({{"weight", weight}, {"pairs", rounded(sums.first)}, {"matches", rounded(sums.second)}});
    }
    return made;
}

json training_of(const match_model& model, const estimate_input& input, const match_estimate& from)
{
    double random = 0;
    for (const counted_pattern& each : input.random.patterns) {
        random += each.count;
    }
    return {{"random_pairs", rounded(random)},
            {"total_pairs", rounded(input.total_pairs)},
            {"expected_matches", rounded(from.matches)},
            {"recall", input.options.recall},
            {"converged", from.converged},
            {"rules", rules_of(model, input, from)},
            {"iterations", iterations_of(from)},
            {"warnings", from.warnings}};
}

} // namespace

std::string train_model(const training_request& request, poll_fn poll)
{
    json document = parse_model_json(request.model);
    const match_model model{document};
    const estimate_input input = read_request(model, request);
    const match_estimate found = estimate_match(model, input, poll);
    put_shares(document, found);
    json training = training_of(model, input, found);
    if (std::all_of(model.comparisons().begin(), model.comparisons().end(),
                    [](const auto& each) { return !each.awaits_frequency; })) {
        const auto weighed = weigh(document, input);
        training["thresholds"] = thresholds_of(weighed);
        training["weights"] = histogram_of(weighed);
    }
    document["training"] = std::move(training);
    return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace etl::dedupe
