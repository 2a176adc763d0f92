#include "dedupe/match_levels.hpp"

#include "dedupe/code_points.hpp"
#include "dedupe/edit_distance.hpp"
#include "dedupe/jaro.hpp"
#include "dedupe/token_similarity.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

constexpr std::array kinds{
    level_kind_info{level_kind::exact, "exact", true, true, level_bound::none, {}, 0},
    level_kind_info{level_kind::jaro, "jaro", true, false, level_bound::at_least, {}, 0},
    level_kind_info{level_kind::jaro_winkler, "jaro_winkler", true, false, level_bound::at_least, {}, 0},
    level_kind_info{
        level_kind::levenshtein_similarity, "levenshtein_similarity", true, false, level_bound::at_least, {}, 0},
    level_kind_info{level_kind::damerau_levenshtein_similarity,
                    "damerau_levenshtein_similarity",
                    true,
                    false,
                    level_bound::at_least,
                    {},
                    0},
    level_kind_info{level_kind::jaccard, "jaccard", true, false, level_bound::at_least, "n", 2},
    level_kind_info{level_kind::cosine, "cosine", true, false, level_bound::at_least, {}, 0},
    level_kind_info{level_kind::monge_elkan, "monge_elkan", true, false, level_bound::at_least, {}, 0},
    level_kind_info{level_kind::levenshtein, "levenshtein", true, false, level_bound::at_most_edits, {}, 0},
    level_kind_info{level_kind::osa_distance, "osa_distance", true, false, level_bound::at_most_edits, {}, 0},
    level_kind_info{
        level_kind::damerau_levenshtein, "damerau_levenshtein", true, false, level_bound::at_most_edits, {}, 0},
    level_kind_info{level_kind::prefix, "prefix", true, false, level_bound::none, "length", 0},
    level_kind_info{level_kind::contains, "contains", true, false, level_bound::none, {}, 0},
    level_kind_info{level_kind::difference, "difference", false, true, level_bound::at_most_number, {}, 0},
    level_kind_info{
        level_kind::relative_difference, "relative_difference", false, true, level_bound::at_most_share, {}, 0},
    level_kind_info{level_kind::otherwise, "else", true, true, level_bound::none, {}, 0},
};

std::string shown_number(double number)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.10g", number);
    return text;
}

bool is_continuation(char c) noexcept
{
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// Where the first `length` code points of a text end, or npos where it has fewer.
std::size_t end_of_prefix(std::string_view text, std::int32_t length) noexcept
{
    std::size_t at = 0;
    for (; length > 0 && at < text.size(); --length) {
        for (++at; at < text.size() && is_continuation(text[at]); ++at) {
        }
    }
    return length == 0 ? at : std::string_view::npos;
}

bool share_prefix(std::string_view a, std::string_view b, std::int32_t length) noexcept
{
    const std::size_t end = end_of_prefix(a, length);
    return end != std::string_view::npos && b.size() >= end && a.substr(0, end) == b.substr(0, end);
}

// memmem takes time that grows with the sum of both lengths, where the search of std::string_view grows with their
// product.
bool one_contains_other(std::string_view a, std::string_view b)
{
    require_length(a);
    require_length(b);
    if (a.size() < b.size()) {
        std::swap(a, b);
    }
    return ::memmem(a.data(), a.size(), b.data(), b.size()) != nullptr;
}

double relative_difference(double a, double b) noexcept
{
    return std::abs(a - b) / std::max(std::abs(a), std::abs(b));
}

bool looser(const level_condition& a, double than)
{
    return info_of(a.kind).bound == level_bound::at_least ? a.threshold < than : a.threshold > than;
}

} // namespace

const level_kind_info* find_level_kind(std::string_view name) noexcept
{
    const auto* found =
        std::find_if(kinds.begin(), kinds.end(), [name](const auto& each) { return each.name == name; });
    return found == kinds.end() ? nullptr : found;
}

const level_kind_info& info_of(level_kind kind) noexcept
{
    return kinds[static_cast<std::size_t>(kind)];
}

std::string level_kind_names(value_type type)
{
    std::string list;
    for (const auto& each : kinds) {
        if (type == value_type::text ? each.for_text : each.for_numbers) {
            list += list.empty() ? "" : ", ";
            list += each.name;
        }
    }
    return list;
}

std::string level_condition::shown() const
{
    const auto& info = info_of(kind);
    std::string text{info.name};
    if (!info.length_key.empty()) {
        text += '(' + std::to_string(length) + ')';
    }
    if (info.bound != level_bound::none) {
        text += info.bound == level_bound::at_least ? " >= " : " <= ";
        text += shown_number(threshold);
    }
    return text;
}

// Two values and what has been measured of them.
struct level_list::pair_of_values {
    pair_of_values(const match_value& a, const match_value& b, bool same, poll_fn poll) // NOLINT
        : a{a}, b{b}, same{same}, poll{poll}
    {
    }

    const match_value& a;
    const match_value& b;
    bool same;
    poll_fn poll;
    std::uint32_t known = 0;           // which of the measures
    std::array<double, most> measured; // only what is known is read
};

level_list::level_list(value_type type, std::vector<level_condition> conditions)
    : type_{type}, conditions_{std::move(conditions)}
{
    for (level_condition& each : conditions_) {
        if (info_of(each.kind).bound != level_bound::none) {
            each.measure = measure_for(each);
        }
    }
}

std::uint8_t level_list::measure_for(const level_condition& condition)
{
    const auto found = std::find_if(measures_.begin(), measures_.end(), [&condition](const measure& each) {
        return each.kind == condition.kind && each.length == condition.length;
    });
    if (found == measures_.end()) {
        measures_.push_back({condition.kind, condition.length, condition.threshold});
        return static_cast<std::uint8_t>(measures_.size() - 1);
    }
    found->loosest = looser(condition, found->loosest) ? condition.threshold : found->loosest;
    return static_cast<std::uint8_t>(found - measures_.begin());
}

std::uint8_t level_list::level_of(const match_value& a, const match_value& b, poll_fn poll) const
{
    if (a.missing || b.missing) {
        return null_level;
    }
    const bool same = type_ == value_type::text ? a.text == b.text : a.number == b.number;
    if (same && conditions_.front().kind == level_kind::exact) {
        return 0;
    }
    pair_of_values pair(a, b, same, poll);
    return first_that_holds(pair);
}

std::uint8_t level_list::first_that_holds(pair_of_values& pair) const
{
    std::uint8_t at = 0;
    while (!holds(conditions_[at], pair)) {
        ++at;
    }
    return at;
}

bool level_list::holds(const level_condition& condition, pair_of_values& pair) const
{
    switch (condition.kind) {
    case level_kind::otherwise:
        return true;
    case level_kind::exact:
        return pair.same;
    case level_kind::prefix:
        return share_prefix(pair.a.text, pair.b.text, condition.length);
    case level_kind::contains:
        return one_contains_other(pair.a.text, pair.b.text);
    default: {
        const double found = measured(condition.measure, pair);
        return info_of(condition.kind).bound == level_bound::at_least ? found >= condition.threshold
                                                                      : found <= condition.threshold;
    }
    }
}

namespace {

double measure_text(level_kind kind, std::int32_t length, double loosest, std::string_view a, std::string_view b,
                    poll_fn poll)
{
    const auto edits = static_cast<std::uint32_t>(loosest); // of a distance
    switch (kind) {
    case level_kind::jaro:
        return jaro(a, b, loosest);
    case level_kind::jaro_winkler:
        return jaro_winkler(a, b, loosest);
    case level_kind::levenshtein_similarity:
        return levenshtein_similarity(a, b, loosest, poll);
    case level_kind::damerau_levenshtein_similarity:
        return damerau_levenshtein_similarity(a, b, loosest, poll);
    case level_kind::jaccard:
        return jaccard(a, b, length, loosest, poll);
    case level_kind::cosine:
        return cosine_tokens(a, b, loosest, poll);
    case level_kind::monge_elkan:
        return monge_elkan(a, b, direction::both, loosest, poll);
    case level_kind::levenshtein:
        return levenshtein(a, b, edits, poll);
    case level_kind::osa_distance:
        return osa_distance(a, b, edits, poll);
    default:
        return damerau_levenshtein(a, b, edits, poll);
    }
}

double measure_numbers(level_kind kind, double a, double b) noexcept
{
    return kind == level_kind::difference ? std::abs(a - b) : relative_difference(a, b);
}

} // namespace

double level_list::measured(std::uint8_t which, pair_of_values& pair) const
{
    const std::uint32_t bit = std::uint32_t{1} << which;
    if ((pair.known & bit) == 0) {
        const measure& wanted = measures_[which];
        pair.measured[which] = type_ == value_type::text ? measure_text(wanted.kind, wanted.length, wanted.loosest,
                                                                        pair.a.text, pair.b.text, pair.poll)
                               : pair.same               ? 0
                                                         : measure_numbers(wanted.kind, pair.a.number, pair.b.number);
        pair.known |= bit;
    }
    return pair.measured[which];
}

} // namespace etl::dedupe
