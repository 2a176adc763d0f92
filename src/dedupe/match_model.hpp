// A match model: which values of two rows are compared, what levels of agreement there are, and, once it is trained,
// how much each level says for or against the rows being of one entity.
//
// I. P. Fellegi, A. B. Sunter, "A Theory for Record Linkage", Journal of the American Statistical Association 64
// (1969). For a level, m is its share among the pairs of rows of one entity, u among all other pairs; log2(m / u) is
// the weight of finding it.
#pragma once

#include "core/json.hpp"
#include "dedupe/match_levels.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace etl::dedupe {

// A weight in millionths of a bit. A sum of whole numbers is exact, in whatever order, and reads so in decimal.
using microbits = std::int64_t;

// log2 of a ratio of two numbers greater than 0.
microbits to_microbits(double numerator, double denominator) noexcept;
inline double to_bits(microbits weight) noexcept
{
    return static_cast<double>(weight) / 1e6;
}

struct level_shares {
    double m;
    double u;
    microbits weight() const noexcept { return to_microbits(m, u); }
};

// How many rows hold each frequent text of a column.
struct term_frequency {
    struct text_hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    using counts = std::unordered_map<std::string, double, text_hash, std::equal_to<>>;

    double rows = 1;
    double rest = 1;   // rows that hold a text that is not listed, in the mean
    double chance = 0; // that two rows hold the same text, by these very counts; 0 where it was not taken
    counts values;

    // The share of rows that hold the text.
    double share_of(std::string_view text) const noexcept;
};

struct match_comparison {
    std::string name;
    level_list levels;
    std::vector<level_shares> shares; // one a level, or none where the model is not trained
    std::optional<term_frequency> frequency;
    bool awaits_frequency = false; // it is asked for, and not counted yet

    bool is_trained() const noexcept { return !shares.empty() && !awaits_frequency; }
};

class match_model {
  public:
    static constexpr std::size_t most_comparisons = 48; // two arguments each, and a function takes a hundred

    // Throws etl::error naming the comparison and the level at fault.
    explicit match_model(const json& document);
    static match_model parse(std::string_view text);

    const std::vector<match_comparison>& comparisons() const noexcept { return comparisons_; }
    const std::optional<double>& prior() const noexcept { return prior_; }

    // Throws where a weight cannot be had yet, with what trains the model as the hint.
    void require_trained() const;

  private:
    std::vector<match_comparison> comparisons_;
    std::optional<double> prior_; // the probability that two random rows are of one entity
};

// Reads a document as far as its JSON.
json parse_model_json(std::string_view text);

} // namespace etl::dedupe
