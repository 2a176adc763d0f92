#include "feature/k_hop.hpp"

#include <utility>

#include "core/cpp_only.hpp"

namespace etl::feature {

k_hop::k_hop(const csr& graph)
    : graph_{graph},
      marks_(graph.nodes(), graph.memory()), frontier_{graph.memory()}, reached_{graph.memory()}, visited_{
                                                                                                      graph.memory()}
{
}

void k_hop::count(std::span<const std::uint32_t> starts, std::int32_t hops, std::span<std::uint64_t> counts,
                  edge_poller& stop)
{
    begin(starts, stop);
    for (std::int32_t hop = 0; hop < hops && !frontier_.empty(); ++hop) {
        for (const auto node : frontier_) {
            go_along(node, stop);
        }
        arrive(stop);
    }
    for (unsigned i = 0; i < starts.size(); ++i) {
        counts[i] = sums_.of(i);
    }
}

void k_hop::begin(std::span<const std::uint32_t> starts, edge_poller& stop)
{
    sums_ = {};
    stop.in_parts(visited_.size(), [&](std::size_t begin, std::size_t end) {
        for (auto i = begin; i < end; ++i) {
            marks_[visited_[i]] = {};
        }
    });
    visited_.clear();
    frontier_.clear();
    for (std::size_t i = 0; i < starts.size(); ++i) {
        auto& start = marks_[starts[i]];
        if (start.seen == 0) {
            frontier_.push_back(starts[i]);
            visited_.push_back(starts[i]);
        }
        start.seen |= std::uint64_t{1} << i;
        start.here = start.seen;
    }
}

void k_hop::go_along(std::uint32_t node, edge_poller& stop)
{
    const auto searches = marks_[node].here;
    const auto neighbours = graph_.of(node);
    stop.in_parts(neighbours.size(), [&](std::size_t begin, std::size_t end) {
        for (const auto other : neighbours.subspan(begin, end - begin)) {
            auto& at = marks_[other];
            if (const auto fresh = searches & ~at.seen; fresh != 0) {
                if (at.next == 0) {
                    reached_.push_back(other);
                }
                at.next |= fresh;
            }
        }
    });
}

void k_hop::arrive(edge_poller& stop)
{
    stop.in_parts(reached_.size(), [&](std::size_t begin, std::size_t end) {
        for (auto i = begin; i < end; ++i) {
            auto& at = marks_[reached_[i]];
            if (at.seen == 0) {
                visited_.push_back(reached_[i]);
            }
            at.seen |= at.next;
            at.here = std::exchange(at.next, 0);
            sums_.add(at.here);
        }
    });
    frontier_.swap(reached_);
    reached_.clear();
}

} // namespace etl::feature
