// Edit distances against known values, the textbook's matrices on random texts, and the laws that they obey.
#include "dedupe/edit_distance.hpp"

#include "dedupe/code_points.hpp"
#include "unit/random_texts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace etl::dedupe;
using distance_fn = std::uint32_t (*)(std::string_view, std::string_view, std::uint32_t, etl::poll_fn);
using matrix = std::vector<std::vector<std::uint32_t>>;

std::u32string code_points(std::string_view text)
{
    std::u32string made(text.size(), U'\0');
    made.resize(read_code_points(text, made.data()));
    return made;
}

matrix border(std::size_t rows, std::size_t columns)
{
    matrix d(rows + 1, std::vector<std::uint32_t>(columns + 1));
    for (std::uint32_t i = 0; i <= rows; ++i) {
        d[i][0] = i;
    }
    for (std::uint32_t j = 0; j <= columns; ++j) {
        d[0][j] = j;
    }
    return d;
}

// Levenshtein's recurrence and, with swaps, that of the optimal string alignment.
std::uint32_t by_matrix(std::string_view left, std::string_view right, bool swaps)
{
    const auto a = code_points(left);
    const auto b = code_points(right);
    matrix d = border(a.size(), b.size());
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1] ? 1U : 0U)});
            if (swaps && i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
            }
        }
    }
    return d[a.size()][b.size()];
}

// Lowrance and Wagner's: a swap may have edits between its two symbols.
std::uint32_t lowrance_wagner(std::string_view left, std::string_view right)
{
    const auto a = code_points(left);
    const auto b = code_points(right);
    matrix d = border(a.size(), b.size());
    std::map<char32_t, std::size_t> last_row;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t match = 0;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1] ? 1U : 0U)});
            const std::size_t k = last_row[b[j - 1]];
            if (k > 0 && match > 0) {
                const auto between = static_cast<std::uint32_t>((i - k - 1) + (j - match - 1));
                d[i][j] = std::min(d[i][j], d[k - 1][match - 1] + between + 1);
            }
            if (a[i - 1] == b[j - 1]) {
                match = j;
            }
        }
        last_row[a[i - 1]] = i;
    }
    return d[a.size()][b.size()];
}

std::uint32_t subsequence_by_matrix(std::string_view left, std::string_view right)
{
    const auto a = code_points(left);
    const auto b = code_points(right);
    matrix d(a.size() + 1, std::vector<std::uint32_t>(b.size() + 1));
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            d[i][j] = a[i - 1] == b[j - 1] ? d[i - 1][j - 1] + 1 : std::max(d[i - 1][j], d[i][j - 1]);
        }
    }
    return d[a.size()][b.size()];
}

void expect_all_limits(distance_fn distance, const std::string& a, const std::string& b, std::uint32_t truth)
{
    SCOPED_TRACE('"' + a + "\" and \"" + b + '"');
    ASSERT_EQ(distance(a, b, no_limit, etl::never_poll), truth);
    ASSERT_EQ(distance(b, a, no_limit, etl::never_poll), truth);
    for (std::uint32_t at_most = 0; at_most <= truth + 2; at_most += at_most < 4 || at_most + 3 >= truth ? 1 : 3) {
        ASSERT_EQ(distance(a, b, at_most, etl::never_poll), std::min(truth, at_most + 1)) << "at most " << at_most;
    }
}

template <class Check>
void for_random_pairs(Check check)
{
    etl_test::random_texts random{7};
    for (const auto& alphabet : etl_test::alphabets()) {
        for (const auto& [longest, rounds] : {std::pair{7, 600}, {20, 200}, {90, 60}, {260, 20}}) {
            for (int i = 0; i < rounds; ++i) {
                const auto [a, b] = random.pair(alphabet, static_cast<std::size_t>(longest));
                check(a, b);
                if (testing::Test::HasFatalFailure()) {
                    return;
                }
            }
        }
    }
}

TEST(Levenshtein, KnownValues)
{
    EXPECT_EQ(levenshtein("kitten", "sitting"), 3U);
    EXPECT_EQ(levenshtein("Saturday", "Sunday"), 3U);
    EXPECT_EQ(levenshtein("flaw", "lawn"), 2U);
    EXPECT_EQ(levenshtein("", ""), 0U);
    EXPECT_EQ(levenshtein("", "abc"), 3U);
    EXPECT_EQ(levenshtein("ab", "ba"), 2U);
    EXPECT_EQ(levenshtein("Müller", "Muller"), 1U) << "code points, not bytes";
    EXPECT_EQ(levenshtein("kitten", "sitting", 2), 3U);
    EXPECT_EQ(levenshtein("kitten", "lightning", 1), 2U);
}

TEST(OsaDistance, KnownValues)
{
    EXPECT_EQ(osa_distance("ab", "ba"), 1U);
    EXPECT_EQ(osa_distance("ca", "abc"), 3U);
    EXPECT_EQ(osa_distance("a cat", "an act"), 2U);
    EXPECT_EQ(osa_distance("smtih", "smith"), 1U);
}

TEST(DamerauLevenshtein, KnownValues)
{
    EXPECT_EQ(damerau_levenshtein("ca", "abc"), 2U);
    EXPECT_EQ(damerau_levenshtein("ab", "ba"), 1U);
    EXPECT_EQ(damerau_levenshtein("a cat", "a abct"), 2U) << "a swap around an insertion";
    EXPECT_EQ(damerau_levenshtein("", "abc"), 3U);
    EXPECT_EQ(damerau_levenshtein("été", "eté"), 1U);
}

TEST(LongestCommonSubsequence, KnownValues)
{
    EXPECT_EQ(longest_common_subsequence("AGGTAB", "GXTXAYB"), 4U);
    EXPECT_EQ(longest_common_subsequence("XMJYAUZ", "MZJAWXU"), 4U);
    EXPECT_EQ(longest_common_subsequence("", "a"), 0U);
    EXPECT_EQ(longest_common_subsequence("naïve", "naive"), 4U);
    EXPECT_DOUBLE_EQ(longest_common_subsequence_similarity("naïve", "naive"), 0.8);
}

TEST(Levenshtein, AgreesWithTheMatrix)
{
    for_random_pairs(
        [](const auto& a, const auto& b) { expect_all_limits(levenshtein, a, b, by_matrix(a, b, false)); });
}

TEST(OsaDistance, AgreesWithTheMatrix)
{
    for_random_pairs(
        [](const auto& a, const auto& b) { expect_all_limits(osa_distance, a, b, by_matrix(a, b, true)); });
}

TEST(DamerauLevenshtein, AgreesWithTheMatrix)
{
    for_random_pairs(
        [](const auto& a, const auto& b) { expect_all_limits(damerau_levenshtein, a, b, lowrance_wagner(a, b)); });
}

TEST(LongestCommonSubsequence, AgreesWithTheMatrix)
{
    for_random_pairs([](const auto& a, const auto& b) {
        ASSERT_EQ(longest_common_subsequence(a, b), subsequence_by_matrix(a, b)) << a << " and " << b;
        ASSERT_EQ(longest_common_subsequence(b, a), subsequence_by_matrix(a, b)) << a << " and " << b;
    });
}

TEST(EditDistances, ObeyTheTriangleInequality)
{
    etl_test::random_texts random{11};
    for (const auto& alphabet : etl_test::alphabets()) {
        for (int i = 0; i < 2000; ++i) {
            const auto [a, b] = random.pair(alphabet, 8);
            const auto c = random.text(alphabet, 8);
            for (const distance_fn distance : {distance_fn{levenshtein}, distance_fn{damerau_levenshtein}}) {
                const auto of = [distance](const auto& x, const auto& y) {
                    return distance(x, y, no_limit, etl::never_poll);
                };
                ASSERT_LE(of(a, b), of(a, c) + of(c, b)) << a << ' ' << b << ' ' << c;
            }
        }
    }
    EXPECT_GT(osa_distance("ca", "abc"), osa_distance("ca", "ac") + osa_distance("ac", "abc")) << "no metric";
}

TEST(EditDistances, AreOrdered)
{
    for_random_pairs([](const auto& a, const auto& b) {
        ASSERT_LE(damerau_levenshtein(a, b), osa_distance(a, b));
        ASSERT_LE(osa_distance(a, b), levenshtein(a, b));
    });
}

TEST(EditSimilarities, FollowFromTheDistances)
{
    using similarity_fn = double (*)(std::string_view, std::string_view, double, etl::poll_fn);
    const std::pair<similarity_fn, distance_fn> all[] = {{levenshtein_similarity, levenshtein},
                                                         {osa_similarity, osa_distance},
                                                         {damerau_levenshtein_similarity, damerau_levenshtein}};
    for_random_pairs([&all](const auto& a, const auto& b) {
        for (const auto& [similarity, distance] : all) {
            const double longer = static_cast<double>(std::max(code_point_count(a), code_point_count(b)));
            const double truth = longer == 0 ? 1 : 1 - distance(a, b, no_limit, etl::never_poll) / longer;
            ASSERT_DOUBLE_EQ(similarity(a, b, 0, etl::never_poll), truth);
            const double exact = similarity(a, b, 0, etl::never_poll);
            for (const double cutoff : {0.1, 0.3, 0.5, 0.8, 0.9, 1.0, exact, std::min(1.0, exact + 1e-6)}) {
                ASSERT_EQ(similarity(a, b, cutoff, etl::never_poll), exact < cutoff ? 0 : exact)
                    << a << " and " << b << " with " << cutoff;
            }
        }
    });
}

TEST(EditDistances, RefuseTextsThatAreTooLong)
{
    const std::string text(longest_text + 1, 'a');
    EXPECT_THROW(levenshtein(text, "a"), etl::error);
    EXPECT_THROW(osa_distance("a", text), etl::error);
    EXPECT_THROW(damerau_levenshtein("a", text), etl::error);
    EXPECT_THROW(longest_common_subsequence("a", text), etl::error);
    EXPECT_THROW(levenshtein_similarity(text, text), etl::error);
}

TEST(EditDistances, PollWhileTheyWork)
{
    static int polls;
    polls = 0;
    std::string a(20000, 'a');
    std::string b(20000, 'b');
    EXPECT_EQ(levenshtein(a, b, no_limit, [] { ++polls; }), 20000U);
    EXPECT_GT(polls, 100);
    polls = 0;
    a.resize(2000);
    b.resize(2000);
    EXPECT_EQ(damerau_levenshtein(a, b, no_limit, [] { ++polls; }), 2000U);
    EXPECT_GT(polls, 10);
}

TEST(CodePoints, InvalidBytesAreCharactersOfTheirOwn)
{
    EXPECT_EQ(code_points("\xc3\xa9"), U"é");
    EXPECT_EQ(code_points("\xc3"), std::u32string{char32_t{0x1100c3}});
    EXPECT_EQ(code_points("\xc0\x80").size(), 2U) << "overlong";
    EXPECT_EQ(code_points("\xed\xa0\x80").size(), 3U) << "a surrogate";
    EXPECT_EQ(code_points("\xf4\x90\x80\x80").size(), 4U) << "beyond Unicode";
    EXPECT_EQ(code_points("\xf0\x9f\x98\x80"), U"😀");
    EXPECT_EQ(levenshtein("\xff", "\xfe"), 1U);
    EXPECT_EQ(code_point_count("日本\xff"), 3U);
}

} // namespace
