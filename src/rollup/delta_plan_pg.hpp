// Whether a rollup's changes can be merged into stored states instead of its groups being recomputed, and how.
#pragma once

#include "rollup/rollup_query_pg.hpp"

namespace etl::rollup {

struct delta_outcome {
    int fact;                  // the number of the source whose rows are merged; 0 where there is no delta
    const char* plan;          // the text of a JSON object, in the server's encoding; nullptr where there is none
    const char* refused;       // why there is none, a sentence
    const Bitmapset* identity; // columns that tell the fact's rows apart, which its log must have; may be empty
};

// May raise; only trivial locals may be alive. Does not change the query.
delta_outcome delta_plan(const rollup_query& query);

} // namespace etl::rollup
