// The edges of a graph as they come, between numbered nodes.
//
// They lie in pieces of one size, so that a long list is neither copied nor held twice while it grows, and is given
// back piece by piece while something else is made of it.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <vector>

namespace etl::feature {

struct edge {
    std::uint32_t from;
    std::uint32_t to;
};

class edge_list {
  public:
    static constexpr std::size_t edges_in_piece = 65536;

    struct piece {
        std::pmr::vector<edge> edges;
        std::pmr::vector<double> weights; // of the edges; empty where they have none
    };

    edge_list(bool weighted, std::pmr::memory_resource* memory) : weighted_{weighted}, pieces_{memory} {}

    // The weight counts in a weighted list only.
    void add(edge of, double weight = 1)
    {
        if (pieces_.empty() || pieces_.back().edges.size() == edges_in_piece) {
            add_piece();
        }
        pieces_.back().edges.push_back(of);
        if (weighted_) {
            pieces_.back().weights.push_back(weight);
        }
    }

    bool is_weighted() const noexcept { return weighted_; }
    std::pmr::vector<piece>& pieces() noexcept { return pieces_; }
    const std::pmr::vector<piece>& pieces() const noexcept { return pieces_; }
    std::pmr::memory_resource* memory() const noexcept { return pieces_.get_allocator().resource(); }

    std::size_t size() const noexcept
    {
        return pieces_.empty() ? 0 : (pieces_.size() - 1) * edges_in_piece + pieces_.back().edges.size();
    }

  private:
    void add_piece()
    {
        piece made{std::pmr::vector<edge>{memory()}, std::pmr::vector<double>{memory()}};
        if (!pieces_.empty()) { // a small graph takes no more than it needs
            made.edges.reserve(edges_in_piece);
            made.weights.reserve(weighted_ ? edges_in_piece : 0);
        }
        pieces_.push_back(std::move(made));
    }

    bool weighted_;
    std::pmr::vector<piece> pieces_;
};

} // namespace etl::feature
