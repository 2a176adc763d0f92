#include "dedupe/minhash_bands.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace etl::dedupe;

signature sketch(std::string_view text, const minhash_options& options = {})
{
    return minhash(text, options, std::pmr::get_default_resource());
}

std::string message_of(auto&& f)
{
    try {
        f();
    } catch (const etl::error& e) {
        return std::string{e.sqlstate()} + ' ' + e.what();
    }
    return "no error";
}

// Two sets of words of which `shared` are in both and `own` in each.
struct two_texts {
    std::string a;
    std::string b;
    double similarity;
};
two_texts make_texts(int shared, int own, std::mt19937& random)
{
    std::vector<std::string> words;
    for (int i = 0; i < shared + 2 * own; ++i) {
        words.push_back(std::to_string(random()) + 'w' + std::to_string(i));
    }
    std::vector<std::string> a{words.begin(), words.begin() + shared + own};
    std::vector<std::string> b{words.begin(), words.begin() + shared};
    b.insert(b.end(), words.begin() + shared + own, words.end());
    std::shuffle(a.begin(), a.end(), random);
    std::shuffle(b.begin(), b.end(), random);
    const auto joined = [](const std::vector<std::string>& all) {
        std::string text;
        for (const auto& word : all) {
            text += word + ' ';
        }
        return text;
    };
    return {joined(a), joined(b), static_cast<double>(shared) / (shared + 2 * own)};
}

constexpr minhash_options words = {.k = 128, .n = 1, .of_words = true};

struct spread {
    double mean = 0;
    double deviation = 0;
};
spread of_estimates(int shared, int own, const minhash_options& options)
{
    constexpr int rounds = 1000;
    std::mt19937 random{static_cast<unsigned>(shared * 1000 + own)};
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < rounds; ++i) {
        const two_texts texts = make_texts(shared, own, random);
        const double estimate = signature_similarity(sketch(texts.a, options), sketch(texts.b, options));
        sum += estimate;
        squares += estimate * estimate;
    }
    const double mean = sum / rounds;
    return {mean, std::sqrt(squares / rounds - mean * mean)};
}

// Fewer words than places, about as many, more. Of few shingles two may
// have the same place, which k independent hash functions would tell apart: hence the room above their deviation.
TEST(minhash, estimates_jaccard_without_bias)
{
    for (const auto& [shared, own] :
         std::vector<std::pair<int, int>>{{1, 1}, {2, 1}, {5, 5}, {18, 1}, {10, 40}, {60, 20}, {100, 100}, {200, 20}}) {
        const double exact = static_cast<double>(shared) / (shared + 2 * own);
        const spread found = of_estimates(shared, own, words);
        const double bound = std::sqrt(exact * (1 - exact) / words.k);
        EXPECT_NEAR(found.mean, exact, 4 * found.deviation / std::sqrt(1000.0)) << shared << ' ' << own;
        EXPECT_LT(found.deviation, 1.4 * bound) << shared << ' ' << own;
    }
}

TEST(minhash, shares_a_band_as_often_as_the_curve_says)
{
    constexpr int rounds = 1000;
    std::mt19937 random{7};
    for (const double threshold : {0.5, 0.8}) {
        const band_plan plan = plan_bands(threshold, words.k, 0.9);
        for (const auto& [shared, own] : std::vector<std::pair<int, int>>{{50, 100}, {100, 50}, {160, 20}, {180, 10}}) {
            int candidates = 0;
            double similarity = 0;
            for (int i = 0; i < rounds; ++i) {
                const two_texts texts = make_texts(shared, own, random);
                similarity = texts.similarity;
                const auto a = band_keys(sketch(texts.a, words), plan, std::pmr::get_default_resource());
                const auto b = band_keys(sketch(texts.b, words), plan, std::pmr::get_default_resource());
                const bool share = std::any_of(a.begin(), a.end(), [&](std::int64_t key) {
                    return std::find(b.begin(), b.end(), key) != b.end();
                });
                candidates += share ? 1 : 0;
            }
            const double expected = share_probability(similarity, plan.bands, plan.rows);
            EXPECT_NEAR(static_cast<double>(candidates) / rounds, expected, 0.05) << threshold << ' ' << similarity;
        }
    }
}

TEST(minhash, the_same_text_has_the_same_signature)
{
    EXPECT_EQ(sketch("Ada Lovelace"), sketch("Ada Lovelace"));
    EXPECT_NE(sketch("Ada Lovelace"), sketch("Ada Lovelace", {.seed = 2}));
    EXPECT_EQ(sketch("abcabcabc"), sketch("abcabc")); // a set of shingles
    EXPECT_EQ(sketch(" a  b\tc\u00a0d ", words), sketch("a b c d", words));
    EXPECT_EQ(sketch("Ada").size(), 128U);
    EXPECT_EQ(sketch("Ada", {.k = 1}).size(), 1U);
}

TEST(minhash, short_texts)
{
    EXPECT_TRUE(sketch("").empty());
    EXPECT_TRUE(sketch(" \t", words).empty());
    EXPECT_EQ(sketch("ab").size(), 128U);
    EXPECT_NE(sketch("ab"), sketch("ac"));
    EXPECT_EQ(sketch("äöü").size(), 128U);
    EXPECT_EQ(sketch("one two", {.n = 3, .of_words = true}), sketch(" one  two", {.n = 3, .of_words = true}));
}

// Each shingle of characters is counted, the first and the last, whole characters: one place shows the least of them.
TEST(minhash, shingles_are_of_whole_characters)
{
    const auto of_one = [](std::string_view text, std::int32_t n) {
        return static_cast<std::uint32_t>(sketch(text, {.k = 1, .n = n})[0]);
    };
    const std::vector<std::string> shingles{"aä", "ä漢", "漢z"};
    std::uint32_t least = ~0U;
    for (const auto& shingle : shingles) {
        least = std::min(least, of_one(shingle, 2));
    }
    EXPECT_EQ(of_one("aä漢z", 2), least);
}

TEST(minhash, options_out_of_range_are_refused)
{
    EXPECT_EQ(message_of([] { sketch("a", {.k = 0}); }), "22023 k must be from 1 to 4096, not 0");
    EXPECT_EQ(message_of([] { sketch("a", {.k = 4097}); }), "22023 k must be from 1 to 4096, not 4097");
    EXPECT_EQ(message_of([] { sketch("a", {.n = 0}); }), "22023 n must be from 1 to 1000, not 0");
    EXPECT_EQ(message_of([] { are_words("line"); }), "22023 unknown unit \"line\"");
    EXPECT_EQ(message_of([] { plan_bands(0, 128, 0.5); }),
              "22023 threshold must be greater than 0 and less than 1, not 0");
    EXPECT_EQ(message_of([] { plan_bands(std::nan(""), 128, 0.5); }),
              "22023 threshold must be greater than 0 and less than 1, not nan");
    EXPECT_EQ(message_of([] { plan_bands(0.5, 128, 1); }),
              "22023 false_negative_weight must be greater than 0 and less than 1, not 1");
    EXPECT_EQ(message_of([] { signature_similarity(sketch("a"), sketch("a", {.k = 2})); }),
              "22023 signatures of 128 and 2 numbers cannot be compared");
}

// Every cut there is, with sums of 1,000 rectangles, which is how datasketch does it.
double cost(double threshold, int bands, int rows, double weight)
{
    constexpr double step = 0.001;
    double sum = 0;
    for (double s = step / 2; s < 1; s += step) {
        const double shared = share_probability(s, bands, rows);
        sum += step * (s < threshold ? (1 - weight) * shared : weight * (1 - shared));
    }
    return sum;
}

TEST(plan_bands, has_the_least_error_of_all_cuts)
{
    for (const std::int32_t k : {1, 10, 64, 128}) {
        for (const double threshold : {0.2, 0.5, 0.7, 0.9}) {
            for (const double weight : {0.3, 0.5, 0.9}) {
                double least = 2;
                for (int bands = 1; bands <= k; ++bands) {
                    for (int rows = 1; bands * rows <= k; ++rows) {
                        least = std::min(least, cost(threshold, bands, rows, weight));
                    }
                }
                const band_plan plan = plan_bands(threshold, k, weight);
                EXPECT_LE(plan.bands * plan.rows, k);
                EXPECT_NEAR(cost(threshold, plan.bands, plan.rows, weight), least, 1e-4) << k << ' ' << threshold;
                EXPECT_NEAR((1 - weight) * plan.false_positives + weight * plan.false_negatives, least, 1e-3);
            }
        }
    }
    EXPECT_EQ(plan_bands(0.5, 128, 0.5).bands, 25); // as datasketch's MinHashLSH(threshold=0.5, num_perm=128)
    EXPECT_EQ(plan_bands(0.5, 128, 0.5).rows, 5);
}

TEST(band_keys, tell_bands_apart)
{
    const std::vector<std::int32_t> same(128, 5);
    const auto keys = band_keys(same, plan_bands(0.5, 128, 0.5), std::pmr::get_default_resource());
    EXPECT_EQ((std::set<std::int64_t>{keys.begin(), keys.end()}.size()), keys.size());
    EXPECT_TRUE(band_keys({}, plan_bands(0.5, 128, 0.5), std::pmr::get_default_resource()).empty());
}

} // namespace
