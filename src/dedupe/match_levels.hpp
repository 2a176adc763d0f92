// How alike two values of a comparison are, as a level: one of a list of conditions, of which the first that holds
// counts. The conditions of one comparison share what they measure: three thresholds of Jaro-Winkler take one
// measurement, made with the loosest of them as its cutoff.
#pragma once

#include "core/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace etl::dedupe {

enum class level_kind : std::uint8_t {
    exact,
    jaro,
    jaro_winkler,
    levenshtein_similarity,
    damerau_levenshtein_similarity,
    jaccard,
    cosine,
    monge_elkan,
    levenshtein,
    osa_distance,
    damerau_levenshtein,
    prefix,
    contains,
    difference,
    relative_difference,
    otherwise,
};

enum class value_type : std::uint8_t { text, number };

// What a condition's threshold is: none, a similarity that is at least it, or a distance that is at most it.
enum class level_bound : std::uint8_t { none, at_least, at_most_edits, at_most_number, at_most_share };

// What can be said of a kind of level before a threshold is chosen.
struct level_kind_info {
    level_kind kind;
    std::string_view name; // as "when" gives it
    bool for_text;
    bool for_numbers;
    level_bound bound;
    std::string_view length_key; // of its whole number, or empty
    std::int32_t default_length; // 0: it must be given
};

// nullptr where there is no such kind.
const level_kind_info* find_level_kind(std::string_view name) noexcept;
const level_kind_info& info_of(level_kind kind) noexcept;

// The names of the kinds for values of a type, as a message lists them.
std::string level_kind_names(value_type type);

struct level_condition {
    level_kind kind = level_kind::otherwise;
    double threshold = 0;
    std::int32_t length = 0;  // of n-grams, or of a prefix
    std::uint8_t measure = 0; // which of the measures it reads

    // As explanations and reports show it: "jaro_winkler >= 0.92".
    std::string shown() const;
};

// One side of a comparison.
struct match_value {
    std::string_view text;
    double number = 0;
    bool missing = true;

    static match_value of(std::string_view text) noexcept { return {text, 0, text.empty()}; }
    static match_value of(double number) noexcept { return {{}, number, number != number}; }
};

inline constexpr std::uint8_t null_level = 255; // a value is missing on one side or on both

class level_list {
  public:
    static constexpr std::size_t most = 32;

    // The conditions of one comparison in their order; the last is `otherwise`, and there are at most `most`.
    level_list(value_type type, std::vector<level_condition> conditions);

    // The number of the first condition that holds, or null_level.
    std::uint8_t level_of(const match_value& a, const match_value& b, poll_fn poll) const;

    value_type type() const noexcept { return type_; }
    std::size_t size() const noexcept { return conditions_.size(); }
    const level_condition& operator[](std::size_t i) const noexcept { return conditions_[i]; }

  private:
    struct measure {
        level_kind kind;
        std::int32_t length;
        double loosest;
    };
    struct pair_of_values;

    std::uint8_t measure_for(const level_condition& condition);
    std::uint8_t first_that_holds(pair_of_values& pair) const;
    bool holds(const level_condition& condition, pair_of_values& pair) const;
    double measured(std::uint8_t which, pair_of_values& pair) const;

    value_type type_;
    std::vector<level_condition> conditions_;
    std::vector<measure> measures_;
};

} // namespace etl::dedupe
