#include "dedupe/match_weight.hpp"

#include <cmath>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

// A weight in decimal, exactly, without zeros at its end.
std::string decimal(microbits weight)
{
    constexpr microbits scale = 1000000;
    std::string text = std::to_string(std::abs(weight) % scale + scale); // a one before six digits
    text.erase(text.find_last_not_of('0') + 1);
    text[0] = '.';
    text.resize(text.size() == 1 ? 0 : text.size());
    return (weight < 0 ? "-" : "") + std::to_string(std::abs(weight) / scale) + text;
}

std::string json_text(std::string_view text)
{
    return json(std::string{text}).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string json_value(value_type type, const match_value& value)
{
    if (value.missing) {
        return "null";
    }
    if (type == value_type::text) {
        return json_text(value.text);
    }
    if (std::isinf(value.number)) { // JSON has no number for it
        return json_text(value.number > 0 ? "Infinity" : "-Infinity");
    }
    return json(value.number).dump();
}

std::string json_member(const char* key, const std::string& value)
{
    return '"' + std::string{key} + "\": " + value;
}

} // namespace

void find_levels(const match_model& model, std::span<const compared_values> values, std::span<std::uint8_t> levels,
                 poll_fn poll)
{
    const auto& comparisons = model.comparisons();
    for (std::size_t i = 0; i < comparisons.size(); ++i) {
        levels[i] = comparisons[i].levels.level_of(values[i].a, values[i].b, poll);
    }
}

double probability_of(double weight) noexcept
{
    return 1 / (1 + std::exp2(-weight));
}

match_weigher::match_weigher(const match_model& model)
{
    model.require_trained();
    for (const match_comparison& each : model.comparisons()) {
        comparisons_.push_back({&each, {}});
        for (const level_shares& shares : each.shares) {
            comparisons_.back().levels.push_back(shares.weight());
        }
    }
    prior_ = to_microbits(*model.prior(), 1 - *model.prior());
}

microbits match_weigher::rarity(std::size_t comparison, std::uint8_t level, const match_value& shared) const noexcept
{
    const match_comparison& from = *comparisons_[comparison].comparison;
    if (level != 0 || !from.frequency) {
        return 0;
    }
    // Held against the mean of the same counts: matches among the rows, which u leaves out, are in both.
    const term_frequency& frequency = *from.frequency;
    return to_microbits(frequency.chance > 0 ? frequency.chance : from.shares[0].u, frequency.share_of(shared.text));
}

microbits match_weigher::weight(std::span<const compared_values> values, poll_fn poll) const
{
    microbits sum = prior_;
    for (std::size_t i = 0; i < comparisons_.size(); ++i) {
        const auto level = comparisons_[i].comparison->levels.level_of(values[i].a, values[i].b, poll);
        if (level != null_level) {
            sum += comparisons_[i].levels[level] + rarity(i, level, values[i].a);
        }
    }
    return sum;
}

microbits match_weigher::weight_of_levels(std::span<const std::uint8_t> levels) const noexcept
{
    microbits sum = prior_;
    for (std::size_t i = 0; i < comparisons_.size(); ++i) {
        sum += levels[i] == null_level ? 0 : comparisons_[i].levels[levels[i]];
    }
    return sum;
}

std::string match_weigher::explained(std::size_t comparison, const compared_values& values, microbits& sum,
                                     poll_fn poll) const
{
    const auto& [from, weights] = comparisons_[comparison];
    const auto type = from->levels.type();
    const auto level = from->levels.level_of(values.a, values.b, poll);
    const microbits weight = level == null_level ? 0 : weights[level];
    sum += weight;
    std::string made = '{' + json_member("name", json_text(from->name)) + ", " +
                       json_member("level", json_text(level == null_level ? "null" : from->levels[level].shown())) +
                       ", " + json_member("value_a", json_value(type, values.a)) + ", " +
                       json_member("value_b", json_value(type, values.b)) + ", " +
                       json_member("weight", decimal(weight));
    if (level == 0 && from->frequency) {
        const microbits extra = rarity(comparison, level, values.a);
        made += ", " + json_member("term_frequency_weight", decimal(extra));
        sum += extra;
    }
    return made + '}';
}

std::string match_weigher::explain(std::span<const compared_values> values, poll_fn poll) const
{
    microbits sum = prior_;
    std::string comparisons;
    for (std::size_t i = 0; i < comparisons_.size(); ++i) {
        comparisons += (i == 0 ? "" : ", ") + explained(i, values[i], sum, poll);
    }
    const microbits probability = std::llround(probability_of(to_bits(sum)) * 1e6); // six decimals too
    return '{' + json_member("match_weight", decimal(sum)) + ", " + json_member("probability", decimal(probability)) +
           ", " + json_member("prior_weight", decimal(prior_)) + ", " +
           json_member("comparisons", '[' + comparisons + ']') + '}';
}

} // namespace etl::dedupe
