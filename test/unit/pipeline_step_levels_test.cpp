// Levels of steps: known graphs, circles, and random graphs against the definition.
#include "pipeline/step_levels.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using etl::pipeline::no_level;

using levels = std::vector<std::int32_t>;

levels levels_of(const std::vector<std::string>& names, const std::vector<std::pair<std::string, std::string>>& edges)
{
    std::vector<std::string> steps;
    std::vector<std::string> needed;
    for (const auto& [step, need] : edges) {
        steps.push_back(step);
        needed.push_back(need);
    }
    return etl::pipeline::levels_of(names, steps, needed);
}

TEST(step_levels, of_known_graphs)
{
    EXPECT_EQ(levels_of({}, {}), levels{});
    EXPECT_EQ(levels_of({"a", "b"}, {}), (levels{0, 0}));
    EXPECT_EQ(levels_of({"top", "left", "bottom", "right"},
                        {{"left", "top"}, {"right", "top"}, {"bottom", "left"}, {"bottom", "right"}}),
              (levels{0, 1, 2, 1}));
    EXPECT_EQ(levels_of({"c", "b", "a"}, {{"c", "b"}, {"b", "a"}, {"c", "a"}, {"c", "a"}}), (levels{2, 1, 0}));
}

TEST(step_levels, of_circles_and_what_is_behind_them)
{
    EXPECT_EQ(levels_of({"a"}, {{"a", "a"}}), levels{no_level});
    EXPECT_EQ(levels_of({"before", "a", "b", "after"}, {{"a", "b"}, {"b", "a"}, {"a", "before"}, {"after", "b"}}),
              (levels{0, no_level, no_level, no_level}));
}

TEST(step_levels, of_names_that_are_not_there)
{
    EXPECT_EQ(levels_of({"a", "b"}, {{"a", "x"}, {"b", "a"}}), (levels{no_level, no_level}));
    EXPECT_EQ(levels_of({"a"}, {{"x", "a"}}), levels{0});
}

TEST(step_levels, of_a_long_chain)
{
    std::vector<std::string> names;
    std::vector<std::pair<std::string, std::string>> edges;
    for (int n = 0; n < 100'000; ++n) {
        names.push_back(std::to_string(n));
        if (n > 0) {
            edges.emplace_back(std::to_string(n), std::to_string(n - 1));
        }
    }
    const levels found = levels_of(names, edges);
    EXPECT_EQ(found.front(), 0);
    EXPECT_EQ(found.back(), 99'999);
}

// Every step of a graph without circles is one above the highest of those that it needs.
TEST(step_levels, of_random_graphs)
{
    std::mt19937 random{20250601};
    for (int round = 0; round < 200; ++round) {
        const std::size_t count = 1 + random() % 40;
        std::vector<std::string> names;
        std::vector<std::pair<std::string, std::string>> edges;
        std::vector<std::int32_t> expected;
        for (std::size_t n = 0; n < count; ++n) {
            names.push_back("s" + std::to_string(n));
            std::int32_t level = 0;
            for (std::size_t need = 0; need < n; ++need) {
                if (random() % 8 == 0) {
                    edges.emplace_back(names[n], names[need]);
                    level = std::max(level, expected[need] + 1);
                }
            }
            expected.push_back(level);
        }
        std::shuffle(edges.begin(), edges.end(), random);
        EXPECT_EQ(levels_of(names, edges), expected);
    }
}

} // namespace
