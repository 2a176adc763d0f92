// Where new rows belong: known answers, and the same again by hand on random rows.
#include "dedupe/resolution.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace {

using etl::never_poll;
using etl::dedupe::place;
using etl::dedupe::resolution;

std::pmr::memory_resource* memory()
{
    return std::pmr::get_default_resource();
}

std::map<std::string, place> places_of(const resolution& of)
{
    std::map<std::string, place> made;
    for (std::uint32_t row = 0; row < of.count(); ++row) {
        if (of.is_new(row)) {
            made[std::string{of.id(row)}] = of.place_of(row);
        }
    }
    return made;
}

TEST(resolution_test, a_row_without_pairs_is_a_cluster_of_its_own)
{
    resolution run{memory()};
    run.add_row("x");
    run.add_row("y");
    run.resolve(never_poll);
    const auto places = places_of(run);
    EXPECT_EQ(places.at("x").part, -1);
    EXPECT_EQ(places.at("y").part, -2);
}

TEST(resolution_test, new_rows_of_one_cluster_have_one_part)
{
    resolution run{memory()};
    for (const char* id : {"x", "y", "z", "w"}) {
        run.add_row(id);
    }
    run.add_pair({"z", {}}, {"x", {}}, 0.9);
    run.add_pair({"w", {}}, {"z", {}}, 0.8);
    run.resolve(never_poll);
    const auto places = places_of(run);
    EXPECT_EQ(places.at("x").part, places.at("w").part);
    EXPECT_EQ(places.at("x").part, places.at("z").part);
    EXPECT_NE(places.at("x").part, places.at("y").part);
}

TEST(resolution_test, a_row_joins_its_best_match_and_merges_the_others)
{
    resolution run{memory()};
    run.add_row("x");
    run.add_pair({"x", {}}, {"a", {7, 3}}, 0.8);
    run.add_pair({"b", {5, 5}}, {"x", {}}, 0.9);
    run.resolve(never_poll);
    EXPECT_EQ(places_of(run).at("x").part, 5);
    ASSERT_EQ(run.merges().size(), 1U);
    const auto merge = run.merges()[0];
    EXPECT_EQ(run.id(merge.a), "a"); // of the smaller cluster
    EXPECT_EQ(run.id(merge.b), "x");
    EXPECT_EQ(merge.kept, 3);
    EXPECT_EQ(merge.merged, 5);
    EXPECT_EQ(merge.probability, 0.8);
}

TEST(resolution_test, a_chain_of_new_rows_follows_the_first_that_has_a_part)
{
    resolution run{memory()};
    run.add_pair({"x", {}}, {"y", {}}, 0.99);
    run.add_pair({"y", {}}, {"a", {4, 2}}, 0.9);
    run.resolve(never_poll);
    EXPECT_EQ(places_of(run).at("x").part, 4);
    EXPECT_EQ(places_of(run).at("x").cluster, 2);
    EXPECT_TRUE(run.merges().empty());
}

TEST(resolution_test, what_is_kept_apart_stays_apart)
{
    resolution run{memory()};
    run.add_row("x");
    run.add_pair({"x", {}}, {"a", {1, 1}}, 0.9);
    run.add_pair({"x", {}}, {"b", {2, 2}}, 0.8);
    run.add_pair({"x", {}}, {"c", {3, 3}}, 0.7);
    run.keep_apart({"", {0, 1}}, {"", {0, 2}});
    run.keep_apart({"gone", {}}, {"", {0, 2}});
    run.resolve(never_poll);
    EXPECT_EQ(places_of(run).at("x").part, 1);
    EXPECT_FALSE(places_of(run).contains("gone"));
    ASSERT_EQ(run.refused().size(), 1U);
    ASSERT_EQ(run.merges().size(), 1U);
    EXPECT_EQ(run.merges()[0].merged, 3);
}

TEST(resolution_test, an_id_given_twice_is_refused)
{
    resolution run{memory()};
    run.add_pair({"x", {}}, {"y", {}}, 0.9);
    run.add_row("x");
    EXPECT_THROW(run.add_row("x"), etl::error);
}

// The same by hand: sets of ids, looked through from end to end.
struct by_hand {
    struct group {
        std::set<std::string> rows; // new ones
        std::set<std::string> has;  // what a rule may speak of
        std::int64_t cluster = 0;
    };
    std::vector<group> groups;
    std::map<std::string, place> places;
    std::vector<std::pair<std::string, std::string>> rules;
    std::size_t merges = 0;
    std::size_t refused = 0;

    std::size_t find(const std::string& id, const place& at)
    {
        for (std::size_t i = 0; i < groups.size(); ++i) {
            if (groups[i].rows.contains(id) || groups[i].has.contains("cluster " + std::to_string(at.cluster))) {
                return i;
            }
        }
        ADD_FAILURE();
        return 0;
    }

    bool are_apart(const group& a, const group& b) const
    {
        return std::any_of(rules.begin(), rules.end(), [&](const auto& rule) {
            return (a.has.contains(rule.first) && b.has.contains(rule.second)) ||
                   (a.has.contains(rule.second) && b.has.contains(rule.first));
        });
    }

    void follow(const std::string& a, const place& at_a, const std::string& b, const place& at_b)
    {
        const std::size_t i = find(a, at_a);
        const std::size_t j = find(b, at_b);
        if (i == j) {
            return;
        }
        if (are_apart(groups[i], groups[j])) {
            ++refused;
            return;
        }
        const bool one = groups[i].cluster != 0;
        const bool other = groups[j].cluster != 0;
        merges += one && other ? 1 : 0;
        if (one != other) {
            for (const auto& row : groups[one ? j : i].rows) {
                places[row] = one ? (at_a.part != 0 ? at_a : places[a]) : (at_b.part != 0 ? at_b : places[b]);
            }
        }
        groups[i].cluster = std::max(groups[i].cluster, groups[j].cluster);
        groups[i].rows.insert(groups[j].rows.begin(), groups[j].rows.end());
        groups[i].has.insert(groups[j].has.begin(), groups[j].has.end());
        groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(j));
    }
};

struct row {
    std::string id;
    place at;
};

std::vector<row> make_rows(std::mt19937& random)
{
    std::vector<row> rows;
    for (int i = 0; i < 12; ++i) {
        const auto part = static_cast<std::int64_t>(random() % 6);
        rows.push_back({"r" + std::to_string(i), {part, part == 0 ? 0 : (part + 1) / 2}}); // two parts a cluster
    }
    return rows;
}

void compare(unsigned seed)
{
    std::mt19937 random{seed};
    const auto rows = make_rows(random);
    resolution run{memory()};
    by_hand hand;
    for (std::int64_t cluster = 1; cluster <= 3; ++cluster) {
        hand.groups.push_back({{}, {"cluster " + std::to_string(cluster)}, cluster});
    }
    for (const auto& of : rows) {
        if (of.at.part == 0) {
            run.add_row(of.id);
            hand.groups.push_back({{of.id}, {of.id}, 0});
        }
    }
    std::vector<std::tuple<double, row, row>> pairs;
    for (int i = 0; i < 14; ++i) {
        auto a = rows[random() % rows.size()];
        auto b = rows[random() % rows.size()];
        const double probability = static_cast<double>(random() % 10) / 10;
        run.add_pair({a.id, a.at}, {b.id, b.at}, probability);
        if (b.id < a.id) {
            std::swap(a, b);
        }
        if (a.at.part == 0 || b.at.part == 0) {
            pairs.emplace_back(-probability, a, b);
        }
    }
    for (unsigned i = random() % 4; i > 0; --i) {
        const auto& a = rows[random() % rows.size()];
        const auto& b = rows[random() % rows.size()];
        const auto name = [](const row& of) {
            return of.at.cluster == 0 ? of.id : "cluster " + std::to_string(of.at.cluster);
        };
        run.keep_apart({a.id, a.at}, {b.id, b.at});
        hand.rules.emplace_back(name(a), name(b));
    }
    std::stable_sort(pairs.begin(), pairs.end(), [](const auto& x, const auto& y) {
        return std::tie(std::get<0>(x), std::get<1>(x).id, std::get<2>(x).id) <
               std::tie(std::get<0>(y), std::get<1>(y).id, std::get<2>(y).id);
    });
    for (const auto& [probability, a, b] : pairs) {
        hand.follow(a.id, a.at, b.id, b.at);
    }
    run.resolve(never_poll);

    EXPECT_EQ(run.merges().size(), hand.merges);
    EXPECT_EQ(run.refused().size(), hand.refused);
    std::map<std::int64_t, std::set<std::string>> fresh;
    for (const auto& [id, at] : places_of(run)) {
        if (at.part < 0) {
            fresh[at.part].insert(id);
        } else {
            EXPECT_EQ(at.part, hand.places[id].part) << id;
            EXPECT_EQ(at.cluster, hand.places[id].cluster) << id;
        }
    }
    std::set<std::set<std::string>> expected;
    for (const auto& group : hand.groups) {
        if (group.cluster == 0) {
            expected.insert(group.rows);
        }
    }
    std::set<std::set<std::string>> got;
    for (const auto& [part, ids] : fresh) {
        got.insert(ids);
    }
    EXPECT_EQ(got, expected);
}

TEST(resolution_test, random_rows_go_where_they_go_by_hand)
{
    for (unsigned seed = 0; seed < 2000; ++seed) {
        SCOPED_TRACE(seed);
        compare(seed);
    }
}

} // namespace
