// Clusters and one-to-one links against brute force on random graphs.
#include "dedupe/clusters.hpp"
#include "dedupe/one_to_one.hpp"
#include "sketch/key_ids.hpp"
#include "sketch/node_names.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace {

using etl::integer_ids;
using etl::never_poll;
using etl::union_find;
using etl::dedupe::scored_pairs;

using partition = std::set<std::set<std::uint32_t>>;

std::pmr::memory_resource* memory()
{
    return std::pmr::get_default_resource();
}

union_find sets_of(std::uint32_t nodes, const scored_pairs& pairs)
{
    union_find sets{memory()};
    sets.grow(nodes);
    for (const auto& pair : pairs) {
        sets.unite(pair.a, pair.b);
    }
    return sets;
}

partition partition_of(union_find sets)
{
    std::map<std::uint32_t, std::set<std::uint32_t>> by_root;
    for (std::uint32_t node = 0; node < sets.count(); ++node) {
        by_root[sets.find(node)].insert(node);
    }
    partition made;
    for (const auto& [root, members] : by_root) {
        made.insert(members);
    }
    return made;
}

// Components by spreading the smallest label until nothing changes, over the pairs of a score or more, within `nodes`.
partition brute_components(const std::set<std::uint32_t>& nodes, const scored_pairs& pairs, double least)
{
    std::map<std::uint32_t, std::uint32_t> label;
    for (const auto node : nodes) {
        label[node] = node;
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (const auto& pair : pairs) {
            if (pair.score < least || !nodes.contains(pair.a) || !nodes.contains(pair.b) ||
                label[pair.a] == label[pair.b]) {
                continue;
            }
            label[pair.a] = label[pair.b] = std::min(label[pair.a], label[pair.b]);
            changed = true;
        }
    }
    std::map<std::uint32_t, std::set<std::uint32_t>> by_label;
    for (const auto& [node, its_label] : label) {
        by_label[its_label].insert(node);
    }
    partition made;
    for (const auto& [its_label, members] : by_label) {
        made.insert(members);
    }
    return made;
}

// The definition of the split, word for word: raise the threshold in a part to the next score until it fits.
void brute_split(const std::set<std::uint32_t>& nodes, const scored_pairs& pairs, double least, std::size_t most,
                 partition& into)
{
    for (const auto& part : brute_components(nodes, pairs, least)) {
        if (part.size() <= most) {
            into.insert(part);
            continue;
        }
        double next = std::numeric_limits<double>::infinity();
        for (const auto& pair : pairs) {
            if (pair.score > least && part.contains(pair.a) && part.contains(pair.b)) {
                next = std::min(next, pair.score);
            }
        }
        if (next == std::numeric_limits<double>::infinity()) {
            for (const auto node : part) {
                into.insert({node});
            }
        } else {
            brute_split(part, pairs, next, most, into);
        }
    }
}

std::set<std::uint32_t> all_nodes(std::uint32_t count)
{
    std::set<std::uint32_t> nodes;
    for (std::uint32_t node = 0; node < count; ++node) {
        nodes.insert(node);
    }
    return nodes;
}

struct random_graph {
    std::uint32_t nodes;
    scored_pairs pairs;
};

random_graph make_graph(unsigned seed)
{
    std::mt19937 random{seed};
    random_graph made{1 + static_cast<std::uint32_t>(random() % 30), {}};
    const auto count = random() % 50;
    for (unsigned i = 0; i < count; ++i) {
        made.pairs.push_back({static_cast<std::uint32_t>(random() % made.nodes),
                              static_cast<std::uint32_t>(random() % made.nodes),
                              static_cast<double>(random() % 8) / 8});
    }
    return made;
}

TEST(union_find_test, components_equal_brute_force)
{
    for (unsigned seed = 0; seed < 500; ++seed) {
        const auto graph = make_graph(seed);
        EXPECT_EQ(partition_of(sets_of(graph.nodes, graph.pairs)),
                  brute_components(all_nodes(graph.nodes), graph.pairs, 0));
    }
}

TEST(union_find_test, sizes_count_the_members)
{
    union_find sets{memory()};
    sets.grow(3);
    sets.unite(0, 2);
    sets.grow(2); // not fewer
    sets.grow(5);
    sets.unite(2, 4);
    sets.unite(4, 0);
    EXPECT_EQ(sets.size(4), 3U);
    EXPECT_EQ(sets.size(1), 1U);
    EXPECT_EQ(sets.count(), 5U);
}

TEST(union_find_test, a_long_chain_needs_no_recursion)
{
    constexpr std::uint32_t nodes = 1000000;
    union_find sets{memory()};
    sets.grow(nodes);
    for (std::uint32_t node = nodes - 1; node > 0; --node) {
        sets.unite(node, node - 1);
    }
    EXPECT_EQ(sets.size(0), nodes);
}

TEST(clusters_test, a_split_equals_brute_force)
{
    for (unsigned seed = 0; seed < 500; ++seed) {
        const auto graph = make_graph(seed);
        for (std::uint32_t most = 2; most < 12; most += 3) {
            partition expected;
            brute_split(all_nodes(graph.nodes), graph.pairs, -1, most, expected);
            auto whole = sets_of(graph.nodes, graph.pairs);
            EXPECT_EQ(partition_of(etl::dedupe::split_large(whole, graph.pairs, most, never_poll)), expected);
        }
    }
}

TEST(clusters_test, large_clusters_are_counted)
{
    const scored_pairs pairs = {{0, 1, 0.9}, {1, 2, 0.5}, {2, 3, 0.9}, {5, 6, 0.1}};
    auto whole = sets_of(7, pairs);
    auto parts = etl::dedupe::split_large(whole, pairs, 3, never_poll);
    const auto large = etl::dedupe::large_clusters(whole, parts, 3, never_poll);
    ASSERT_EQ(large.size(), 1U);
    EXPECT_EQ(large[0].size, 4U);
    EXPECT_EQ(large[0].parts, 2U);
    EXPECT_EQ(whole.find(large[0].root), whole.find(3));
}

TEST(clusters_test, the_first_node_is_the_smallest_name_in_any_order)
{
    integer_ids ids{memory()};
    const auto b = ids.number_of(10);
    const auto a = ids.number_of(-9);
    const auto c = ids.number_of(std::numeric_limits<std::int64_t>::max());
    union_find sets{memory()};
    sets.grow(ids.count());
    sets.unite(b, a);
    const auto first = etl::dedupe::first_nodes(sets, ids, never_poll);
    EXPECT_EQ(ids.name(first[sets.find(b)]), -9);
    EXPECT_EQ(first[sets.find(c)], c);
}

TEST(integer_ids_test, numbers_many_ids_in_the_order_of_their_appearance)
{
    integer_ids ids{memory()};
    for (std::int64_t i = 0; i < 100000; ++i) {
        ASSERT_EQ(ids.number_of(i * 4096 - 7), i);
    }
    for (std::int64_t i = 0; i < 100000; ++i) {
        ASSERT_EQ(ids.number_of(i * 4096 - 7), i);
        ASSERT_EQ(ids.name(static_cast<std::uint32_t>(i)), i * 4096 - 7);
    }
    EXPECT_EQ(ids.count(), 100000U);
}

using link = std::pair<std::int64_t, std::int64_t>;

// The best pair of all that are free, again and again.
std::set<link> brute_links(const scored_pairs& pairs, const integer_ids& left, const integer_ids& right, bool one_kind)
{
    std::set<link> links;
    std::set<std::int64_t> left_taken;
    std::set<std::int64_t> right_taken;
    for (;;) {
        bool found = false;
        std::tuple<double, std::int64_t, std::int64_t> best;
        for (const auto& pair : pairs) {
            link at = {left.name(pair.a), right.name(pair.b)};
            if (one_kind && at.second < at.first) {
                std::swap(at.first, at.second);
            }
            auto& taken = one_kind ? left_taken : right_taken;
            if (left_taken.contains(at.first) || taken.contains(at.second) || (one_kind && at.first == at.second)) {
                continue;
            }
            const std::tuple candidate{-pair.score, at.first, at.second};
            if (!found || candidate < best) {
                best = candidate;
                found = true;
            }
        }
        if (!found) {
            return links;
        }
        links.insert({std::get<1>(best), std::get<2>(best)});
        left_taken.insert(std::get<1>(best));
        (one_kind ? left_taken : right_taken).insert(std::get<2>(best));
    }
}

std::set<link> links_of(const scored_pairs& pairs, const integer_ids& left, const integer_ids& right)
{
    std::set<link> links;
    for (const auto& pair : pairs) {
        EXPECT_TRUE(links.insert({left.name(pair.a), right.name(pair.b)}).second);
    }
    return links;
}

// Ids in another order than their numbers.
void name_nodes(integer_ids& ids, std::uint32_t nodes, unsigned seed)
{
    std::vector<std::int64_t> names(nodes);
    std::iota(names.begin(), names.end(), -3);
    std::shuffle(names.begin(), names.end(), std::mt19937{seed});
    for (const auto name : names) {
        ids.number_of(name);
    }
}

TEST(one_to_one_test, two_kinds_equal_brute_force)
{
    for (unsigned seed = 0; seed < 500; ++seed) {
        auto graph = make_graph(seed);
        integer_ids left{memory()};
        integer_ids right{memory()};
        name_nodes(left, graph.nodes, seed);
        name_nodes(right, graph.nodes, seed + 1);
        const auto expected = brute_links(graph.pairs, left, right, false);
        etl::dedupe::one_to_one(graph.pairs, left, right, never_poll);
        EXPECT_EQ(links_of(graph.pairs, left, right), expected);
    }
}

TEST(one_to_one_test, one_kind_equals_brute_force)
{
    for (unsigned seed = 0; seed < 500; ++seed) {
        auto graph = make_graph(seed);
        integer_ids ids{memory()};
        name_nodes(ids, graph.nodes, seed);
        const auto expected = brute_links(graph.pairs, ids, ids, true);
        etl::dedupe::one_to_one(graph.pairs, ids, ids, never_poll);
        EXPECT_EQ(links_of(graph.pairs, ids, ids), expected);
    }
}

TEST(one_to_one_test, texts_go_by_their_bytes)
{
    etl::node_names left{memory()};
    etl::node_names right{memory()};
    const auto small = left.number_of("a");
    const auto capital = left.number_of("B");
    const auto only = right.number_of("x");
    scored_pairs pairs = {{small, only, 1}, {capital, only, 1}};
    etl::dedupe::one_to_one(pairs, left, right, never_poll);
    ASSERT_EQ(pairs.size(), 1U);
    EXPECT_EQ(left.name(pairs[0].a), "B");
}

struct stopped {};

TEST(one_to_one_test, a_sort_stops_when_told_to)
{
    scored_pairs pairs;
    integer_ids ids{memory()};
    for (std::uint32_t i = 0; i < 20000; ++i) {
        ids.number_of(i);
        pairs.push_back({i, (i * 7919) % 20000, static_cast<double>((i * 104729) % 20011)});
    }
    EXPECT_THROW(etl::dedupe::sort_pairs(
                     pairs, [] { throw stopped{}; }, [](const auto& x, const auto& y) { return x.score > y.score; }),
                 stopped);
}

} // namespace
