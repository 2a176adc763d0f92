#include "feature/pagerank.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

double sum_of(std::span<const double> numbers, edge_poller& stop)
{
    double sum = 0;
    stop.in_parts(numbers.size(), [&](std::size_t begin, std::size_t end) {
        for (auto i = begin; i < end; ++i) {
            sum += numbers[i];
        }
    });
    return sum;
}

void divide(std::span<double> numbers, double by, edge_poller& stop)
{
    stop.in_parts(numbers.size(), [&](std::size_t begin, std::size_t end) {
        for (auto i = begin; i < end; ++i) {
            numbers[i] /= by;
        }
    });
}

class ranking {
  public:
    // Preferences are taken relative to the largest, so that no sum of them is infinite.
    ranking(const pagerank_graph& graph, std::span<const double> preferences, double damping, edge_poller& stop)
        : graph_{graph}, damping_{damping}, nodes_{graph.incoming().nodes()},
          jumps_(preferences.begin(), preferences.end(), graph.incoming().memory()),
          ranks_(nodes_, 1.0 / nodes_, graph.incoming().memory()), given_(nodes_, graph.incoming().memory())
    {
        const double most = jumps_.empty() ? 1 : *std::max_element(jumps_.begin(), jumps_.end());
        divide(jumps_, most, stop);
        divide(jumps_, sum_of(jumps_, stop), stop);
    }

    // One iteration. Returns by how much it changes the ranks in sum.
    double iterate(edge_poller& stop)
    {
        const double jumping = give(stop);
        double change = 0;
        for (std::uint32_t node = 0; node < nodes_; ++node) {
            const double jumped = jumps_.empty() ? jumping / nodes_ : jumping * jumps_[node];
            const double rank = jumped + damping_ * received(node, stop);
            change += std::abs(rank - ranks_[node]);
            ranks_[node] = rank;
        }
        return change;
    }

    // Takes what rounding has added or lost out of the sum.
    std::pmr::vector<double> take_ranks(edge_poller& stop)
    {
        divide(ranks_, sum_of(ranks_, stop), stop);
        return std::move(ranks_);
    }

  private:
    // Sets what each node gives along its edges: to each the same or, in a weighted graph, what they share. Returns
    // what is spread by jumps.
    double give(edge_poller& stop)
    {
        const bool weighted = graph_.incoming().is_weighted();
        double dangling = 0;
        stop.in_parts(nodes_, [&](std::size_t begin, std::size_t end) {
            for (auto node = static_cast<std::uint32_t>(begin); node < end; ++node) {
                if (const double out = graph_.out_weight(node); out > 0) {
                    given_[node] = weighted ? ranks_[node] : ranks_[node] / out;
                } else {
                    given_[node] = 0;
                    dangling += ranks_[node];
                }
            }
        });
        return 1.0 - damping_ + damping_ * dangling;
    }

    double received(std::uint32_t node, edge_poller& stop) const
    {
        const auto sources = graph_.incoming().of(node);
        const auto shares = graph_.incoming().weights(node);
        return shares.empty()
                   ? summed(sources.size(), stop, [&](std::size_t i) { return given_[sources[i]]; })
                   : summed(sources.size(), stop, [&](std::size_t i) { return given_[sources[i]] * shares[i]; });
    }

    template <class Of>
    static double summed(std::size_t count, edge_poller& stop, Of&& of)
    {
        double sum = 0;
        stop.in_parts(count, [&](std::size_t begin, std::size_t end) {
            for (auto i = begin; i < end; ++i) {
                sum += of(i);
            }
        });
        return sum;
    }

    const pagerank_graph& graph_;
    double damping_;
    std::uint32_t nodes_;
    std::pmr::vector<double> jumps_; // by node, their sum is 1; empty where all are alike
    std::pmr::vector<double> ranks_;
    std::pmr::vector<double> given_;
};

std::string shown(double number)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.15g", number);
    return text;
}

} // namespace

pagerank_graph::pagerank_graph(edge_list&& edges, std::uint32_t nodes, edge_poller stop)
    : incoming_{std::move(edges), nodes, neighbours::sources, stop}, out_weights_(nodes, incoming_.memory())
{
    for (std::uint32_t node = 0; node < nodes; ++node) {
        const auto sources = incoming_.of(node);
        const auto weights = std::as_const(incoming_).weights(node);
        stop.in_parts(sources.size(), [&](std::size_t begin, std::size_t end) {
            for (auto i = begin; i < end; ++i) {
                out_weights_[sources[i]] += weights.empty() ? 1 : weights[i];
            }
        });
    }
}

// The number of nodes where there is none.
std::uint32_t pagerank_graph::first_infinite(poll_fn poll) const
{
    poller stop{poll};
    std::uint32_t node = 0;
    while (node < out_weights_.size() && !std::isinf(out_weights_[node])) {
        ++node;
        stop.tick();
    }
    return node;
}

void pagerank_graph::refuse_infinite(std::string_view name)
{
    throw error(sqlstate::numeric_value_out_of_range,
                "the weights of the edges from node \"" + std::string{name} + "\" are too large to be summed", {},
                "Divide all weights by a number: only their proportions count.");
}

void pagerank_graph::make_shares(poll_fn poll)
{
    edge_poller stop{poll};
    for (std::uint32_t node = 0; node < incoming_.nodes() && incoming_.is_weighted(); ++node) {
        const auto sources = incoming_.of(node);
        const auto weights = incoming_.weights(node);
        stop.in_parts(sources.size(), [&](std::size_t begin, std::size_t end) {
            for (auto i = begin; i < end; ++i) {
                weights[i] = weights[i] > 0 ? weights[i] / out_weights_[sources[i]] : 0;
            }
        });
    }
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

pagerank_result pagerank(const pagerank_graph& graph, std::span<const double> preferences,
                         const pagerank_options& options, poll_fn poll)
{
    check_options(options);
    pagerank_result result{std::pmr::vector<double>{graph.incoming().memory()}, 0, 0.0, true};
    if (graph.incoming().nodes() == 0) {
        return result;
    }
    edge_poller stop{poll};
    ranking ranks{graph, preferences, options.damping, stop};
    const double enough = options.tolerance * graph.incoming().nodes();
    do {
        result.change = ranks.iterate(stop);
        result.converged = result.change < enough;
        ++result.iterations;
    } while (!result.converged && result.iterations < options.max_iterations);
    result.ranks = ranks.take_ranks(stop);
    return result;
}

} // namespace etl::feature
