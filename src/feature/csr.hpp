// The neighbours of each node of a graph, one list after the other ("compressed sparse rows"): as many words as there
// are edges, and an algorithm that goes through the nodes reads memory forwards.
#pragma once

#include "feature/edge_list.hpp"
#include "feature/edge_poller.hpp"

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
    using numbers = std::pmr::vector<std::uint32_t>;
    using offsets = std::pmr::vector<std::uint64_t>;
    using doubles = std::pmr::vector<double>;

    std::size_t length(std::uint32_t node) const noexcept { return begins_[node + 1] - begins_[node]; }

    struct sorted {
        numbers heads; // of the edges by their tail
        doubles weights;
    };

    sorted sort_by_tail(edge_list&& edges, neighbours of, offsets& next, edge_poller& stop);
    void deal(const sorted& edges, const offsets& tail_ends, edge_poller& stop);
    void append(std::uint64_t& end, std::uint32_t head, std::uint32_t tail, const double* weight);
    void close_gaps(const offsets& list_ends);

    bool weighted_;
    offsets begins_; // of each node's list in ends_, and the end of the last
    numbers ends_;   // the other ends of the edges
    doubles weights_;
};

} // namespace etl::feature
