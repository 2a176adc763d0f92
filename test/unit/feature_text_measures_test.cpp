#include "feature/text_measures.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

namespace {

double entropy(std::string_view text)
{
    return etl::text_entropy(text, std::pmr::get_default_resource(), etl::never_poll);
}

std::int64_t digits(std::string_view text)
{
    return etl::digit_count(text, etl::never_poll);
}

TEST(text_measures, entropy_of_equal_shares_is_their_logarithm)
{
    EXPECT_EQ(entropy(""), 0);
    EXPECT_EQ(entropy("a"), 0);
    EXPECT_EQ(entropy("aaaaaaaa"), 0);
    EXPECT_EQ(entropy("ab"), 1);
    EXPECT_EQ(entropy("abcd"), 2);
    EXPECT_EQ(entropy("äöüß"), 2);
    EXPECT_NEAR(entropy("aab"), std::log2(3) - 2.0 / 3, 1e-15);
    EXPECT_NEAR(entropy("ää€"), std::log2(3) - 2.0 / 3, 1e-15);
}

TEST(text_measures, entropy_counts_bytes_that_are_no_characters)
{
    EXPECT_EQ(entropy("\xff\xfe"), 1);
    EXPECT_EQ(entropy("\xff\xff"), 0);
}

TEST(text_measures, entropy_of_a_long_text_is_stopped_by_the_poll)
{
    static int polls = 0;
    constexpr std::size_t piece = 65536;
    std::string text(10 * piece + 5, 'a');
    const auto measured = [&text] {
        polls = 0;
        return etl::text_entropy(text, std::pmr::get_default_resource(), [] { ++polls; });
    };
    EXPECT_EQ(measured(), 0);
    EXPECT_EQ(polls, 10);
    std::fill_n(text.begin(), 5 * piece + 2, 'b');
    EXPECT_NEAR(measured(), 1, 1e-9);
    text.replace(9 * piece + 5, 2, "ä"); // a character that is not ASCII in a late piece: all are counted anew
    EXPECT_NEAR(measured(), entropy(text.substr(1) + text[0]), 1e-12);
    EXPECT_GE(polls, 10);
}

// A text in another script with the same pattern of characters has the same entropy.
TEST(text_measures, entropy_does_not_depend_on_the_script)
{
    std::mt19937 random{7};
    for (int round = 0; round < 200; ++round) {
        std::string latin;
        std::string greek;
        for (int i = 0; i < round; ++i) {
            const auto letter = static_cast<char>(random() % 20);
            latin += static_cast<char>('a' + letter);
            greek += '\xce';
            greek += static_cast<char>('\x91' + letter);
        }
        EXPECT_NEAR(entropy(latin), entropy(greek), 1e-12);
    }
}

TEST(text_measures, digits_of_all_scripts_count)
{
    EXPECT_EQ(digits(""), 0);
    EXPECT_EQ(digits("a1b22-3"), 4);
    EXPECT_EQ(digits("٣४５"), 3); // Arabic-Indic, Devanagari, full width
    EXPECT_EQ(digits("½²Ⅳ一"), 0);
    EXPECT_EQ(digits("\xd9\x39"), 1); // half a character, and a nine
}

} // namespace
