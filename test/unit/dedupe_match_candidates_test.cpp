// Rows in memory and their candidate pairs, against comparing every two rows by their keys.
#include "dedupe/match_candidates.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <string>

namespace etl::dedupe {
namespace {

using pair_of_rows = std::pair<row_number, row_number>;

struct test_row {
    std::int64_t id;
    row_sides sides;
    std::vector<std::vector<std::uint64_t>> keys; // of each rule
};

struct test_case {
    std::vector<test_row> rows;
    std::size_t rules = 2;
    bool links = false;
    std::uint64_t max_block = 1000;
};

match_candidates loaded(const test_case& of)
{
    const std::vector<value_type> types = {value_type::text};
    const std::vector<std::uint32_t> windows(of.rules, 0);
    match_candidates made{types, windows, of.links, std::pmr::get_default_resource()};
    for (row_number row = 0; row < of.rows.size(); ++row) {
        made.rows().add(of.rows[row].id, of.rows[row].sides);
        made.rows().add_value(0, match_value::of("row " + std::to_string(of.rows[row].id)));
        for (std::size_t rule = 0; rule < of.rules; ++rule) {
            for (const std::uint64_t key : of.rows[row].keys[rule]) {
                made.rules()[rule].add_key(row, key);
            }
        }
    }
    made.close(of.max_block, never_poll);
    return made;
}

// What a rule has found: the pairs, and of them those that no earlier one has.
using found_pairs = std::multimap<pair_of_rows, bool>;

found_pairs found(const match_candidates& candidates, std::size_t rule)
{
    found_pairs made;
    candidates.each_pair(rule, 1, 0, never_poll, [&](row_number a, row_number b, bool is_new) {
        made.emplace(pair_of_rows{a, b}, is_new);
    });
    return made;
}

bool shares_key(const test_case& of, std::size_t rule, const test_row& x, const test_row& y)
{
    std::map<std::uint64_t, std::size_t> sizes;
    for (const test_row& row : of.rows) {
        for (const std::uint64_t key : row.keys[rule]) {
            ++sizes[key];
        }
    }
    for (const std::uint64_t key : x.keys[rule]) {
        const auto& other = y.keys[rule];
        if (std::find(other.begin(), other.end(), key) != other.end() && sizes[key] <= of.max_block) {
            return true;
        }
    }
    return false;
}

bool is_pair(const test_case& of, const test_row& a, const test_row& b)
{
    if (of.links) {
        return !a.sides.is_second && b.sides.is_second && a.sides.in_a && b.sides.in_b;
    }
    return a.sides.in_a && b.sides.in_b && (a.id < b.id || (a.id > b.id && !(a.sides.in_b && b.sides.in_a)));
}

found_pairs expected(const test_case& of, std::size_t rule)
{
    found_pairs made;
    for (row_number a = 0; a < of.rows.size(); ++a) {
        for (row_number b = 0; b < of.rows.size(); ++b) {
            const test_row& x = of.rows[a];
            const test_row& y = of.rows[b];
            if (is_pair(of, x, y) && shares_key(of, rule, x, y)) {
                bool is_new = true;
                for (std::size_t earlier = 0; earlier < rule; ++earlier) {
                    is_new = is_new && !shares_key(of, earlier, x, y);
                }
                made.emplace(pair_of_rows{a, b}, is_new);
            }
        }
    }
    return made;
}

test_case random_case(std::mt19937& random, bool several_keys)
{
    test_case made;
    made.rules = 1 + random() % 3;
    made.links = random() % 3 == 0;
    made.max_block = random() % 2 == 0 ? 1000 : 5;
    std::vector<std::int64_t> ids(random() % 60);
    std::iota(ids.begin(), ids.end(), -20);
    std::shuffle(ids.begin(), ids.end(), random);
    for (const std::int64_t id : ids) {
        test_row row{id, {random() % 2 == 0, random() % 4 != 0, random() % 4 != 0}, {}};
        for (std::size_t rule = 0; rule < made.rules; ++rule) {
            std::set<std::uint64_t> keys;
            for (std::size_t n = random() % (several_keys ? 4 : 2); n > 0; --n) {
                keys.insert(random() % 12);
            }
            row.keys.emplace_back(keys.begin(), keys.end());
        }
        made.rows.push_back(row);
    }
    return made;
}

TEST(match_candidates, are_those_of_comparing_every_two)
{
    std::mt19937 random{11};
    for (int round = 0; round < 300; ++round) {
        const test_case of = random_case(random, round % 2 == 0);
        const match_candidates candidates = loaded(of);
        for (std::size_t rule = 0; rule < of.rules; ++rule) {
            EXPECT_EQ(found(candidates, rule), expected(of, rule)) << "round " << round << " rule " << rule;
        }
    }
}

TEST(match_candidates, blocks_are_counted)
{
    test_case of;
    of.rules = 1;
    of.max_block = 3;
    for (std::int64_t id = 0; id < 10; ++id) {
        of.rows.push_back({id, {false, true, true}, {{id < 4 ? 1U : id < 7 ? 2U : 10 + static_cast<unsigned>(id)}}});
    }
    const match_candidates candidates = loaded(of);
    const block_counts& counts = candidates.rules()[0].counts();
    EXPECT_EQ(counts.pairs, 3);
    EXPECT_EQ(counts.cut_blocks, 1U);
    EXPECT_EQ(counts.cut_pairs, 6);
    EXPECT_EQ(counts.largest, 4U);
}

TEST(match_candidates, rules_can_be_left_out)
{
    test_case one;
    one.rules = 1;
    one.rows = {{1, {false, true, true}, {{7}}}, {2, {false, true, true}, {{7}}}};
    match_candidates candidates = loaded(one);
    const std::vector<std::int64_t> kept = {0};
    candidates.keep_rules(kept);
    EXPECT_EQ(found(candidates, 0).size(), 1U);
    for (const std::vector<std::int64_t>& wrong : {std::vector<std::int64_t>{3}, {0, 0}, {-1}}) {
        match_candidates others = loaded(one);
        EXPECT_THROW(others.keep_rules(wrong), error);
    }
}

TEST(match_candidates, rows_that_stand_near_each_other)
{
    const std::vector<value_type> types = {value_type::number};
    const std::vector<std::uint32_t> windows = {3};
    match_candidates candidates{types, windows, false, std::pmr::get_default_resource()};
    const std::vector<std::int64_t> places = {4, 0, 2, 1, 3}; // of rows 0 to 4; row 1 has none
    for (row_number row = 0; row < places.size(); ++row) {
        candidates.rows().add(std::int64_t{row}, {false, true, true});
        candidates.rows().add_value(0, match_value::of(1.0));
        if (places[row] != 0) {
            candidates.rules()[0].add_place(row, places[row]);
        }
    }
    candidates.close(100, never_poll);
    std::set<pair_of_rows> pairs;
    for (const auto& [pair, is_new] : found(candidates, 0)) {
        EXPECT_TRUE(pairs.insert(pair).second);
        EXPECT_TRUE(candidates.rules()[0].finds(pair.second, pair.first));
    }
    EXPECT_EQ(pairs, (std::set<pair_of_rows>{{2, 3}, {3, 4}, {2, 4}, {0, 2}, {0, 4}}));
    EXPECT_FALSE(candidates.rules()[0].finds(0, 3));
    EXPECT_FALSE(candidates.rules()[0].finds(0, 1));
}

TEST(match_candidates, wrong_places_are_refused)
{
    const std::vector<value_type> types = {value_type::text};
    const std::vector<std::uint32_t> windows = {3};
    for (const std::vector<std::int64_t>& places : {std::vector<std::int64_t>{1, 1}, {1, 3}, {2, 2000000000}}) {
        match_candidates candidates{types, windows, false, std::pmr::get_default_resource()};
        for (row_number row = 0; row < places.size(); ++row) {
            candidates.rows().add(std::int64_t{row}, {false, true, true});
            candidates.rules()[0].add_place(row, places[row]);
        }
        EXPECT_THROW(candidates.close(100, never_poll), error);
    }
    match_blocks rule{3, std::pmr::get_default_resource()};
    EXPECT_THROW(rule.add_place(0, 0), error);
    EXPECT_THROW(rule.add_place(0, std::int64_t{1} << 40), error);
}

TEST(match_candidates, a_share_of_the_blocks_is_chosen_by_the_seed)
{
    std::size_t chosen = 0;
    std::size_t both = 0;
    for (std::uint64_t key = 0; key < 10000; ++key) {
        chosen += is_sampled(key, 0.25, 1) ? 1U : 0U;
        both += is_sampled(key, 0.25, 1) && is_sampled(key, 0.25, 2) ? 1U : 0U;
        EXPECT_TRUE(is_sampled(key, 1, key));
        EXPECT_TRUE(!is_sampled(key, 0.1, 3) || is_sampled(key, 0.2, 3)) << "a larger share holds the smaller one";
    }
    EXPECT_NEAR(static_cast<double>(chosen), 2500, 150);
    EXPECT_NEAR(static_cast<double>(both), 625, 100);
}

void refuse()
{
    throw error(sqlstate::internal_error, "stopped");
}

TEST(match_candidates, can_be_stopped)
{
    test_case of;
    of.rules = 1;
    of.max_block = 100000;
    for (std::int64_t id = 0; id < 200; ++id) {
        of.rows.push_back({id, {false, true, true}, {{1}}});
    }
    const match_candidates candidates = loaded(of);
    EXPECT_THROW(candidates.each_pair(0, 1, 0, refuse, [](row_number, row_number, bool) {}), error);
}

TEST(match_rows, values_come_back_as_they_were)
{
    const std::vector<value_type> types = {value_type::text, value_type::number};
    match_rows rows{types, false, std::pmr::get_default_resource()};
    rows.add(std::string_view{"b"}, {false, true, true});
    rows.add_value(0, match_value::of("Jo"));
    rows.add_value(1, {});
    rows.add(std::string_view{"a"}, {false, true, true});
    rows.add_value(0, {});
    rows.add_value(1, match_value::of(2.5));
    std::array<compared_values, 2> values;
    rows.read(0, 1, values);
    EXPECT_EQ(values[0].a.text, "Jo");
    EXPECT_TRUE(values[0].b.missing);
    EXPECT_TRUE(values[1].a.missing);
    EXPECT_EQ(values[1].b.number, 2.5);
    EXPECT_EQ(rows.as_pair(0, 1), std::pair(1U, 0U)) << "the smaller id comes first";
    EXPECT_EQ(rows.id(0), "b");
    EXPECT_GT(rows.memory_bytes(), 0U);
}

} // namespace
} // namespace etl::dedupe
