#include "pipeline/lineage_graph.hpp"

#include "core/cpp_only.hpp"

#include <unordered_map>
#include <unordered_set>

namespace etl::pipeline {
namespace {

struct node_hash {
    std::size_t operator()(const lineage_node& node) const noexcept
    {
        constexpr std::uint64_t odd = 0x9E3779B97F4A7C15U;
        const auto key = (std::uint64_t{node.relation} << 32) | static_cast<std::uint32_t>(node.column);
        return static_cast<std::size_t>((key * odd) >> 16);
    }
};

struct reached {
    lineage_node node;
    std::int32_t depth;
};

class lineage_walk {
  public:
    lineage_walk(std::span<const lineage_edge> edges, const lineage_search& search, std::pmr::memory_resource* memory,
                 poll_fn poll)
        : edges_{edges}, search_{search}, at_relation_{memory}, seen_{memory}, told_(edges.size(), false, memory),
          values_(edges.size(), false, memory), waiting_{memory}, found_{memory}, poll_{poll}
    {
        for (std::size_t i = 0; i < edges_.size(); ++i) {
            at_relation_[near(edges_[i]).relation].push_back(i);
        }
    }

    std::pmr::vector<lineage_found> run()
    {
        go(true);
        values_.swap(told_);
        found_.clear();
        told_.assign(edges_.size(), false);
        go(false);
        return std::move(found_);
    }

  private:
    const lineage_node& near(const lineage_edge& edge) const { return search_.downstream ? edge.from : edge.to; }
    const lineage_node& far(const lineage_edge& edge) const { return search_.downstream ? edge.to : edge.from; }

    // All the way from the start, over direct edges only or over all.
    void go(bool direct)
    {
        seen_.clear();
        waiting_.clear();
        reach(search_.start, 0);
        std::size_t next = 0;
        while (next < waiting_.size()) { // which grows meanwhile
            const reached here = waiting_[next++];
            if (here.depth < search_.most) {
                go_on(here, direct);
            }
        }
    }

    void reach(lineage_node node, std::int32_t depth)
    {
        if (search_.whole) {
            node.column = 0;
        }
        if (seen_.insert(node).second) {
            waiting_.push_back({node, depth});
        }
    }

    bool continues(const lineage_node& here, const lineage_edge& edge) const
    {
        const std::int32_t column = near(edge).column;
        return search_.whole || column == here.column || (search_.downstream ? here.column : column) == 0;
    }

    void go_on(const reached& here, bool direct)
    {
        const auto edges = at_relation_.find(here.node.relation);
        if (edges == at_relation_.end()) {
            return;
        }
        for (const std::size_t i : edges->second) {
            poll_.tick();
            if (!continues(here.node, edges_[i]) || (direct && !edges_[i].direct)) {
                continue;
            }
            if (!told_[i]) {
                told_[i] = true;
                found_.push_back({i, here.depth + 1, values_[i]});
            }
            reach(far(edges_[i]), here.depth + 1);
        }
    }

    std::span<const lineage_edge> edges_;
    lineage_search search_;
    std::pmr::unordered_map<std::uint32_t, std::pmr::vector<std::size_t>> at_relation_;
    std::pmr::unordered_set<lineage_node, node_hash> seen_;
    std::pmr::vector<bool> told_;
    std::pmr::vector<bool> values_;
    std::pmr::vector<reached> waiting_;
    std::pmr::vector<lineage_found> found_;
    poller poll_;
};

} // namespace

std::pmr::vector<lineage_found> find_lineage(std::span<const lineage_edge> edges, const lineage_search& search,
                                             std::pmr::memory_resource* memory, poll_fn poll)
{
    return lineage_walk{edges, search, memory, poll}.run();
}

} // namespace etl::pipeline
