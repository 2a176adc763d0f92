// The neighbours of each node of a graph, one list after the other ("compressed sparse rows"): as many words as there
// are edges, and an algorithm that goes through the nodes reads memory forwards.
#pragma once

#include "feature/edge_list.hpp"
#include "feature/edge_poller.hpp"
#include "sketch/fingerprint.hpp"

#include <span>

namespace etl::feature {

enum class neighbours { sources, targets, both };

class csr {
  public:
    // Takes the edges between nodes 0 … nodes - 1 apart. Parallel edges become one, with the sum of their weights.
    csr(edge_list&& edges, std::uint32_t nodes, neighbours of, edge_poller& stop);

    std::uint32_t nodes() const noexcept { return static_cast<std::uint32_t>(begins_.size() - 1); }
    std::uint64_t edges() const noexcept { return begins_.back(); }
    bool is_weighted() const noexcept { return weighted_; }
    std::pmr::memory_resource* memory() const noexcept { return begins_.get_allocator().resource(); }

    // Ascending, none twice.
    std::span<const std::uint32_t> of(std::uint32_t node) const noexcept
    {
        return {ends_.data() + begins_[node], ends_.data() + begins_[node + 1]};
    }
    // The weights of the edges to or from them; empty where the graph has none.
    std::span<const double> weights(std::uint32_t node) const noexcept
    {
        return {weights_.data() + (weighted_ ? begins_[node] : 0), weighted_ ? length(node) : 0};
    }
    std::span<double> weights(std::uint32_t node) noexcept
    {
        return {weights_.data() + (weighted_ ? begins_[node] : 0), weighted_ ? length(node) : 0};
    }

  private:
    std::size_t length(std::uint32_t node) const noexcept { return begins_[node + 1] - begins_[node]; }

    void count(const edge_list& edges, neighbours of, edge_poller& stop);
    void deal(edge_list&& edges, neighbours of, edge_poller& stop);
    void merge_parallel(edge_poller& stop);
    std::uint64_t append_merged(std::span<std::uint32_t> list, std::uint64_t to, edge_poller& stop);
    std::uint64_t append_weighted(std::uint64_t from, std::uint64_t length, std::uint64_t to,
                                  std::pmr::vector<fingerprint>& list, edge_poller& stop);

    bool weighted_;
    std::pmr::vector<std::uint64_t> begins_; // of each node's list in ends_, and the end of the last
    std::pmr::vector<std::uint32_t> ends_;   // the other ends of the edges
    std::pmr::vector<double> weights_;
};

} // namespace etl::feature
