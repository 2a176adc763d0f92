// PageRank against networkx's published values, against a dense system of equations, and at its edges.
#include "feature/graph_nodes.hpp"
#include "feature/pagerank.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <string>

namespace {

using namespace etl::feature;

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

struct link {
    std::string from;
    std::string to;
    double weight = 1;
};
using links = std::vector<link>;
using by_name = std::map<std::string, double>;

struct ranked {
    by_name ranks;
    pagerank_result result;
    std::uint64_t edges;
};

struct graph_input {
    bool weighted = false;
    by_name preferences = {};
};

ranked rank(const links& list, pagerank_options options = {}, const graph_input& input = {},
            etl::poll_fn poll = etl::never_poll)
{
    auto* memory = std::pmr::get_default_resource();
    graph_nodes nodes{memory};
    edge_list edges{input.weighted, memory};
    for (const auto& [from, to, weight] : list) {
        nodes.add(std::string_view{from});
        nodes.add(std::string_view{to});
        const auto numbers = nodes.take();
        edges.add({numbers[0], numbers[1]}, weight);
    }
    std::vector<double> preferences(input.preferences.empty() ? 0 : nodes.count());
    for (const auto& [name, weight] : input.preferences) {
        preferences.at(nodes.known(name).value()) = weight;
    }
    const pagerank_graph graph{std::move(edges), nodes.count(), poll,
                               [&](std::uint32_t node) { return nodes.name(node); }};
    ranked made{{}, pagerank(graph, preferences, options, poll), graph.incoming().edges()};
    for (std::uint32_t node = 0; node < nodes.count(); ++node) {
        made.ranks.emplace(nodes.name(node), made.result.ranks[node]);
    }
    return made;
}

double sum_of(const by_name& ranks)
{
    return std::accumulate(ranks.begin(), ranks.end(), 0.0, [](double sum, auto& node) { return sum + node.second; });
}

void expect_ranks(const by_name& ranks, const by_name& expected, double within)
{
    ASSERT_EQ(ranks.size(), expected.size());
    for (const auto& [node, rank] : expected) {
        EXPECT_NEAR(ranks.at(node), rank, within) << node;
    }
}

links both_ways(const links& list)
{
    links made = list;
    for (const auto& [from, to, weight] : list) {
        made.push_back({to, from, weight});
    }
    return made;
}

constexpr pagerank_options precise{0.85, 1e-15, 1000};

TEST(Pagerank, KarateClub)
{
    links club;
    for (const auto& [a, b] : karate_club) {
        club.push_back({std::to_string(a), std::to_string(b)});
    }
    const auto ranks = rank(both_ways(club)).ranks;
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
const links tangle{{"a", "b"}, {"a", "c"}, {"b", "c"}, {"c", "a"}, {"d", "c"},
                   {"d", "e"}, {"e", "e"}, {"c", "f"}, {"g", "f"}};

TEST(Pagerank, SpreadsDanglingRankEvenly)
{
    const auto ranks = rank(tangle, precise).ranks;
    expect_ranks(ranks,
                 {{"a", 0.11763651531634611},
                  {"b", 0.08981886238163295},
                  {"c", 0.18308981633920024},
                  {"d", 0.03982334337218557},
                  {"e", 0.3783217620357455},
                  {"f", 0.15148635718270395},
                  {"g", 0.03982334337218557}},
                 1e-13);
    EXPECT_NEAR(sum_of(ranks), 1.0, 1e-15);
}

TEST(Pagerank, TakesAnotherDamping)
{
    const auto ranks = rank(tangle, {0.5, 1e-15, 1000}).ranks;
    EXPECT_NEAR(ranks.at("a"), 0.13314037626628114, 1e-13);
    EXPECT_NEAR(ranks.at("e"), 0.20984081041967972, 1e-13);
    for (const auto& [node, rank] : rank(tangle, {0.0, 1e-9, 10}).ranks) {
        EXPECT_DOUBLE_EQ(rank, 1.0 / 7) << node;
    }
}

// What networkx publishes in its tests (networkx/algorithms/link_analysis/tests/test_pagerank.py).
TEST(Pagerank, NetworkxDirected)
{
    const links list{{"1", "2"}, {"1", "3"}, {"3", "1"}, {"3", "2"}, {"3", "5"},
                     {"4", "5"}, {"4", "6"}, {"5", "4"}, {"5", "6"}, {"6", "4"}};
    expect_ranks(rank(list, {0.9, 1e-12, 1000}).ranks,
                 {{"1", 0.03721197},
                  {"2", 0.05395735},
                  {"3", 0.04150565},
                  {"4", 0.37508082},
                  {"5", 0.20599833},
                  {"6", 0.28624589}},
                 1e-7);
}

TEST(Pagerank, NetworkxPersonalization)
{
    const auto complete = both_ways({{"0", "1"}, {"0", "2"}, {"0", "3"}, {"1", "2"}, {"1", "3"}, {"2", "3"}});
    expect_ranks(
        rank(complete, precise, {false, {{"0", 1}, {"1", 1}, {"2", 4}, {"3", 4}}}).ranks,
        {{"0", 0.23246732615667579}, {"1", 0.23246732615667579}, {"2", 0.267532673843324}, {"3", 0.2675326738433241}},
        1e-6);
    expect_ranks(
        rank(complete, precise, {false, {{"3", 1e308}}}).ranks,
        {{"0", 0.22077931820379187}, {"1", 0.22077931820379187}, {"2", 0.22077931820379187}, {"3", 0.3376620453886241}},
        1e-6);
}

// Parallel edges weigh what they weigh together; without weights they count once.
TEST(Pagerank, NetworkxMultigraph)
{
    const auto list =
        both_ways({{"1", "2"}, {"1", "2"}, {"1", "2"}, {"2", "3"}, {"2", "3"}, {"three", "3"}, {"three", "3"}});
    expect_ranks(rank(list, precise, {true, {}}).ranks,
                 {{"1", 0.21066048614468322},
                  {"2", 0.3395308825985378},
                  {"3", 0.28933951385531687},
                  {"three", 0.16046911740146227}},
                 1e-6);
    EXPECT_EQ(rank(list, precise).ranks, rank(both_ways({{"1", "2"}, {"2", "3"}, {"three", "3"}}), precise).ranks);
    EXPECT_EQ(rank(list, precise, {true, {}}).edges, 6u);
}

TEST(Pagerank, OnlyProportionsOfWeightsCount)
{
    auto small = tangle;
    auto large = tangle;
    for (std::size_t i = 0; i < tangle.size(); ++i) {
        small[i].weight = 4.9406564584124654e-324;
        large[i].weight = 1e307;
    }
    EXPECT_EQ(rank(small, precise, {true, {}}).ranks, rank(large, precise, {true, {}}).ranks);
    expect_ranks(rank(small, precise, {true, {}}).ranks, rank(tangle, precise).ranks, 1e-15);
}

TEST(Pagerank, NothingGoesAlongAnEdgeOfWeightZero)
{
    auto list = tangle;
    list.push_back({"f", "a", 0});
    list.push_back({"f", "f", 0});
    expect_ranks(rank(list, precise, {true, {}}).ranks, rank(tangle, precise).ranks, 1e-15);
}

TEST(Pagerank, RefusesWeightsWithoutASum)
{
    try {
        rank({{"a", "b", 1e308}, {"huge", "b", 1e308}, {"huge", "c", 1e308}}, {}, {true, {}});
        FAIL();
    } catch (const etl::error& refused) {
        EXPECT_STREQ(refused.sqlstate(), "22003");
        EXPECT_NE(std::string{refused.what()}.find("\"huge\""), std::string::npos);
    }
}

TEST(Pagerank, CountsParallelEdgesOnce)
{
    links doubled = tangle;
    doubled.insert(doubled.end(), tangle.begin(), tangle.end());
    doubled.push_back({"a", "b"});
    EXPECT_EQ(rank(doubled, precise).ranks, rank(tangle, precise).ranks);
}

TEST(Pagerank, SmallestGraphs)
{
    EXPECT_TRUE(rank({}).ranks.empty());
    EXPECT_EQ(rank({{"a", "a"}}).ranks, (by_name{{"a", 1.0}}));
    const auto pair = rank({{"a", "b"}}, precise).ranks;
    EXPECT_NEAR(pair.at("b") / pair.at("a"), 1.85, 1e-12);
}

// The ranks by elimination: x = (1 - d) p + d (P' x + p (dangling' x)).
std::vector<long double> solve(std::vector<std::vector<long double>> rows)
{
    const std::size_t n = rows.size();
    for (std::size_t i = 0; i < n; ++i) {
        std::size_t pivot = i;
        for (std::size_t j = i + 1; j < n; ++j) {
            pivot = std::abs(rows[j][i]) > std::abs(rows[pivot][i]) ? j : pivot;
        }
        std::swap(rows[i], rows[pivot]);
        for (std::size_t j = 0; j < n; ++j) {
            const auto times = j == i ? 0 : rows[j][i] / rows[i][i];
            for (std::size_t k = i; k <= n && times != 0; ++k) {
                rows[j][k] -= times * rows[i][k];
            }
        }
    }
    std::vector<long double> solution;
    for (std::size_t i = 0; i < n; ++i) {
        solution.push_back(rows[i][n] / rows[i][i]);
    }
    return solution;
}

struct dense_graph {
    std::vector<std::vector<long double>> weights; // from, to
    std::vector<long double> jumps;
};

std::vector<long double> ranks_by_equations(const dense_graph& graph, long double damping)
{
    const std::size_t n = graph.jumps.size();
    const auto all = std::accumulate(graph.jumps.begin(), graph.jumps.end(), 0.0L);
    std::vector<std::vector<long double>> rows(n, std::vector<long double>(n + 1));
    for (std::size_t to = 0; to < n; ++to) {
        const auto jump = graph.jumps[to] / all;
        for (std::size_t from = 0; from < n; ++from) {
            const auto& out = graph.weights[from];
            const auto sum = std::accumulate(out.begin(), out.end(), 0.0L);
            rows[to][from] = (from == to) - damping * (sum > 0 ? out[to] / sum : jump);
        }
        rows[to][n] = (1 - damping) * jump;
    }
    return solve(rows);
}

TEST(Pagerank, SolvesTheEquationsOfRandomGraphs)
{
    std::mt19937_64 random{6};
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    for (int round = 0; round < 1000; ++round) {
        const std::size_t n = 1 + below(12);
        const graph_input kind{round % 2 == 1, {}};
        graph_input input = kind;
        links list;
        dense_graph dense{{n, std::vector<long double>(n)}, std::vector<long double>(n, round % 3 == 2 ? 0 : 1)};
        for (std::size_t node = 0; node < n; ++node) { // each node is there: a weightless loop in a weighted graph
            if (kind.weighted) {
                list.push_back({std::to_string(node), std::to_string(node), 0});
            }
        }
        for (std::size_t i = 0; i < n * 2; ++i) {
            const auto from = kind.weighted ? below(n) : i % n;
            const auto to = below(n);
            const double weight = kind.weighted ? static_cast<double>(below(5)) / 3 : 1;
            list.push_back({std::to_string(from), std::to_string(to), weight});
            dense.weights[from][to] = kind.weighted ? dense.weights[from][to] + weight : 1;
        }
        for (std::size_t node = 0; node < n && round % 3 == 2; ++node) {
            const double weight = node == 0 ? 1 : static_cast<double>(below(3));
            input.preferences[std::to_string(node)] = weight;
            dense.jumps[node] = weight;
        }
        const double damping = 0.5 + static_cast<double>(below(45)) / 100;
        const auto ranks = rank(list, {damping, 1e-16, 3000}, input).ranks;
        const auto expected = ranks_by_equations(dense, damping);
        ASSERT_EQ(ranks.size(), n);
        for (std::size_t node = 0; node < n; ++node) {
            ASSERT_NEAR(ranks.at(std::to_string(node)), static_cast<double>(expected[node]), 1e-12) << round;
        }
    }
}

TEST(Pagerank, SaysWhetherItHasConverged)
{
    const auto cut = rank(tangle, {0.85, 1e-9, 3}).result;
    EXPECT_FALSE(cut.converged);
    EXPECT_EQ(cut.iterations, 3);
    EXPECT_GT(cut.change, 0.0);
    const auto whole = rank(tangle).result;
    EXPECT_TRUE(whole.converged);
    EXPECT_LT(whole.change, 7e-9);
}

TEST(Pagerank, RefusesBadOptions)
{
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    constexpr double infinity = std::numeric_limits<double>::infinity();
    for (const pagerank_options bad : {pagerank_options{-0.1, 1e-9, 10},
                                       {1.0, 1e-9, 10},
                                       {nan, 1e-9, 10},
                                       {0.85, 0.0, 10},
                                       {0.85, nan, 10},
                                       {0.85, infinity, 10},
                                       {0.85, 1e-9, 0}}) {
        EXPECT_THROW(rank(tangle, bad), etl::error);
    }
}

TEST(Pagerank, IsStoppedByThePoll)
{
    links star;
    for (int i = 0; i < 70000; ++i) {
        star.push_back({std::to_string(i), "hub"});
    }
    EXPECT_THROW(rank(star, {}, {}, [] { throw etl::error("57014", "canceling"); }), etl::error);
}

// Of a graph of many nodes and hardly an edge: what nodes give, what they get, the sum of the ranks, and its division.
TEST(PageRank, PollsByTheNumberOfNodes)
{
    static std::uint64_t polls = 0;
    constexpr std::uint32_t nodes = 1'000'000;
    edge_list edges{false, std::pmr::get_default_resource()};
    edges.add({0, nodes - 1});
    const pagerank_graph graph{std::move(edges), nodes, etl::never_poll, [](std::uint32_t) { return ""; }};
    pagerank_options options;
    options.max_iterations = 1;
    (void)pagerank(graph, {}, options, [] { ++polls; });
    EXPECT_GE(polls, 4 * (nodes / 4096));
}

} // namespace
