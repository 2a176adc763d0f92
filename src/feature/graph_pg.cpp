// etl.pagerank: edges from a query into the core, ranks out of it.
#include "feature/graph.hpp"
#include "pg/notice.hpp"
#include "pg/query.hpp"
#include "pg/result_set.hpp"
#include "pg/spi.hpp"
#include "pg/text_maker.hpp"

#include <cstdio>
#include <string>

namespace {

using etl::pg::arguments;

// All edges of the query. One with an unknown end is no edge.
void read_edges(etl::graph& into, const std::string& query)
{
    const etl::pg::spi_session session;
    etl::pg::require_select(query, "edges_query",
                            "Select two columns, as in etl.pagerank('SELECT referrer, referee FROM referrals').");
    etl::pg::text_cursor cursor{query, 2, "edges_query"};
    for (auto fields = cursor.fetch(); !fields.empty(); fields = cursor.fetch()) {
        for (std::size_t i = 0; i < fields.size(); i += 2) {
            if (!fields[i].is_null() && !fields[i + 1].is_null()) {
                into.add_edge(fields[i].view(), fields[i + 1].view());
            }
        }
        etl::pg::poll();
    }
}

void warn_of_short_run(const etl::pagerank_result& result, std::uint32_t nodes)
{
    char change[32];
    std::snprintf(change, sizeof change, "%.3g", result.change);
    etl::pg::warn("pagerank has not converged after " + std::to_string(result.iterations) + " iterations",
                  "The last iteration still changed the ranks of " + std::to_string(nodes) + " nodes by " + change +
                      " in sum.",
                  "Raise max_iterations, or be content with a greater tolerance.");
}

void put_ranks(etl::pg::result_set& rows, const etl::graph& graph, std::span<const double> ranks)
{
    etl::pg::text_maker names{graph.memory()};
    etl::poller stop{etl::pg::poll};
    for (std::uint32_t node = 0; node < ranks.size(); ++node) {
        Datum values[] = {names.make(graph.name(node)), Float8GetDatum(ranks[node])};
        bool nulls[] = {false, false};
        rows.put(values, nulls);
        stop.tick();
    }
}

} // namespace

ETL_FUNCTION(etl_pagerank, args)
{
    const auto query = args.get<std::string_view>(0);
    const etl::pagerank_options options{args.get<double>(1), args.get<double>(2), args.get<std::int32_t>(3)};
    etl::pg::result_set rows{args};

    etl::check_options(options);
    etl::pg::context_resource memory;
    etl::graph graph{&memory};
    read_edges(graph, std::string{query});
    const auto result = etl::pagerank(graph, options, etl::pg::poll);
    if (!result.converged) {
        warn_of_short_run(result, graph.node_count());
    }
    put_ranks(rows, graph, result.ranks);
    return rows.finish();
}
