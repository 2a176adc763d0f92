// Directed graphs and PageRank.
//
// A graph takes its edges one by one, in any order, and is ranked as a whole: the edges become, for each node, the
// list of the nodes that point to it, so that an iteration reads memory forwards and writes each rank once.
#pragma once

#include "core/error.hpp"
#include "sketch/node_names.hpp"

#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <vector>

namespace etl {

class graph {
  public:
    explicit graph(std::pmr::memory_resource* memory) : names_{memory}, edges_{memory} {}

    // An edge given twice counts once; an edge from a node to itself is an edge.
    void add_edge(std::string_view from, std::string_view to);

    std::uint32_t node_count() const noexcept { return names_.count(); }
    std::string_view name(std::uint32_t node) const noexcept { return names_.name(node); }

    struct edge {
        std::uint32_t from;
        std::uint32_t to;
    };
    const std::pmr::vector<edge>& edges() const noexcept { return edges_; }
    std::pmr::memory_resource* memory() const noexcept { return edges_.get_allocator().resource(); }

  private:
    node_names names_;
    std::pmr::vector<edge> edges_;
};

struct pagerank_options {
    double damping = 0.85;
    double tolerance = 1e-9;
    std::int32_t max_iterations = 100;
};

// Throws where an option lies out of range.
void check_options(const pagerank_options& options);

struct pagerank_result {
    std::pmr::vector<double> ranks; // by node; their sum is 1
    std::int32_t iterations;
    double change; // of all ranks together in the last iteration
    bool converged;
};

// PageRank by power iteration (L. Page, S. Brin, R. Motwani, T. Winograd, "The PageRank citation ranking: bringing
// order to the web", 1999). The rank of a node without outgoing edges is spread evenly over all nodes. Ends when one
// iteration changes the ranks by less than tolerance times the number of nodes in sum. Throws on options out of range.
pagerank_result pagerank(const graph& edges, const pagerank_options& options, poll_fn poll);

} // namespace etl
