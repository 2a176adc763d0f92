// PageRank against known values (networkx 3 on the same graphs), and the numbering of nodes.
#include "feature/graph.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace {

// The friendships of W. W. Zachary's karate club ("An information flow model for conflict and fission in small
// groups", 1977).
constexpr int karate_club[][2] = {
    {0, 1},   {0, 2},   {0, 3},   {0, 4},   {0, 5},   {0, 6},   {0, 7},   {0, 8},   {0, 10},  {0, 11},
    {0, 12},  {0, 13},  {0, 17},  {0, 19},  {0, 21},  {0, 31},  {1, 2},   {1, 3},   {1, 7},   {1, 13},
    {1, 17},  {1, 19},  {1, 21},  {1, 30},  {2, 3},   {2, 7},   {2, 8},   {2, 9},   {2, 13},  {2, 27},
    {2, 28},  {2, 32},  {3, 7},   {3, 12},  {3, 13},  {4, 6},   {4, 10},  {5, 6},   {5, 10},  {5, 16},
    {6, 16},  {8, 30},  {8, 32},  {8, 33},  {9, 33},  {13, 33}, {14, 32}, {14, 33}, {15, 32}, {15, 33},
    {18, 32}, {18, 33}, {19, 33}, {20, 32}, {20, 33}, {22, 32}, {22, 33}, {23, 25}, {23, 27}, {23, 29},
    {23, 32}, {23, 33}, {24, 25}, {24, 27}, {24, 31}, {25, 31}, {26, 29}, {26, 33}, {27, 33}, {28, 31},
    {28, 33}, {29, 32}, {29, 33}, {30, 32}, {30, 33}, {31, 32}, {31, 33}, {32, 33}};

using edges = std::vector<std::pair<std::string, std::string>>;

etl::graph graph_of(const edges& list)
{
    etl::graph made{std::pmr::get_default_resource()};
    for (const auto& [from, to] : list) {
        made.add_edge(from, to);
    }
    return made;
}

std::map<std::string, double> ranks_of(const edges& list, etl::pagerank_options options = {})
{
    const auto graph = graph_of(list);
    const auto result = etl::pagerank(graph, options, etl::never_poll);
    std::map<std::string, double> ranks;
    for (std::uint32_t node = 0; node < graph.node_count(); ++node) {
        ranks.emplace(graph.name(node), result.ranks[node]);
    }
    return ranks;
}

double sum_of(const std::map<std::string, double>& ranks)
{
    return std::accumulate(ranks.begin(), ranks.end(), 0.0, [](double sum, auto& node) { return sum + node.second; });
}

constexpr etl::pagerank_options precise{0.85, 1e-15, 1000};

TEST(NodeNames, NumbersNamesByFirstAppearance)
{
    etl::node_names names{std::pmr::get_default_resource()};
    EXPECT_EQ(names.number_of("b"), 0u);
    EXPECT_EQ(names.number_of(""), 1u);
    EXPECT_EQ(names.number_of("b"), 0u);
    for (int i = 0; i < 5000; ++i) {
        EXPECT_EQ(names.number_of(std::to_string(i)), static_cast<std::uint32_t>(i + 2));
    }
    for (int i = 0; i < 5000; ++i) {
        EXPECT_EQ(names.name(static_cast<std::uint32_t>(i + 2)), std::to_string(i));
        EXPECT_EQ(names.number_of(std::to_string(i)), static_cast<std::uint32_t>(i + 2));
    }
    EXPECT_EQ(names.name(0), "b");
    EXPECT_EQ(names.name(1), "");
    EXPECT_EQ(names.count(), 5002u);
}

TEST(Pagerank, KarateClub)
{
    edges both;
    for (const auto& [a, b] : karate_club) {
        both.emplace_back(std::to_string(a), std::to_string(b));
        both.emplace_back(std::to_string(b), std::to_string(a));
    }
    const auto ranks = ranks_of(both);
    EXPECT_EQ(ranks.size(), 34u);
    EXPECT_NEAR(ranks.at("33"), 0.10091918, 1e-7);
    EXPECT_NEAR(ranks.at("0"), 0.09699729, 1e-7);
    EXPECT_NEAR(ranks.at("32"), 0.07169323, 1e-7);
    EXPECT_NEAR(ranks.at("2"), 0.05707851, 1e-7);
    EXPECT_NEAR(ranks.at("1"), 0.05287692, 1e-7);
    EXPECT_NEAR(ranks.at("11"), 0.00956475, 1e-7);
    EXPECT_NEAR(sum_of(ranks), 1.0, 1e-12);
}

// Directed, with a dangling node (f), a self loop (e), and nodes without incoming edges (d, g).
const edges tangle{{"a", "b"}, {"a", "c"}, {"b", "c"}, {"c", "a"}, {"d", "c"},
                   {"d", "e"}, {"e", "e"}, {"c", "f"}, {"g", "f"}};

TEST(Pagerank, SpreadsDanglingRankEvenly)
{
    const auto ranks = ranks_of(tangle, precise);
    EXPECT_NEAR(ranks.at("a"), 0.11763651531634611, 1e-13);
    EXPECT_NEAR(ranks.at("b"), 0.08981886238163295, 1e-13);
    EXPECT_NEAR(ranks.at("c"), 0.18308981633920024, 1e-13);
    EXPECT_NEAR(ranks.at("d"), 0.03982334337218557, 1e-13);
    EXPECT_NEAR(ranks.at("e"), 0.3783217620357455, 1e-13);
    EXPECT_NEAR(ranks.at("f"), 0.15148635718270395, 1e-13);
    EXPECT_NEAR(ranks.at("g"), 0.03982334337218557, 1e-13);
    EXPECT_NEAR(sum_of(ranks), 1.0, 1e-15);
}

TEST(Pagerank, TakesAnotherDamping)
{
    const auto ranks = ranks_of(tangle, {0.5, 1e-15, 1000});
    EXPECT_NEAR(ranks.at("a"), 0.13314037626628114, 1e-13);
    EXPECT_NEAR(ranks.at("e"), 0.20984081041967972, 1e-13);
    for (const auto& [node, rank] : ranks_of(tangle, {0.0, 1e-9, 10})) {
        EXPECT_DOUBLE_EQ(rank, 1.0 / 7) << node;
    }
}

TEST(Pagerank, CountsParallelEdgesOnce)
{
    edges doubled = tangle;
    doubled.insert(doubled.end(), tangle.begin(), tangle.end());
    doubled.emplace_back("a", "b");
    EXPECT_EQ(ranks_of(doubled, precise), ranks_of(tangle, precise));
}

TEST(Pagerank, SmallestGraphs)
{
    EXPECT_TRUE(ranks_of({}).empty());
    EXPECT_EQ(ranks_of({{"a", "a"}}), (std::map<std::string, double>{{"a", 1.0}}));
    const auto pair = ranks_of({{"a", "b"}}, precise);
    EXPECT_NEAR(pair.at("b") / pair.at("a"), 1.85, 1e-12);
}

// On random graphs the ranks fulfil the equations that define them.
TEST(Pagerank, SolvesItsEquations)
{
    std::mt19937_64 random{6};
    for (int round = 0; round < 20; ++round) {
        const int nodes = 2 + static_cast<int>(random() % 20);
        edges list;
        std::map<std::string, std::map<std::string, bool>> out;
        for (int i = 0; i < 3 * nodes; ++i) {
            const auto from = std::to_string(random() % nodes);
            const auto to = std::to_string(random() % nodes);
            list.emplace_back(from, to);
            out[from][to] = true;
            out[to];
        }
        const auto ranks = ranks_of(list, precise);
        ASSERT_EQ(ranks.size(), out.size());
        std::map<std::string, double> expected;
        for (const auto& [from, targets] : out) {
            expected[from] += 0.15 / static_cast<double>(out.size());
            for (const auto& [to, any] : targets.empty() ? std::map<std::string, bool>{} : targets) {
                expected[to] += 0.85 * ranks.at(from) / static_cast<double>(targets.size());
            }
            for (const auto& [to, any] : out) {
                expected[to] += targets.empty() ? 0.85 * ranks.at(from) / static_cast<double>(out.size()) : 0.0;
            }
        }
        for (const auto& [node, rank] : ranks) {
            EXPECT_NEAR(rank, expected.at(node), 1e-12);
        }
    }
}

TEST(Pagerank, SaysWhetherItHasConverged)
{
    const auto graph = graph_of(tangle);
    const auto cut = etl::pagerank(graph, {0.85, 1e-9, 3}, etl::never_poll);
    EXPECT_FALSE(cut.converged);
    EXPECT_EQ(cut.iterations, 3);
    EXPECT_GT(cut.change, 0.0);
    const auto whole = etl::pagerank(graph, {}, etl::never_poll);
    EXPECT_TRUE(whole.converged);
    EXPECT_LT(whole.change, 7e-9);
}

TEST(Pagerank, RefusesBadOptions)
{
    const auto graph = graph_of(tangle);
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    constexpr double infinity = std::numeric_limits<double>::infinity();
    for (const etl::pagerank_options bad : {etl::pagerank_options{-0.1, 1e-9, 10},
                                            {1.0, 1e-9, 10},
                                            {nan, 1e-9, 10},
                                            {0.85, 0.0, 10},
                                            {0.85, nan, 10},
                                            {0.85, infinity, 10},
                                            {0.85, 1e-9, 0}}) {
        EXPECT_THROW(etl::pagerank(graph, bad, etl::never_poll), etl::error);
    }
}

TEST(Pagerank, IsStoppedByThePoll)
{
    edges star;
    for (int i = 0; i < 70000; ++i) {
        star.emplace_back(std::to_string(i), "hub");
    }
    const auto graph = graph_of(star);
    const auto stop = [] { throw etl::error("57014", "canceling"); };
    EXPECT_THROW(etl::pagerank(graph, {}, stop), etl::error);
}

} // namespace
