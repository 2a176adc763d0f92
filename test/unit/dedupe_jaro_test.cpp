// Jaro and Jaro-Winkler against the published values, the definition on random texts, and their cutoffs.
#include "dedupe/jaro.hpp"

#include "core/error.hpp"
#include "dedupe/code_points.hpp"
#include "unit/random_texts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace etl::dedupe;

// The definition, word by word.
double by_definition(std::string_view left, std::string_view right)
{
    std::u32string a(left.size(), U'\0');
    std::u32string b(right.size(), U'\0');
    a.resize(read_code_points(left, a.data()));
    b.resize(read_code_points(right, b.data()));
    if (a.empty() || b.empty()) {
        return a.empty() && b.empty() ? 1 : 0;
    }
    const int far = std::max(0, static_cast<int>(std::max(a.size(), b.size()) / 2) - 1);
    std::vector<bool> taken(a.size());
    std::u32string in_b;
    for (int j = 0; j < static_cast<int>(b.size()); ++j) {
        for (int i = std::max(0, j - far); i < std::min(static_cast<int>(a.size()), j + far + 1); ++i) {
            const auto at = static_cast<std::size_t>(i);
            if (!taken[at] && a[at] == b[static_cast<std::size_t>(j)]) {
                taken[at] = true;
                in_b += a[at];
                break;
            }
        }
    }
    std::u32string in_a;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (taken[i]) {
            in_a += a[i];
        }
    }
    int different = 0;
    for (std::size_t i = 0; i < in_a.size(); ++i) {
        different += in_a[i] != in_b[i] ? 1 : 0;
    }
    const auto m = static_cast<double>(in_a.size());
    return m == 0
               ? 0
               : (m / static_cast<double>(a.size()) + m / static_cast<double>(b.size()) + (m - different / 2) / m) / 3;
}

struct known {
    const char* a;
    const char* b;
    double jaro;
    double winkler;
};

// From the tables of W. E. Winkler, "Overview of record linkage and current research directions", 2006, and E. H.
// Porter, W. E. Winkler, "Approximate string comparison and its effect on an advanced record linkage system", 1997.
constexpr known published[] = {{"SHACKLEFORD", "SHACKELFORD", 0.970, 0.982},
                               {"DUNNINGHAM", "CUNNIGHAM", 0.896, 0.896},
                               {"NICHLESON", "NICHULSON", 0.926, 0.956},
                               {"JONES", "JOHNSON", 0.790, 0.832},
                               {"MASSEY", "MASSIE", 0.889, 0.933},
                               {"ABROMS", "ABRAMS", 0.889, 0.922},
                               {"HARDIN", "MARTINEZ", 0.722, 0.722},
                               {"JERALDINE", "GERALDINE", 0.926, 0.926},
                               {"MARHTA", "MARTHA", 0.944, 0.961},
                               {"MICHELLE", "MICHAEL", 0.869, 0.921},
                               {"JULIES", "JULIUS", 0.889, 0.933},
                               {"TANYA", "TONYA", 0.867, 0.880},
                               {"DWAYNE", "DUANE", 0.822, 0.840},
                               {"SEAN", "SUSAN", 0.783, 0.805},
                               {"JON", "JOHN", 0.917, 0.933},
                               {"DIXON", "DICKSONX", 0.767, 0.813}};

TEST(JaroWinkler, PublishedValues)
{
    for (const known& pair : published) {
        EXPECT_NEAR(jaro(pair.a, pair.b), pair.jaro, 0.0006) << pair.a << ' ' << pair.b;
        EXPECT_NEAR(jaro_winkler(pair.a, pair.b), pair.winkler, 0.0006) << pair.a << ' ' << pair.b;
    }
}

TEST(JaroWinkler, Edges)
{
    EXPECT_EQ(jaro("", ""), 1);
    EXPECT_EQ(jaro("", "a"), 0);
    EXPECT_EQ(jaro("abc", "xyz"), 0);
    EXPECT_EQ(jaro_winkler("a", "a"), 1);
    EXPECT_EQ(jaro("ab", "ba"), 0) << "nothing is in reach";
    EXPECT_DOUBLE_EQ(jaro("Jürgen", "Jurgen"), (5.0 / 6 + 5.0 / 6 + 1) / 3) << "code points, not bytes";
    EXPECT_EQ(jaro_winkler("abcvwxyz", "abcdefgh"), jaro("abcvwxyz", "abcdefgh")) << "not above the threshold";
    EXPECT_THROW(jaro("a", std::string(longest_text + 1, 'a')), etl::error);
}

TEST(Jaro, AgreesWithTheDefinition)
{
    etl_test::random_texts random{3};
    for (const auto& alphabet : etl_test::alphabets()) {
        for (const int longest : {4, 10, 40, 300}) {
            for (int i = 0; i < 400; ++i) {
                const auto [a, b] = random.pair(alphabet, static_cast<std::size_t>(longest));
                ASSERT_EQ(jaro(a, b), by_definition(a, b)) << a << ' ' << b;
                ASSERT_EQ(jaro(a, b), jaro(b, a)) << a << ' ' << b;
                ASSERT_EQ(jaro(a, a), 1) << a;
                ASSERT_EQ(jaro_winkler(a, b), jaro_winkler(b, a)) << a << ' ' << b;
                ASSERT_GE(jaro_winkler(a, b), jaro(a, b));
                ASSERT_LE(jaro_winkler(a, b), 1);
            }
        }
    }
}

TEST(JaroWinkler, CutoffsAgreeWithTheFullComputation)
{
    etl_test::random_texts random{5};
    for (const auto& alphabet : etl_test::alphabets()) {
        for (int i = 0; i < 1500; ++i) {
            const auto [a, b] = random.pair(alphabet, 12);
            for (const auto similarity : {jaro, jaro_winkler}) {
                const double exact = similarity(a, b, 0);
                for (const double cutoff : {0.0, 0.5, 0.7, 0.72, 0.85, 0.92, 1.0, exact, std::min(1.0, exact + 1e-9)}) {
                    ASSERT_EQ(similarity(a, b, cutoff), exact < cutoff ? 0 : exact) << a << ' ' << b << ' ' << cutoff;
                }
            }
        }
    }
}

TEST(Jaro, TakesLinearTime)
{
    const std::string a(longest_text, 'a');
    std::string b = a;
    std::fill_n(b.begin(), b.size() / 2, 'b');
    EXPECT_NEAR(jaro(a, b), (0.5 + 0.5 + 1) / 3, 1e-9);
}

} // namespace
