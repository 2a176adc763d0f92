// The walk through lineage: known answers, circles, depth, and random graphs against a closure computed step by step.
#include "pipeline/lineage_graph.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace {

using etl::pipeline::find_lineage;
using etl::pipeline::lineage_edge;
using etl::pipeline::lineage_node;
using etl::pipeline::lineage_search;

constexpr std::int32_t no_limit = 1 << 30;

std::map<std::size_t, int> walk(const std::vector<lineage_edge>& edges, const lineage_search& search)
{
    std::map<std::size_t, int> found;
    for (const auto& each : find_lineage(edges, search, std::pmr::get_default_resource(), etl::never_poll)) {
        EXPECT_TRUE(found.emplace(each.edge, each.depth).second) << "an edge twice";
    }
    return found;
}

using depths = std::map<std::size_t, int>;

// 1.1 -> 2.1 -> 3.1, the rows of 2 hang on 4.1, and 3.2 on 2.2
const std::vector<lineage_edge> small = {
    {{1, 1}, {2, 1}, true}, {{2, 1}, {3, 1}, true},  {{4, 1}, {2, 0}, false},
    {{2, 2}, {3, 2}, true}, {{4, 0}, {2, 0}, false},
};

TEST(LineageGraph, UpstreamOfAColumnIsAlsoWhatDecidesItsRows)
{
    EXPECT_EQ(walk(small, {{3, 1}, false, false, no_limit}), (depths{{1, 1}, {0, 2}, {2, 2}, {4, 2}}));
    EXPECT_EQ(walk(small, {{2, 0}, false, false, no_limit}), (depths{{2, 1}, {4, 1}}));
    EXPECT_EQ(walk(small, {{3, 9}, false, false, no_limit}), depths{});
}

TEST(LineageGraph, DownstreamOfRowsIsWhatComesOfAnyColumn)
{
    EXPECT_EQ(walk(small, {{4, 1}, true, false, no_limit}), (depths{{2, 1}, {1, 2}, {3, 2}}));
    EXPECT_EQ(walk(small, {{1, 1}, true, false, no_limit}), (depths{{0, 1}, {1, 2}}));
    EXPECT_EQ(walk(small, {{2, 2}, true, false, no_limit}), (depths{{3, 1}}));
}

TEST(LineageGraph, RelationsGoByWhateverColumn)
{
    EXPECT_EQ(walk(small, {{3, 0}, false, true, no_limit}), (depths{{1, 1}, {3, 1}, {0, 2}, {2, 2}, {4, 2}}));
    EXPECT_EQ(walk(small, {{3, 1}, false, true, 1}), (depths{{1, 1}, {3, 1}}));
}

TEST(LineageGraph, DepthEndsIt)
{
    EXPECT_EQ(walk(small, {{3, 1}, false, false, 1}), (depths{{1, 1}}));
    EXPECT_EQ(walk(small, {{3, 1}, false, false, 0}), depths{});
    EXPECT_EQ(walk(small, {{3, 1}, false, false, -7}), depths{});
    EXPECT_EQ(walk({}, {{3, 1}, false, false, no_limit}), depths{});
}

TEST(LineageGraph, AValueComesOverDirectEdgesOnly)
{
    // 1.1 -> 2.1 => 3.1 and 1.2 => 2.2, of which 2.2 only decides the rows of 3; 2.1 also by way of 4.1
    const std::vector<lineage_edge> edges = {
        {{1, 1}, {2, 1}, true},  {{2, 1}, {3, 1}, true},  {{1, 2}, {2, 2}, true},
        {{2, 2}, {3, 0}, false}, {{2, 1}, {4, 1}, false}, {{4, 1}, {3, 1}, true},
    };
    depths values;
    for (const auto& each :
         find_lineage(edges, {{3, 1}, false, false, no_limit}, std::pmr::get_default_resource(), etl::never_poll)) {
        values.emplace(each.edge, each.value ? 1 : 0);
    }
    EXPECT_EQ(values, (depths{{0, 1}, {1, 1}, {2, 0}, {3, 0}, {4, 0}, {5, 1}}));
}

TEST(LineageGraph, CirclesEnd)
{
    const std::vector<lineage_edge> ring = {{{1, 1}, {2, 1}, true}, {{2, 1}, {1, 1}, true}, {{1, 1}, {1, 1}, true}};
    EXPECT_EQ(walk(ring, {{1, 1}, false, false, no_limit}), (depths{{1, 1}, {2, 1}, {0, 2}}));
    EXPECT_EQ(walk(ring, {{1, 1}, true, true, no_limit}), (depths{{0, 1}, {2, 1}, {1, 2}}));
}

TEST(LineageGraph, AChainOfAHundredThousandIsNoDepthOfCalls)
{
    std::vector<lineage_edge> chain;
    for (std::uint32_t i = 0; i < 100000; ++i) {
        chain.push_back({{i, 1}, {i + 1, 1}, true});
    }
    const auto found = walk(chain, {{100000, 1}, false, false, no_limit});
    ASSERT_EQ(found.size(), 100000U);
    EXPECT_EQ(found.at(0), 100000);
}

// Whether the walk goes on over an edge whose near end is that, from where it stands.
bool touches(const lineage_node& here, const lineage_node& near, const lineage_search& search)
{
    return here.relation == near.relation &&
           (search.whole || here.column == near.column || (search.downstream ? here.column : near.column) == 0);
}

depths by_closure(const std::vector<lineage_edge>& edges, const lineage_search& search, bool direct = false)
{
    depths found;
    std::vector<lineage_node> reached = {search.start};
    for (int depth = 1; depth <= search.most && !reached.empty(); ++depth) {
        std::vector<lineage_node> next;
        for (std::size_t i = 0; i < edges.size(); ++i) {
            const lineage_node& near = search.downstream ? edges[i].from : edges[i].to;
            const lineage_node& far = search.downstream ? edges[i].to : edges[i].from;
            const bool meets =
                std::ranges::any_of(reached, [&](const lineage_node& here) { return touches(here, near, search); });
            if (meets && (!direct || edges[i].direct) && found.emplace(i, depth).second) {
                next.push_back(far);
            }
        }
        reached = next;
    }
    return found;
}

TEST(LineageGraph, RandomGraphsAgreeWithTheClosure)
{
    std::mt19937 random{7};
    const auto below = [&random](unsigned most) { return static_cast<std::uint32_t>(random() % most); };
    for (int round = 0; round < 3000; ++round) {
        std::vector<lineage_edge> edges(below(40));
        const auto node = [&below] { return lineage_node{below(6), static_cast<std::int32_t>(below(4))}; };
        std::ranges::generate(edges, [&node, &below] { return lineage_edge{node(), node(), below(2) == 0}; });
        const lineage_search search = {node(), below(2) == 0, below(2) == 0, static_cast<std::int32_t>(below(8))};
        ASSERT_EQ(walk(edges, search), by_closure(edges, search)) << "round " << round;
        const depths values = by_closure(edges, search, true);
        for (const auto& each : find_lineage(edges, search, std::pmr::get_default_resource(), etl::never_poll)) {
            ASSERT_EQ(each.value, values.contains(each.edge)) << "round " << round << ", edge " << each.edge;
        }
    }
}

} // namespace
