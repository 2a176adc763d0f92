// etl.pagerank: edges from a query into the core, ranks out of it. And what the last call of this session did.
#include "feature/pagerank.hpp"
#include "feature/graph_memory.hpp"
#include "feature/graph_reader_pg.hpp"
#include "feature/node_rows_pg.hpp"
#include "pg/notice.hpp"
#include "pg/settings.hpp"

#include <chrono>
#include <cstdio>

namespace {

using namespace etl;
using namespace etl::feature;

struct report {
    bool is_given;
    std::uint32_t nodes;
    std::uint64_t edges;
    std::int32_t iterations;
    double change;
    bool converged;
    double seconds;
    std::size_t memory;
};

report last_call = {}; // of this session; all trivial, so that it needs no care

class edges_to_rank final : public edge_sink {
  public:
    edges_to_rank(bool weighted, std::pmr::memory_resource* memory) : list{weighted, memory} {}

    void take(std::span<const edge> edges, std::span<const double> weights) override
    {
        for (std::size_t i = 0; i < edges.size(); ++i) {
            list.add(edges[i], weights[i]);
        }
    }

    edge_list list;
};

std::string shown(const char* format, double number)
{
    char text[64];
    std::snprintf(text, sizeof text, format, number);
    return text;
}

void warn_of_short_run(const pagerank_result& result, std::uint32_t nodes)
{
    pg::warn("pagerank has not converged after " + std::to_string(result.iterations) + " iterations",
             "The last iteration still changed the ranks of " + std::to_string(nodes) + " nodes by " +
                 shown("%.3g", result.change) + " in sum.",
             "Raise max_iterations, or be content with a greater tolerance.");
}

void tell(const report& of)
{
    pg::debug("pagerank has " + std::string{of.converged ? "converged" : "not converged"} + " after " +
                  std::to_string(of.iterations) + " iterations",
              std::to_string(of.nodes) + " nodes, " + std::to_string(of.edges) + " edges, a change of " +
                  shown("%.3g", of.change) + " in the last iteration, " + shown("%.3f", of.seconds) + " s, " +
                  std::to_string(of.memory / 1024) + " kB.");
}

struct request {
    std::string edges;
    pagerank_options options;
    bool weighted;
    std::optional<std::string> personalization;
};

void rank(const request& asked, node_rows& rows)
{
    const auto begin = std::chrono::steady_clock::now();
    pg::context_resource upstream;
    graph_memory memory{&upstream, pg::graph_memory_bytes()};
    graph_nodes nodes{&memory};
    edges_to_rank edges{asked.weighted, &memory};
    const pg::spi_session session;
    read_graph(asked.edges, "pagerank", asked.weighted, nodes, edges);
    const auto preferences = asked.personalization ? read_preferences(*asked.personalization, nodes, &memory)
                                                   : std::pmr::vector<double>{&memory};
    const pagerank_graph graph{std::move(edges.list), nodes.count(), pg::poll,
                               [&](std::uint32_t node) { return nodes.name(node); }};
    const auto result = pagerank(graph, preferences, asked.options, pg::poll);
    rows.put_all(nodes, [&](std::uint32_t node, std::span<Datum> values, std::span<bool>) {
        values[1] = Float8GetDatum(result.ranks[node]);
    });
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    last_call = {
        true,          nodes.count(), graph.incoming().edges(), result.iterations, result.change, result.converged,
        taken.count(), memory.peak()};
    tell(last_call);
    if (!result.converged) {
        warn_of_short_run(result, nodes.count());
    }
}

} // namespace

ETL_FUNCTION(etl_pagerank, args)
{
    const auto query = args.get<std::string_view>(0);
    const pagerank_options options{args.get<double>(1), args.get<double>(2), args.get<std::int32_t>(3)};
    const bool weighted = args.get<bool>(4);
    const auto personalization = args.is_null(5) ? std::nullopt : std::optional{args.get<std::string_view>(5)};
    pg::result_set rows{args};

    check_options(options);
    node_rows to{rows};
    rank({std::string{query}, options, weighted,
          personalization ? std::optional{std::string{*personalization}} : std::nullopt},
         to);
    return rows.finish();
}

ETL_FUNCTION(etl_pagerank_info, args)
{
    pg::result_set rows{args};
    if (last_call.is_given) {
        Datum values[] = {Int64GetDatum(last_call.nodes),
                          Int64GetDatum(static_cast<std::int64_t>(last_call.edges)),
                          Int32GetDatum(last_call.iterations),
                          Float8GetDatum(last_call.change),
                          BoolGetDatum(last_call.converged),
                          Float8GetDatum(last_call.seconds),
                          Int64GetDatum(static_cast<std::int64_t>(last_call.memory))};
        bool nulls[std::size(values)] = {};
        rows.put(values, nulls);
    }
    return rows.finish();
}
