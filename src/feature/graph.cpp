#include "feature/graph.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <span>
#include <string>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

// Polls by the number of edges done, for a list may be one edge long or most of the graph.
class edge_poller {
  public:
    static constexpr std::size_t interval = 65536;

    explicit edge_poller(poll_fn poll) : poll_{poll} {}
    void done(std::size_t edges)
    {
        done_ += edges;
        if (done_ >= interval) {
            done_ = 0;
            poll_();
        }
    }

  private:
    poll_fn poll_;
    std::size_t done_ = 0;
};

// For each node the nodes that point to it, without repetition, and the number of nodes that it points to.
class incoming_lists {
  public:
    incoming_lists(const graph& from, edge_poller& stop)
        : begins_(from.node_count() + std::size_t{1}, from.memory()), ends_{from.memory()},
          sources_(from.edges().size(), from.memory()), out_degrees_(from.node_count(), from.memory())
    {
        const auto targets_by_source = sort_by_source(from, stop);
        fill(from, targets_by_source, stop);
    }

    std::span<const std::uint32_t> into(std::size_t node) const noexcept
    {
        return {sources_.data() + begins_[node], sources_.data() + ends_[node]};
    }
    std::uint32_t out_degree(std::size_t node) const noexcept { return out_degrees_[node]; }

  private:
    using numbers = std::pmr::vector<std::uint32_t>;
    using offsets = std::pmr::vector<std::uint64_t>;

    // What begins where, when there are so many of each.
    static void counts_to_begins(offsets& counts)
    {
        std::uint64_t sum = 0;
        for (auto& count : counts) {
            sum += std::exchange(count, sum);
        }
    }

    // A counting sort of the edges by their source; also sets begins_, for the lists by target.
    numbers sort_by_source(const graph& from, edge_poller& stop)
    {
        offsets next(begins_.size(), from.memory());
        for (const auto& edge : from.edges()) {
            ++next[edge.from];
            ++begins_[edge.to];
            stop.done(1);
        }
        counts_to_begins(next);
        counts_to_begins(begins_);
        numbers targets(from.edges().size(), from.memory());
        for (const auto& edge : from.edges()) {
            targets[next[edge.from]++] = edge.to;
            ++out_degrees_[edge.from];
            stop.done(1);
        }
        return targets;
    }

    // Deals the edges out to their targets. They come by source, so repetitions of an edge meet in their list.
    void fill(const graph& from, const numbers& targets_by_source, edge_poller& stop)
    {
        ends_.assign(begins_.begin(), begins_.end() - 1);
        std::size_t at = 0;
        for (std::uint32_t source = 0; source < from.node_count(); ++source) {
            for (auto left = out_degrees_[source]; left > 0; --left) {
                append(source, targets_by_source[at++]);
                stop.done(1);
            }
        }
    }

    void append(std::uint32_t source, std::uint32_t target)
    {
        auto& end = ends_[target];
        if (end > begins_[target] && sources_[end - 1] == source) {
            --out_degrees_[source];
            return;
        }
        sources_[end++] = source;
    }

    offsets begins_;
    offsets ends_;
    numbers sources_;
    numbers out_degrees_;
};

class ranking {
  public:
    ranking(const graph& of, double damping, edge_poller& stop)
        : lists_{of, stop}, damping_{damping}, nodes_{of.node_count()},
          ranks_(nodes_, 1.0 / static_cast<double>(nodes_), of.memory()), shares_(nodes_, of.memory())
    {
    }

    // One iteration. Returns by how much it changes the ranks in sum.
    double iterate(edge_poller& stop)
    {
        const double everywhere = spread(stop);
        double change = 0;
        for (std::size_t node = 0; node < nodes_; ++node) {
            const double rank = everywhere + damping_ * sum_of_shares(lists_.into(node), stop);
            change += std::abs(rank - ranks_[node]);
            ranks_[node] = rank;
            stop.done(1);
        }
        return change;
    }

    // Takes what rounding has added or lost out of the sum.
    std::pmr::vector<double> take_ranks()
    {
        double sum = 0;
        for (const double rank : ranks_) {
            sum += rank;
        }
        for (double& rank : ranks_) {
            rank /= sum;
        }
        return std::move(ranks_);
    }

  private:
    // Sets what each node gives to each that it points to; returns what every node gets from all of them.
    double spread(edge_poller& stop)
    {
        double dangling = 0;
        for (std::size_t node = 0; node < nodes_; ++node) {
            if (const auto degree = lists_.out_degree(node); degree > 0) {
                shares_[node] = ranks_[node] / degree;
            } else {
                dangling += ranks_[node];
            }
            stop.done(1);
        }
        return (1.0 - damping_ + damping_ * dangling) / static_cast<double>(nodes_);
    }

    double sum_of_shares(std::span<const std::uint32_t> sources, edge_poller& stop) const
    {
        double sum = 0;
        while (!sources.empty()) {
            const auto part = sources.first(std::min(sources.size(), edge_poller::interval));
            for (const auto source : part) {
                sum += shares_[source];
            }
            stop.done(part.size());
            sources = sources.subspan(part.size());
        }
        return sum;
    }

    incoming_lists lists_;
    double damping_;
    std::size_t nodes_;
    std::pmr::vector<double> ranks_;
    std::pmr::vector<double> shares_;
};

std::string shown(double number)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.15g", number);
    return text;
}

} // namespace

void graph::add_edge(std::string_view from, std::string_view to)
{
    const std::uint32_t source = names_.number_of(from);
    edges_.push_back({source, names_.number_of(to)});
}

void check_options(const pagerank_options& options)
{
    if (!(options.damping >= 0.0 && options.damping < 1.0)) {
        throw error(sqlstate::invalid_parameter_value,
                    "damping must be at least 0 and less than 1, not " + shown(options.damping));
    }
    if (!(options.tolerance > 0.0 && std::isfinite(options.tolerance))) {
        throw error(sqlstate::invalid_parameter_value,
                    "tolerance must be a number greater than 0, not " + shown(options.tolerance));
    }
    if (options.max_iterations < 1) {
        throw error(sqlstate::invalid_parameter_value,
                    "max_iterations must be at least 1, not " + std::to_string(options.max_iterations));
    }
}

pagerank_result pagerank(const graph& edges, const pagerank_options& options, poll_fn poll)
{
    check_options(options);
    pagerank_result result{std::pmr::vector<double>{edges.memory()}, 0, 0.0, true};
    if (edges.node_count() == 0) {
        return result;
    }
    edge_poller stop{poll};
    ranking ranks{edges, options.damping, stop};
    const double enough = options.tolerance * edges.node_count();
    do {
        result.change = ranks.iterate(stop);
        result.converged = result.change < enough;
        ++result.iterations;
    } while (!result.converged && result.iterations < options.max_iterations);
    result.ranks = ranks.take_ranks();
    return result;
}

} // namespace etl
