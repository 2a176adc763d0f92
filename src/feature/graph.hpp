// What a graph is like around each of its nodes: components and degrees.
#pragma once

#include "feature/csr.hpp"
#include "sketch/union_find.hpp"

namespace etl::feature {

// For each node the first node of its component: of those that a path connects to it whichever way the edges point.
// is_before(a, b) is the order of the nodes.
template <class IsBefore>
std::pmr::vector<std::uint32_t> first_of_component(union_find& components, poll_fn poll, IsBefore&& is_before)
{
    std::pmr::vector<std::uint32_t> first(components.count(), components.memory());
    poller stop{poll};
    std::iota(first.begin(), first.end(), 0);
    for (std::uint32_t node = 0; node < components.count(); ++node) {
        auto& best = first[components.find(node)];
        if (is_before(node, best)) {
            best = node;
        }
        stop.tick();
    }
    for (std::uint32_t node = 0; node < components.count(); ++node) {
        first[node] = first[components.find(node)];
        stop.tick();
    }
    return first;
}

struct degrees {
    std::int64_t in = 0;  // how many nodes point to it, each once
    std::int64_t out = 0; // to how many it points
};

std::pmr::vector<degrees> degrees_of(const csr& incoming, edge_poller& stop);

} // namespace etl::feature
