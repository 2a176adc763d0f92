// One-to-one links: of the pairs that contend for an id only the best stays.
#pragma once

#include "dedupe/pairs.hpp"

namespace etl::dedupe {

// Takes the pairs by falling score, and each whose two ids are both free still: no id is in two of the pairs that are
// left, and every pair that went has lost against one of an equal or higher score. Pairs of one score go by the order
// of the names of a, then of b, so that the outcome does not depend on the order of the pairs. Where `left` and `right`
// are the same object, a and b are ids of one kind: (a, b) and (b, a) are one pair, whose smaller id comes out as a,
// and an id is no pair with itself.
template <class Ids>
void one_to_one(scored_pairs& pairs, const Ids& left, const Ids& right, poll_fn poll);

} // namespace etl::dedupe
