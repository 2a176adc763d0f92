// Clusters that have grown too large, split where the pairs that hold them together are weakest.
#pragma once

#include "dedupe/pairs.hpp"
#include "sketch/union_find.hpp"

namespace etl::dedupe {

// The sets after the split of those of more than `most` nodes; `whole` are the components of the pairs. For such a set
// the threshold of the score is raised, in each of the parts that this leaves as far as it takes, until none has more
// than `most` nodes: the largest clusters of that size in the hierarchy of single linkage (R. Sibson, "SLINK", 1973).
// Pairs of one score are cut together, so that the parts do not depend on the order of the pairs.
union_find split_large(union_find& whole, const scored_pairs& pairs, std::uint32_t most, poll_fn poll);

// A set that is too large and, where it was split, into how many parts.
struct large_cluster {
    std::uint32_t root; // in `whole`
    std::uint32_t size;
    std::uint32_t parts;
};

// The sets of more than `most` nodes.
std::pmr::vector<large_cluster> large_clusters(union_find& whole, union_find& parts, std::uint32_t most, poll_fn poll);

// For each node that stands for a set, the first of its nodes by the order of their names.
template <class Ids>
std::pmr::vector<std::uint32_t> first_nodes(union_find& sets, const Ids& ids, poll_fn poll)
{
    std::pmr::vector<std::uint32_t> first(ids.count(), sets.memory());
    poller stop{poll};
    std::iota(first.begin(), first.end(), 0);
    for (std::uint32_t node = 0; node < ids.count(); ++node) {
        std::uint32_t& best = first[sets.find(node)];
        if (ids.name(node) < ids.name(best)) {
            best = node;
        }
        stop.tick();
    }
    return first;
}

} // namespace etl::dedupe
