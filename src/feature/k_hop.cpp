#include "feature/k_hop.hpp"

#include <utility>

#include "core/cpp_only.hpp"

namespace etl::feature {

k_hop::k_hop(const csr& graph)
    : graph_{graph}, seen_(graph.nodes(), graph.memory()), here_(graph.nodes(), graph.memory()),
      next_(graph.nodes(), graph.memory()), frontier_{graph.memory()}, reached_{graph.memory()}, visited_{
                                                                                                     graph.memory()}
{
}

void k_hop::count(std::span<const std::uint32_t> starts, std::int32_t hops, std::span<std::uint64_t> counts,
                  edge_poller& stop)
{
    begin(starts);
    for (std::int32_t hop = 0; hop < hops && !frontier_.empty(); ++hop) {
        for (const auto node : frontier_) {
            go_along(node, stop);
        }
        frontier_.clear();
        arrive();
    }
    for (const auto node : frontier_) {
        here_[node] = 0;
    }
    frontier_.clear();
    for (const auto node : visited_) {
        seen_[node] = 0;
    }
    visited_.clear();
    for (unsigned i = 0; i < starts.size(); ++i) {
        counts[i] = sums_.of(i);
    }
}

void k_hop::begin(std::span<const std::uint32_t> starts)
{
    sums_ = {};
    for (std::size_t i = 0; i < starts.size(); ++i) {
        const auto start = starts[i];
        if (seen_[start] == 0) {
            frontier_.push_back(start);
            visited_.push_back(start);
        }
        seen_[start] |= std::uint64_t{1} << i;
        here_[start] |= std::uint64_t{1} << i;
    }
}

void k_hop::go_along(std::uint32_t node, edge_poller& stop)
{
    const auto searches = std::exchange(here_[node], 0);
    const auto neighbours = graph_.of(node);
    stop.in_parts(neighbours.size(), [&](std::size_t begin, std::size_t end) {
        for (const auto other : neighbours.subspan(begin, end - begin)) {
            if (const auto fresh = searches & ~seen_[other]; fresh != 0) {
                if (next_[other] == 0) {
                    reached_.push_back(other);
                }
                next_[other] |= fresh;
            }
        }
    });
}

void k_hop::arrive()
{
    for (const auto node : reached_) {
        if (seen_[node] == 0) {
            visited_.push_back(node);
        }
        seen_[node] |= next_[node];
        sums_.add(next_[node]);
    }
    here_.swap(next_);
    frontier_.swap(reached_);
}

} // namespace etl::feature
