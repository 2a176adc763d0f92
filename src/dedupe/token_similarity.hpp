// Similarities of two texts as bags of tokens, the parts that white space separates; and those of n-grams, for those
// who want all of them. Texts in UTF-8, longer ones than longest_text are refused.
//
//   cosine_tokens   the angle between the vectors of token counts (G. Salton, A. Wong, C. S. Yang, "A vector space
//                   model for automatic indexing", 1975)
//   monge_elkan     for each token of a the greatest jaro_winkler with a token of b, and the mean of these (A. E.
//                   Monge, C. P. Elkan, "The field matching problem: algorithms and applications", 1996). It is not
//                   symmetric; the symmetric form is the mean of both directions.
//
// Two texts without a token are alike (1), one with and one without are not (0). A similarity below the cutoff is
// answered as 0.
#pragma once

#include "dedupe/ngrams.hpp"

#include "core/cpp_only.hpp"

namespace etl::dedupe {

double cosine_tokens(std::string_view a, std::string_view b, double cutoff = 0, poll_fn poll = never_poll);

enum class direction { a_in_b, both };
double monge_elkan(std::string_view a, std::string_view b, direction way = direction::both, double cutoff = 0,
                   poll_fn poll = never_poll);

} // namespace etl::dedupe
