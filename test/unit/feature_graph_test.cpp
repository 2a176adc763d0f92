// Graphs: their nodes, neighbours, components, degrees and distances, against what brute force finds; their memory.
#include "feature/graph.hpp"
#include "feature/graph_memory.hpp"
#include "feature/graph_nodes.hpp"
#include "feature/k_hop.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>

namespace {

using namespace etl::feature;

std::pmr::memory_resource* memory()
{
    return std::pmr::get_default_resource();
}

struct weighted_edge {
    std::uint32_t from;
    std::uint32_t to;
    double weight = 1;
};
using edges = std::vector<weighted_edge>;

edge_list list_of(const edges& from, bool weighted = false)
{
    edge_list made{weighted, memory()};
    for (const auto& [source, target, weight] : from) {
        made.add({source, target}, weight);
    }
    return made;
}

csr csr_of(const edges& from, std::uint32_t nodes, neighbours of, bool weighted = false)
{
    edge_poller stop{etl::never_poll};
    return {list_of(from, weighted), nodes, of, stop};
}

edges random_edges(std::mt19937_64& random, std::uint32_t nodes, std::size_t count)
{
    edges made;
    for (std::size_t i = 0; i < count; ++i) {
        made.push_back({static_cast<std::uint32_t>(random() % nodes), static_cast<std::uint32_t>(random() % nodes),
                        static_cast<double>(random() % 4)});
    }
    return made;
}

TEST(NodeNames, NumbersNamesByFirstAppearance)
{
    etl::node_names names{memory()};
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
    EXPECT_EQ(names.known("4999"), 5001u);
    EXPECT_EQ(names.known("5000"), std::nullopt);
}

TEST(NodeNames, NumbersManyAtOnceAsOneByOne)
{
    std::mt19937_64 random{1};
    etl::node_names one{memory()};
    etl::node_names many{memory()};
    for (int round = 0; round < 50; ++round) {
        std::vector<std::string> texts;
        for (std::size_t i = 0; i < random() % 500; ++i) {
            texts.push_back(std::to_string(random() % 5000));
        }
        const std::vector<std::string_view> views(texts.begin(), texts.end());
        std::vector<std::uint32_t> numbers(views.size());
        many.numbers_of(views, numbers.data());
        for (std::size_t i = 0; i < views.size(); ++i) {
            ASSERT_EQ(numbers[i], one.number_of(views[i]));
        }
    }
    EXPECT_EQ(one.count(), many.count());
}

TEST(GraphNodes, KeepsWholeNumbers)
{
    graph_nodes nodes{memory()};
    nodes.set_kind(node_kind::integer);
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    for (const std::int64_t key : {std::int64_t{7}, least, std::int64_t{7}, std::int64_t{0}}) {
        nodes.add(key);
    }
    const auto numbers = nodes.take();
    EXPECT_EQ(std::vector(numbers.begin(), numbers.end()), (std::vector<std::uint32_t>{0, 1, 0, 2}));
    EXPECT_EQ(nodes.count(), 3u);
    EXPECT_EQ(nodes.name(1), "-9223372036854775808");
    EXPECT_EQ(nodes.known("-9223372036854775808"), 1u);
    EXPECT_TRUE(nodes.is_before(1, 2));
    EXPECT_TRUE(nodes.is_before(2, 0));
    for (const auto* other : {"", "07", "+7", "7 ", "x", "-0", "9223372036854775808", "8"}) {
        EXPECT_EQ(nodes.known(other), std::nullopt) << other;
    }
    EXPECT_TRUE(nodes.take().empty());
}

TEST(GraphNodes, KeepsUuids)
{
    graph_nodes nodes{memory()};
    nodes.set_kind(node_kind::uuid);
    const std::string text = "00010203-0405-0607-0809-0a0b0c0dfeff";
    const etl::uuid_key key = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 254, 255};
    nodes.add(etl::uuid_key{255});
    nodes.add(key);
    nodes.add(key);
    EXPECT_EQ(nodes.take()[2], 1u);
    EXPECT_EQ(nodes.count(), 2u);
    EXPECT_EQ(nodes.name(1), text);
    EXPECT_EQ(nodes.known(text), 1u);
    EXPECT_TRUE(nodes.is_before(1, 0));
    for (const auto* other : {"", "00010203-0405-0607-0809-0A0B0C0DFEFF", "000102030405060708090a0b0c0dfeff",
                              "00010203-0405-0607-0809-0a0b0c0dfefe", "00010203x0405-0607-0809-0a0b0c0dfeff",
                              "0001020?-0405-0607-0809-0a0b0c0dfeff"}) {
        EXPECT_EQ(nodes.known(other), std::nullopt) << other;
    }
}

TEST(GraphMemory, CountsAndRefuses)
{
    graph_memory limited{memory(), 1000};
    void* some = limited.allocate(600);
    limited.deallocate(some, 600);
    void* more = limited.allocate(900);
    EXPECT_EQ(limited.peak(), 900u);
    try {
        (void)limited.allocate(101);
        FAIL();
    } catch (const etl::error& refused) {
        EXPECT_STREQ(refused.sqlstate(), "54000");
        EXPECT_NE(std::string{refused.what()}.find("pg_etl.graph_memory"), std::string::npos);
    }
    void* last = limited.allocate(100);
    EXPECT_EQ(limited.peak(), 1000u);
    limited.deallocate(last, 100);
    limited.deallocate(more, 900);
}

// The lists are the sets of neighbours, with the sums of the weights.
TEST(Csr, IsWhatTheEdgesAre)
{
    std::mt19937_64 random{2};
    for (int round = 0; round < 300; ++round) {
        const auto nodes = 1 + static_cast<std::uint32_t>(random() % 20);
        const auto list = random_edges(random, nodes, random() % 80);
        for (const auto of : {neighbours::sources, neighbours::targets, neighbours::both}) {
            std::vector<std::map<std::uint32_t, double>> expected(nodes);
            for (const auto& [from, to, weight] : list) {
                if (of != neighbours::targets) {
                    expected[to][from] += weight;
                }
                if (of != neighbours::sources) {
                    expected[from][to] += weight;
                }
            }
            const auto made = csr_of(list, nodes, of, true);
            std::uint64_t entries = 0;
            for (std::uint32_t node = 0; node < nodes; ++node) {
                std::map<std::uint32_t, double> found;
                ASSERT_TRUE(std::is_sorted(made.of(node).begin(), made.of(node).end()));
                for (std::size_t i = 0; i < made.of(node).size(); ++i) {
                    found.emplace(made.of(node)[i], made.weights(node)[i]);
                }
                ASSERT_EQ(found, expected[node]);
                ASSERT_EQ(found.size(), made.of(node).size());
                entries += found.size();
            }
            EXPECT_EQ(made.edges(), entries);
        }
    }
}

TEST(Csr, TakesMoreEdgesThanAPieceHolds)
{
    std::mt19937_64 random{3};
    const auto list = random_edges(random, 1000, 3 * edge_list::edges_in_piece + 7);
    EXPECT_EQ(list_of(list).size(), list.size());
    std::set<std::pair<std::uint32_t, std::uint32_t>> different;
    for (const auto& edge : list) {
        different.emplace(edge.from, edge.to);
    }
    const auto made = csr_of(list, 1000, neighbours::sources);
    EXPECT_EQ(made.edges(), different.size());
    EXPECT_TRUE(made.weights(0).empty());
}

TEST(Csr, SortsLongLists)
{
    std::mt19937_64 random{7};
    const std::uint32_t nodes = 400'000;
    edges list;
    double sum = 0;
    for (const auto& edge : random_edges(random, nodes, 400'000)) {
        list.push_back({edge.from, 0, edge.weight});
        sum += edge.weight;
    }
    std::vector<std::uint32_t> sources;
    for (const auto& edge : list) {
        sources.push_back(edge.from);
    }
    std::sort(sources.begin(), sources.end());
    sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
    for (const bool weighted : {false, true}) {
        const auto made = csr_of(list, nodes, neighbours::sources, weighted);
        ASSERT_TRUE(std::equal(made.of(0).begin(), made.of(0).end(), sources.begin(), sources.end()));
        const auto weights = made.weights(0);
        EXPECT_EQ(std::accumulate(weights.begin(), weights.end(), 0.0), weighted ? sum : 0);
    }
}

std::uint64_t polls = 0;

edge_poller counting_poller()
{
    polls = 0;
    return edge_poller{[] { ++polls; }};
}

constexpr std::uint32_t many = 1'000'000;
constexpr std::uint64_t once = many / 4096; // a walk over so many

edges star()
{
    edges made;
    for (std::uint32_t i = 1; i < many; ++i) {
        made.push_back({0, i});
    }
    return made;
}

// Counted, dealt, sorted, merged; and so many nodes, most of which have no list.
TEST(Csr, IsMadeWithManyPolls)
{
    const auto hub = star();
    for (const bool weighted : {false, true}) {
        auto list = list_of(hub, weighted);
        auto stop = counting_poller();
        const csr made{std::move(list), many, neighbours::targets, stop};
        EXPECT_EQ(made.edges(), many - 1);
        EXPECT_GE(polls, (weighted ? 6 : 5) * once);
    }
}

// Parallel edges, whose weights alone are sorted.
TEST(Csr, SumsManyParallelEdgesWithPolls)
{
    edges list;
    for (std::uint32_t i = 0; i < 300'000; ++i) {
        list.push_back({0, 1, static_cast<double>(std::uint64_t{i} * 7919 % 300'000)});
    }
    auto stop = counting_poller();
    const csr made{list_of(list, true), 2, neighbours::targets, stop};
    ASSERT_EQ(made.of(0).size(), 1u);
    EXPECT_EQ(made.weights(0)[0], 300'000.0 * 299'999 / 2);
    EXPECT_GE(polls, 5 * 300'000 / 4096);
}

TEST(Degrees, CountDifferentNeighbours)
{
    edge_poller stop{etl::never_poll};
    const auto made = degrees_of(csr_of({{0, 1}, {0, 1}, {1, 1}, {2, 0}}, 4, neighbours::sources), stop);
    EXPECT_EQ(made[0].in, 1);
    EXPECT_EQ(made[0].out, 1);
    EXPECT_EQ(made[1].in, 2);
    EXPECT_EQ(made[1].out, 1);
    EXPECT_EQ(made[2].in, 0);
    EXPECT_EQ(made[3].in + made[3].out, 0);
}

TEST(Components, AreNamedByTheirFirstNode)
{
    std::mt19937_64 random{4};
    for (int round = 0; round < 200; ++round) {
        const auto nodes = 1 + static_cast<std::uint32_t>(random() % 30);
        const auto list = random_edges(random, nodes, random() % 30);
        etl::union_find sets{memory()};
        sets.grow(nodes);
        std::vector<std::uint32_t> expected(nodes);
        std::iota(expected.begin(), expected.end(), 0);
        for (const auto& edge : list) {
            sets.unite(edge.from, edge.to);
        }
        for (std::uint32_t pass = 0; pass < nodes; ++pass) { // the greatest spreads, as far as there are nodes
            for (const auto& edge : list) {
                expected[edge.from] = expected[edge.to] = std::max(expected[edge.from], expected[edge.to]);
            }
        }
        const auto found = first_of_component(sets, etl::never_poll, std::greater<>{});
        ASSERT_EQ(std::vector(found.begin(), found.end()), expected);
    }
}

std::uint64_t reached_by_brute_force(const csr& graph, std::uint32_t start, std::int32_t hops)
{
    std::set<std::uint32_t> seen{start};
    for (auto frontier = seen; hops > 0 && !frontier.empty(); --hops) {
        std::set<std::uint32_t> next;
        for (const auto node : frontier) {
            for (const auto other : graph.of(node)) {
                if (seen.insert(other).second) {
                    next.insert(other);
                }
            }
        }
        frontier = next;
    }
    return seen.size() - 1;
}

TEST(KHop, CountsWhatASearchFromEachNodeFinds)
{
    std::mt19937_64 random{5};
    for (int round = 0; round < 150; ++round) {
        const auto nodes = 1 + static_cast<std::uint32_t>(random() % 100);
        const auto list = random_edges(random, nodes, random() % (2 * nodes));
        const auto of = std::array{neighbours::sources, neighbours::targets, neighbours::both}[round % 3];
        const auto graph = csr_of(list, nodes, of);
        k_hop search{graph};
        edge_poller stop{etl::never_poll};
        for (const std::int32_t hops : {1, 2, 3, 1000}) { // one object serves many calls
            std::vector<std::uint32_t> starts(std::min<std::size_t>(nodes, k_hop::most_starts));
            std::iota(starts.begin(), starts.end(), nodes - static_cast<std::uint32_t>(starts.size()));
            starts.back() = starts.front(); // the same node twice
            std::vector<std::uint64_t> counts(starts.size());
            search.count(starts, hops, counts, stop);
            for (std::size_t i = 0; i < starts.size(); ++i) {
                ASSERT_EQ(counts[i], reached_by_brute_force(graph, starts[i], hops)) << round << ' ' << hops;
            }
        }
    }
}

// The way out, the arrival, and forgetting it before the next search.
TEST(KHop, SearchesWithManyPolls)
{
    const auto graph = csr_of(star(), many, neighbours::targets);
    k_hop search{graph};
    std::array<std::uint64_t, 1> counts;
    auto stop = counting_poller();
    search.count(std::array{0u}, 1, counts, stop);
    EXPECT_EQ(counts[0], many - 1);
    EXPECT_GE(polls, 2 * once);
    stop = counting_poller();
    search.count(std::array{1u}, 1, counts, stop);
    EXPECT_EQ(counts[0], 0u);
    EXPECT_GE(polls, once);
}

TEST(KHop, IsStoppedByThePoll)
{
    edges star;
    for (std::uint32_t i = 1; i < 70000; ++i) {
        star.push_back({0, i});
    }
    const auto graph = csr_of(star, 70000, neighbours::targets);
    k_hop search{graph};
    edge_poller stop{[] { throw etl::error("57014", "canceling"); }};
    std::array<std::uint64_t, 1> counts;
    EXPECT_THROW(search.count(std::array{0u}, 2, counts, stop), etl::error);
}

} // namespace
