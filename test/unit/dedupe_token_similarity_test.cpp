// Sets of n-grams and bags of tokens against known values and sets built the plain way.
#include "dedupe/token_similarity.hpp"

#include "dedupe/code_points.hpp"
#include "dedupe/jaro.hpp"
#include "unit/random_texts.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

namespace {

using namespace etl::dedupe;

std::set<std::u32string> grams(std::string_view text, std::size_t n)
{
    std::u32string all(text.size(), U'\0');
    all.resize(read_code_points(text, all.data()));
    std::set<std::u32string> made;
    for (std::size_t i = 0; i < all.size() && (i == 0 || i + n <= all.size()); ++i) {
        made.insert(all.substr(i, n));
    }
    return made;
}

void expect_like_sets(const std::string& a, const std::string& b, std::int32_t n)
{
    const auto in_a = grams(a, static_cast<std::size_t>(n));
    const auto in_b = grams(b, static_cast<std::size_t>(n));
    const auto shared = static_cast<double>(
        std::count_if(in_a.begin(), in_a.end(), [&](const auto& gram) { return in_b.contains(gram); }));
    const auto size_a = static_cast<double>(in_a.size());
    const auto size_b = static_cast<double>(in_b.size());
    const bool none = a.empty() || b.empty();
    const double empty = a.empty() && b.empty() ? 1 : 0;
    ASSERT_EQ(jaccard(a, b, n), none ? empty : shared / (size_a + size_b - shared)) << a << ' ' << b << ' ' << n;
    ASSERT_EQ(overlap(a, b, n), none ? empty : shared / std::min(size_a, size_b)) << a << ' ' << b << ' ' << n;
    ASSERT_EQ(jaccard(a, b, n), jaccard(b, a, n));
    ASSERT_EQ(jaccard(a, a, n), 1);
}

TEST(Ngrams, KnownValues)
{
    EXPECT_DOUBLE_EQ(jaccard("night", "nacht", 2), 1.0 / 7);
    EXPECT_DOUBLE_EQ(overlap("night", "nacht", 2), 1.0 / 4);
    EXPECT_EQ(overlap("night", "nightmare", 2), 1);
    EXPECT_EQ(jaccard("", "", 2), 1);
    EXPECT_EQ(jaccard("", "a", 2), 0);
    EXPECT_EQ(jaccard("a", "a", 2), 1) << "a text shorter than n is its own n-gram";
    EXPECT_EQ(jaccard("a", "ab", 2), 0);
    EXPECT_EQ(jaccard("é", "éé", 2), 0);
    EXPECT_EQ(jaccard("aaaa", "aa", 2), 1) << "sets, not bags";
}

TEST(Ngrams, AgreeWithSets)
{
    etl_test::random_texts random{13};
    for (const auto& alphabet : etl_test::alphabets()) {
        for (const std::int32_t n : {1, 2, 3, 8, 9, 10, 25, 70}) {
            for (int i = 0; i < 150; ++i) {
                const auto [a, b] = random.pair(alphabet, 40);
                expect_like_sets(a, b, n);
                if (HasFatalFailure()) {
                    return;
                }
            }
        }
    }
}

TEST(Ngrams, AgreeWithSetsOnManySymbols)
{
    etl_test::letters alphabet;
    for (char32_t c = 0x4e00; c < 0x4e00 + 600; ++c) {
        alphabet.push_back({static_cast<char>(0xe0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3f)),
                            static_cast<char>(0x80 | (c & 0x3f))});
    }
    etl_test::random_texts random{17};
    for (int i = 0; i < 20; ++i) {
        const auto [a, b] = random.pair(alphabet, 1500);
        expect_like_sets(a, b, 1);
        expect_like_sets(a, b, 2);
        expect_like_sets(a, b, 8);
    }
}

TEST(Ngrams, RefuseWhatIsNoNumberOfCharacters)
{
    for (const std::int32_t n : {0, -1, std::numeric_limits<std::int32_t>::min()}) {
        EXPECT_THROW(jaccard("", "", n), etl::error);
        EXPECT_THROW(overlap("a", "b", n), etl::error);
    }
    EXPECT_EQ(jaccard("abc", "abc", std::numeric_limits<std::int32_t>::max()), 1);
    EXPECT_THROW(jaccard(std::string(longest_text + 1, 'a'), "", 2), etl::error);
}

TEST(Ngrams, PollWhileTheyWork)
{
    static int polls;
    polls = 0;
    const std::string text(20000, 'a');
    EXPECT_EQ(jaccard(text, text + 'b', 10000, 0, [] { ++polls; }), 0.5);
    EXPECT_GT(polls, 1000);
}

TEST(CosineTokens, KnownValues)
{
    EXPECT_DOUBLE_EQ(cosine_tokens("julie loves me more than linda loves me", "jane likes me more than julie loves me"),
                     9 / std::sqrt(12.0 * 10.0));
    EXPECT_DOUBLE_EQ(cosine_tokens("a b", "b c"), 0.5);
    EXPECT_EQ(cosine_tokens("north  main\tstreet", " street main north "), 1) << "order and blanks do not matter";
    EXPECT_EQ(cosine_tokens("a\u00a0b", "b a"), 1) << "the no-break space is one";
    EXPECT_EQ(cosine_tokens("", "  "), 1);
    EXPECT_EQ(cosine_tokens("a", ""), 0);
    EXPECT_EQ(cosine_tokens("a b", "b c", 0.6), 0);
    EXPECT_EQ(cosine_tokens("a b c d", "e f"), 0);
}

TEST(MongeElkan, IsTheMeanOfTheBestPartners)
{
    const double peter = jaro_winkler("peter", "pedro");
    const double there = (peter + jaro_winkler("christen", "peter")) / 2;
    EXPECT_EQ(monge_elkan("peter", "pedro"), peter);
    EXPECT_LE(monge_elkan("paul johnson", "johson paule", direction::a_in_b), 1);
    EXPECT_DOUBLE_EQ(monge_elkan("paul johnson", "johson paule", direction::a_in_b),
                     (jaro_winkler("paul", "paule") + jaro_winkler("johnson", "johson")) / 2);
    EXPECT_DOUBLE_EQ(monge_elkan("peter christen", "peter", direction::a_in_b),
                     (1 + jaro_winkler("christen", "peter")) / 2);
    EXPECT_EQ(monge_elkan("peter", "peter christen", direction::a_in_b), 1);
    EXPECT_DOUBLE_EQ(monge_elkan("peter", "peter christen"), (1 + (1 + jaro_winkler("christen", "peter")) / 2) / 2);
    EXPECT_EQ(monge_elkan("peter", "peter christen"), monge_elkan("peter christen", "peter"));
    EXPECT_EQ(monge_elkan("", " "), 1);
    EXPECT_EQ(monge_elkan("", "a"), 0);
    EXPECT_LT(there, 1);
    EXPECT_EQ(monge_elkan("a b", "x y", direction::both, 0.5), 0);
    EXPECT_EQ(monge_elkan("peter christen", "christen peter", direction::both, 1), 1);
}

TEST(Tokens, CutoffsAgreeWithTheFullComputation)
{
    etl_test::random_texts random{19};
    for (const auto& alphabet : {etl_test::letters{"a", "b", "c", " "}, etl_test::letters{"é", "日", " ", "x"}}) {
        for (int i = 0; i < 1000; ++i) {
            const auto [a, b] = random.pair(alphabet, 25);
            for (const double cutoff : {0.2, 0.5, 0.8, 0.95}) {
                const auto expect = [cutoff](double exact, double cut) { ASSERT_EQ(cut, exact < cutoff ? 0 : exact); };
                expect(cosine_tokens(a, b), cosine_tokens(a, b, cutoff));
                expect(monge_elkan(a, b), monge_elkan(a, b, direction::both, cutoff));
                expect(jaccard(a, b, 2), jaccard(a, b, 2, cutoff));
                expect(overlap(a, b, 3), overlap(a, b, 3, cutoff));
            }
            ASSERT_EQ(monge_elkan(a, b), monge_elkan(b, a));
            ASSERT_EQ(cosine_tokens(a, b), cosine_tokens(b, a));
            ASSERT_EQ(cosine_tokens(a, a), 1);
            ASSERT_EQ(monge_elkan(a, a), 1);
        }
    }
}

} // namespace
