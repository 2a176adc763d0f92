// Pairs of numbered ids that may be the same thing, with a score that tells how likely.
#pragma once

#include "core/error.hpp"

#include <algorithm>
#include <cstdint>
#include <memory_resource>
#include <vector>

namespace etl::dedupe {

struct scored_pair {
    std::uint32_t a;
    std::uint32_t b;
    double score; // a number
};

using scored_pairs = std::pmr::vector<scored_pair>;

// Sorts, and stops when it is told to.
template <class Less>
void sort_pairs(scored_pairs& pairs, poll_fn poll, Less less)
{
    poller stop{poll};
    std::sort(pairs.begin(), pairs.end(), [&](const scored_pair& x, const scored_pair& y) {
        stop.tick();
        return less(x, y);
    });
}

} // namespace etl::dedupe
