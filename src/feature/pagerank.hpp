// PageRank: the share of time that somebody spends at each node who follows edges at random and, now and then, jumps.
#pragma once

#include "feature/csr.hpp"

namespace etl::feature {

struct pagerank_options {
    double damping = 0.85;
    double tolerance = 1e-9;
    std::int32_t max_iterations = 100;
};

// Throws where an option lies out of range.
void check_options(const pagerank_options& options);

// A graph made ready: who points to each node and, of each node's rank, how much goes along an edge.
class pagerank_graph {
  public:
    // Weights are finite and not negative. Throws on a node whose weights sum to infinity; name_of(node) names it.
    template <class NameOf>
    pagerank_graph(edge_list&& edges, std::uint32_t nodes, poll_fn poll, NameOf&& name_of)
        : pagerank_graph{std::move(edges), nodes, edge_poller{poll}}
    {
        if (const auto node = first_infinite(poll); node < nodes) {
            refuse_infinite(name_of(node));
        }
        make_shares(poll);
    }

    const csr& incoming() const noexcept { return incoming_; }

    // The number of a node's outgoing edges, or their weight together; a node without either is dangling.
    double out_weight(std::uint32_t node) const noexcept { return out_weights_[node]; }

  private:
    pagerank_graph(edge_list&& edges, std::uint32_t nodes, edge_poller stop);
    std::uint32_t first_infinite(poll_fn poll) const;
    [[noreturn]] static void refuse_infinite(std::string_view name);
    void make_shares(poll_fn poll);

    csr incoming_; // its weights are shares of their source's rank
    std::pmr::vector<double> out_weights_;
};

struct pagerank_result {
    std::pmr::vector<double> ranks; // by node; their sum is 1
    std::int32_t iterations;
    double change; // of all ranks together in the last iteration
    bool converged;
};

// PageRank by power iteration (L. Page, S. Brin, R. Motwani, T. Winograd, "The PageRank citation ranking: bringing
// order to the web", 1999). Jumps go to every node alike or, where there are preferences (one a node, not negative,
// not all zero), in proportion to them; so does the rank of dangling nodes. Ends when one iteration changes the ranks
// by less than tolerance times the number of nodes in sum. Throws on options out of range.
pagerank_result pagerank(const pagerank_graph& graph, std::span<const double> preferences,
                         const pagerank_options& options, poll_fn poll);

} // namespace etl::feature
