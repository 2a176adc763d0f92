// Similarities of two texts as sets of n-grams, their runs of n code points. A text shorter than n is one n-gram, an
// empty one has none. Texts in UTF-8, longer ones than longest_text are refused.
//
//   jaccard   |A and B| / |A or B| (P. Jaccard, "Étude comparative de la distribution florale dans une portion des
//             Alpes et des Jura", 1901)
//   overlap   |A and B| / size of the smaller set (D. Szymkiewicz, "Une contribution statistique à la géographie
//             floristique", 1934; G. G. Simpson, "Mammals and the nature of continents", 1943)
//
// Two empty texts are alike (1), an empty and another one are not (0). A similarity below the cutoff is answered as 0.
#pragma once

#include "core/error.hpp"

#include <cstdint>
#include <string_view>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

double jaccard(std::string_view a, std::string_view b, std::int32_t n, double cutoff = 0, poll_fn poll = never_poll);
double overlap(std::string_view a, std::string_view b, std::int32_t n, double cutoff = 0, poll_fn poll = never_poll);

} // namespace etl::dedupe
