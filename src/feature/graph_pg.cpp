// etl.connected_components, etl.degree and etl.k_hop_count.
#include "feature/graph.hpp"
#include "feature/graph_memory.hpp"
#include "feature/graph_reader_pg.hpp"
#include "feature/k_hop.hpp"
#include "feature/node_rows_pg.hpp"
#include "pg/settings.hpp"
#include "pg/text_array.hpp"

extern "C" {
#include <utils/array.h>
}

#include <cmath>

namespace {

using namespace etl;
using namespace etl::feature;

// A graph being read, with its memory.
struct reading {
    pg::context_resource upstream;
    graph_memory memory{&upstream, pg::graph_memory_bytes()};
    graph_nodes nodes{&memory};
    pg::spi_session session;
};

// Needs no edges but while they come.
class components_sink final : public edge_sink {
  public:
    explicit components_sink(reading& of) : components{&of.memory}, nodes_{of.nodes} {}

    void take(std::span<const edge> edges, std::span<const double>) override
    {
        components.grow(nodes_.count());
        for (const auto& edge : edges) {
            components.unite(edge.from, edge.to);
        }
    }

    union_find components;

  private:
    const graph_nodes& nodes_;
};

class edges_sink final : public edge_sink {
  public:
    explicit edges_sink(reading& of) : list{false, &of.memory} {}

    void take(std::span<const edge> edges, std::span<const double>) override
    {
        for (const auto& edge : edges) {
            list.add(edge);
        }
    }

    edge_list list;
};

// The edges, and what they weigh together at each node.
class degree_sink final : public edge_sink {
  public:
    explicit degree_sink(reading& of) : edges{of}, in_weights{&of.memory}, out_weights{&of.memory}, nodes_{of.nodes} {}

    void take(std::span<const edge> list, std::span<const double> weights) override
    {
        in_weights.resize(nodes_.count());
        out_weights.resize(nodes_.count());
        for (std::size_t i = 0; i < list.size(); ++i) {
            in_weights[list[i].to] += weights[i];
            out_weights[list[i].from] += weights[i];
        }
        edges.take(list, weights);
    }

    edges_sink edges;
    std::pmr::vector<double> in_weights;
    std::pmr::vector<double> out_weights;

  private:
    const graph_nodes& nodes_;
};

neighbours read_direction(std::string_view direction)
{
    if (direction == "out") {
        return neighbours::targets;
    }
    if (direction == "in") {
        return neighbours::sources;
    }
    if (direction == "both") {
        return neighbours::both;
    }
    throw error(sqlstate::invalid_parameter_value, "unknown direction \"" + std::string{direction} + "\"",
                "The known ones are out, in, both.", "Call etl.k_hop_count(…, direction => 'out').");
}

// The names, of which none may be NULL; nullopt where there is no array.
std::optional<std::vector<std::string>> read_names(pg::arguments args, int i)
{
    if (args.is_null(i)) {
        return std::nullopt;
    }
    const auto array = args.datum(i);
    if (pg::call([array] { return array_contains_nulls(DatumGetArrayTypeP(array)); })) {
        throw error(sqlstate::null_value_not_allowed, "an element of nodes is NULL", {},
                    "Leave it out, as in array_remove(nodes, NULL).");
    }
    return pg::read_text_array(array);
}

// Counts from all nodes or, where there are names, from the nodes of those names; an unknown one reaches nothing.
class hop_counts {
  public:
    hop_counts(edge_list&& edges, neighbours wanted, const graph_nodes& nodes)
        : nodes_{nodes}, stop_{pg::poll}, around_{std::move(edges), nodes.count(), wanted, stop_}, search_{around_}
    {
    }

    void put(std::int32_t hops, const std::optional<std::vector<std::string>>& names, node_rows& to)
    {
        const std::size_t rows = names ? names->size() : nodes_.count();
        for (std::size_t begin = 0; begin < rows; begin += k_hop::most_starts) {
            const auto end = std::min(rows, begin + k_hop::most_starts);
            starts_.clear();
            for (auto i = begin; i < end; ++i) {
                start(i - begin, names ? nodes_.known((*names)[i]) : static_cast<std::uint32_t>(i));
            }
            search_.count(starts_, hops, counts_, stop_);
            for (auto i = begin; i < end; ++i) {
                const auto name = names ? (*names)[i] : nodes_.name(static_cast<std::uint32_t>(i));
                const auto place = places_[i - begin];
                const auto reached = place < starts_.size() ? counts_[place] : 0;
                to.put(name, [&](auto values, auto) { values[1] = Int64GetDatum(static_cast<std::int64_t>(reached)); });
            }
        }
    }

  private:
    void start(std::size_t row, std::optional<std::uint32_t> node)
    {
        places_[row] = node ? starts_.size() : k_hop::most_starts;
        if (node) {
            starts_.push_back(*node);
        }
    }

    const graph_nodes& nodes_;
    edge_poller stop_;
    csr around_;
    k_hop search_;
    std::vector<std::uint32_t> starts_;
    std::array<std::size_t, k_hop::most_starts> places_; // of the rows among the starts
    std::array<std::uint64_t, k_hop::most_starts> counts_;
};

void require_finite(double sum, const graph_nodes& nodes, std::uint32_t node)
{
    if (!std::isfinite(sum)) {
        throw error(sqlstate::numeric_value_out_of_range,
                    "the weights of the edges of node \"" + nodes.name(node) + "\" are too large to be summed");
    }
}

} // namespace

ETL_FUNCTION(etl_connected_components, args)
{
    const auto query = args.get<std::string_view>(0);
    pg::result_set rows{args};

    reading graph;
    components_sink sink{graph};
    read_graph(std::string{query}, "connected_components", false, graph.nodes, sink);
    const auto first = first_of_component(
        sink.components, pg::poll, [&](std::uint32_t a, std::uint32_t b) { return graph.nodes.is_before(a, b); });
    pg::text_maker component{&graph.upstream};
    graph_nodes::name_space space;
    node_rows{rows}.put_all(graph.nodes, [&](std::uint32_t node, auto values, auto) {
        values[1] = component.make(graph.nodes.name(first[node], space));
    });
    return rows.finish();
}

ETL_FUNCTION(etl_degree, args)
{
    const auto query = args.get<std::string_view>(0);
    const bool weighted = args.get<bool>(1);
    pg::result_set rows{args};

    reading graph;
    degree_sink sink{graph};
    read_graph(std::string{query}, "degree", weighted, graph.nodes, sink);
    edge_poller stop{pg::poll};
    const csr incoming{std::move(sink.edges.list), graph.nodes.count(), neighbours::sources, stop};
    const auto degrees = degrees_of(incoming, stop);
    node_rows{rows}.put_all(graph.nodes, [&](std::uint32_t node, auto values, auto) {
        require_finite(sink.in_weights[node], graph.nodes, node);
        require_finite(sink.out_weights[node], graph.nodes, node);
        values[1] = Int64GetDatum(degrees[node].in);
        values[2] = Int64GetDatum(degrees[node].out);
        values[3] = Int64GetDatum(degrees[node].in + degrees[node].out);
        values[4] = Float8GetDatum(sink.in_weights[node]);
        values[5] = Float8GetDatum(sink.out_weights[node]);
    });
    return rows.finish();
}

ETL_FUNCTION(etl_k_hop_count, args)
{
    const auto query = args.get<std::string_view>(0);
    const auto hops = args.get<std::int32_t>(1);
    const auto direction = args.get<std::string_view>(2);
    pg::result_set rows{args};

    if (hops < 1) {
        throw error(sqlstate::invalid_parameter_value, "k must be at least 1, not " + std::to_string(hops));
    }
    const auto wanted = read_direction(direction);
    const auto names = read_names(args, 3);
    reading graph;
    edges_sink sink{graph};
    read_graph(std::string{query}, "k_hop_count", false, graph.nodes, sink);
    node_rows to{rows};
    hop_counts{std::move(sink.list), wanted, graph.nodes}.put(hops, names, to);
    return rows.finish();
}
