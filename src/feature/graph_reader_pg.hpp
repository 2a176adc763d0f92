// A graph from a query: two columns of nodes and, in a weighted graph, a third of weights.
#pragma once

#include "feature/edge_list.hpp"
#include "feature/graph_nodes.hpp"
#include "pg/spi.hpp"

namespace etl::feature {

// What takes the edges, in the order of the rows.
class edge_sink {
  public:
    // Between nodes that have their numbers now. As many weights as edges, which are 1 in a graph without.
    virtual void take(std::span<const edge> edges, std::span<const double> weights) = 0;

  protected:
    ~edge_sink() = default;
};

// Reads the whole query. Needs a live spi_session; `function` is named in the hints. A row with one NULL is a node
// without an edge.
void read_graph(const std::string& query, const char* function, bool weighted, graph_nodes& nodes, edge_sink& to);

// Reads nodes with a number each, not negative; of a node that comes twice, the sum. Returns the numbers by node: 0
// where it does not come. Throws on one that the graph does not have, and where none is above 0.
std::pmr::vector<double> read_preferences(const std::string& query, const graph_nodes& nodes,
                                          std::pmr::memory_resource* memory);

} // namespace etl::feature
