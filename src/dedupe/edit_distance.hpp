// Edit distances of two texts in UTF-8: the least number of edits of one code point each that turn a into b.
//
//   levenshtein           insert, delete, replace (V. I. Levenshtein, "Binary codes capable of correcting deletions,
//                         insertions and reversals", 1966)
//   osa_distance          and swap two neighbours, where no part of the text is edited twice ("optimal string
//                         alignment", the restricted Damerau-Levenshtein distance; it is no metric)
//   damerau_levenshtein   and swap two neighbours, without that restriction (F. J. Damerau, "A technique for computer
//                         detection and correction of spelling errors", 1964; R. Lowrance, R. A. Wagner, "An extension
//                         of the string-to-string correction problem", 1975)
//   longest_common_subsequence   the length of the longest text that is left of both by deleting alone
//
// at_most: a distance above it is answered as at_most + 1, as soon as that is known. Texts longer than longest_text
// are refused; long comparisons call poll.
#pragma once

#include "core/error.hpp"

#include <cstdint>
#include <limits>
#include <string_view>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

inline constexpr std::uint32_t no_limit = std::numeric_limits<std::uint32_t>::max();

std::uint32_t levenshtein(std::string_view a, std::string_view b, std::uint32_t at_most = no_limit,
                          poll_fn poll = never_poll);
std::uint32_t osa_distance(std::string_view a, std::string_view b, std::uint32_t at_most = no_limit,
                           poll_fn poll = never_poll);
std::uint32_t damerau_levenshtein(std::string_view a, std::string_view b, std::uint32_t at_most = no_limit,
                                  poll_fn poll = never_poll);
std::uint32_t longest_common_subsequence(std::string_view a, std::string_view b, poll_fn poll = never_poll);

// 1 - distance / length of the longer text, from 0 to 1; two empty texts are alike (1). Below the cutoff: 0.
double levenshtein_similarity(std::string_view a, std::string_view b, double cutoff = 0, poll_fn poll = never_poll);
double osa_similarity(std::string_view a, std::string_view b, double cutoff = 0, poll_fn poll = never_poll);
double damerau_levenshtein_similarity(std::string_view a, std::string_view b, double cutoff = 0,
                                      poll_fn poll = never_poll);
// Twice the length of the common subsequence by the sum of both lengths.
double longest_common_subsequence_similarity(std::string_view a, std::string_view b, double cutoff = 0,
                                             poll_fn poll = never_poll);

} // namespace etl::dedupe
