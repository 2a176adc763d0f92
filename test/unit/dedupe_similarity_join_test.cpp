// Similarity join: trigrams as pg_trgm has them, and all pairs against comparing every two.
#include "dedupe/similarity_join.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

namespace etl::dedupe {
namespace {

std::vector<std::string> trigrams_of(std::string_view text)
{
    std::pmr::vector<trigram> read;
    read_trigrams(text, read);
    std::vector<std::string> made;
    for (const trigram one : read) {
        std::string shown;
        for (int shift = 42; shift >= 0; shift -= 21) {
            const auto c = static_cast<char32_t>(one >> shift & 0x1FFFFF);
            shown += c < 0x80 ? static_cast<char>(c) : '?';
        }
        made.push_back(shown);
    }
    return made;
}

TEST(trigrams, are_those_of_words_in_lower_case)
{
    EXPECT_EQ(trigrams_of("Cat"), (std::vector<std::string>{"  c", " ca", "at ", "cat"}));
    EXPECT_EQ(trigrams_of("a, B!"), (std::vector<std::string>{"  a", "  b", " a ", " b "}));
    EXPECT_EQ(trigrams_of("cat cat").size(), 4U);
    EXPECT_EQ(trigrams_of("É"), (std::vector<std::string>{"  ?", " ? "}));
    EXPECT_TRUE(trigrams_of("").empty());
    EXPECT_TRUE(trigrams_of("- !?").empty());
    EXPECT_EQ(trigrams_of("x\xff\xfey").size(), 4U) << "a byte that is no UTF-8 stands between words";
}

using found_pairs = std::map<std::pair<std::uint32_t, std::uint32_t>, double>;

found_pairs joined(const std::vector<std::string>& texts, double threshold, std::size_t first = SIZE_MAX)
{
    similarity_join join{threshold, first != SIZE_MAX, std::pmr::get_default_resource()};
    for (std::size_t i = 0; i < texts.size(); ++i) {
        join.add(texts[i], i >= first);
    }
    found_pairs found;
    join.each(
        [&](const similarity_join::pair& p) {
            EXPECT_TRUE(found.emplace(std::pair{p.a, p.b}, p.similarity).second) << p.a << " " << p.b << " twice";
        },
        never_poll);
    return found;
}

found_pairs compared(const std::vector<std::string>& texts, double threshold, std::size_t first = SIZE_MAX)
{
    std::vector<std::pmr::vector<trigram>> sets(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
        read_trigrams(texts[i], sets[i]);
    }
    found_pairs found;
    for (std::uint32_t a = 0; a < sets.size(); ++a) {
        for (std::uint32_t b = a + 1; b < sets.size(); ++b) {
            std::vector<trigram> both;
            std::ranges::set_intersection(sets[a], sets[b], std::back_inserter(both));
            const auto all = static_cast<double>(sets[a].size() + sets[b].size() - both.size());
            const double similarity = static_cast<double>(both.size()) / all;
            if (all > 0 && similarity >= threshold && (first == SIZE_MAX || (a < first && b >= first))) {
                found.emplace(std::pair{a, b}, similarity);
            }
        }
    }
    return found;
}

std::vector<std::string> random_texts(std::mt19937& random, std::size_t count)
{
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < count; ++i) {
        if (!texts.empty() && random() % 2 == 0) { // like an earlier one
            std::string like = texts[random() % texts.size()];
            for (std::size_t changes = random() % 4; changes > 0 && !like.empty(); --changes) {
                like[random() % like.size()] = static_cast<char>('a' + random() % 4);
            }
            texts.push_back(like);
            continue;
        }
        std::string text;
        for (std::size_t size = random() % 30; size > 0; --size) {
            text += random() % 6 == 0 ? ' ' : static_cast<char>('a' + random() % 4);
        }
        texts.push_back(text);
    }
    return texts;
}

TEST(similarity_join, finds_what_comparing_every_two_finds)
{
    std::mt19937 random{7};
    for (int round = 0; round < 8; ++round) {
        const auto texts = random_texts(random, 1 + random() % 120);
        for (const double threshold : {1e-300, 1e-13, 0.05, 0.3, 0.5, 0.6, 2.0 / 3, 0.8, 1.0}) {
            EXPECT_EQ(joined(texts, threshold), compared(texts, threshold)) << threshold;
            const std::size_t first = random() % (texts.size() + 1);
            EXPECT_EQ(joined(texts, threshold, first), compared(texts, threshold, first)) << "linked " << threshold;
        }
    }
}

TEST(similarity_join, texts_without_words_are_like_none)
{
    EXPECT_TRUE(joined({"", "", "!", "?"}, 0.1).empty());
    EXPECT_TRUE(joined({}, 0.5).empty());
    EXPECT_TRUE(joined({"one"}, 0.5).empty());
}

TEST(similarity_join, refuses_a_threshold_out_of_range)
{
    for (const double wrong : {0.0, -0.1, 1.01, std::numeric_limits<double>::quiet_NaN()}) {
        EXPECT_THROW(similarity_join(wrong, false, std::pmr::get_default_resource()), error) << wrong;
    }
}

void refuse()
{
    throw error(sqlstate::internal_error, "stopped");
}

TEST(similarity_join, can_be_stopped)
{
    similarity_join join{0.1, false, std::pmr::get_default_resource()};
    for (int i = 0; i < 5000; ++i) {
        join.add("the same words " + std::to_string(i));
    }
    EXPECT_THROW(join.each([](const similarity_join::pair&) {}, refuse), error);
}

} // namespace
} // namespace etl::dedupe
