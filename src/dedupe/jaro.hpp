// The similarities of Jaro and of Jaro and Winkler, for names: texts in UTF-8, code points compared.
//
// jaro: M. A. Jaro, "Advances in record-linkage methodology as applied to matching the 1985 census of Tampa, Florida",
// 1989. Two symbols match where they are equal and not further apart than half of the longer text, less one; each
// matches once, the first free one in reach. With m matches, of which t pairs are out of order (half the symbols that
// are, rounded down): (m/|a| + m/|b| + (m - t)/m) / 3.
//
// jaro_winkler: W. E. Winkler, "String comparator metrics and enhanced decision rules in the Fellegi-Sunter model of
// record linkage", 1990: j + 0.1 p (1 - j) for a common beginning of p symbols, at most 4. As in the Census Bureau's
// own comparator only a j above 0.7 is raised.
//
// Two empty texts are alike (1), an empty and another one are not (0). Both are symmetric. cutoff: a similarity below
// it is answered as 0, as soon as that is known. Texts longer than longest_text are refused.
#pragma once

#include <string_view>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

double jaro(std::string_view a, std::string_view b, double cutoff = 0);
double jaro_winkler(std::string_view a, std::string_view b, double cutoff = 0);

} // namespace etl::dedupe
