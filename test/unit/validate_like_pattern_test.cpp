// LIKE patterns: what they match, that a plain recursive reading agrees on random ones, and that time stays linear.
#include "core/error.hpp"
#include "validate/like_pattern.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace etl::validate {
namespace {

bool matches(std::string_view pattern, std::string_view text)
{
    return like_pattern{pattern}.matches(text);
}

TEST(like_pattern, without_wildcards_is_equality)
{
    EXPECT_TRUE(matches("abc", "abc"));
    EXPECT_FALSE(matches("abc", "ab"));
    EXPECT_FALSE(matches("abc", "abcd"));
    EXPECT_FALSE(matches("abc", "Abc"));
    EXPECT_TRUE(matches("", ""));
    EXPECT_FALSE(matches("", "a"));
}

TEST(like_pattern, percent_is_any_sequence)
{
    EXPECT_TRUE(matches("%", ""));
    EXPECT_TRUE(matches("a%", "abb"));
    EXPECT_FALSE(matches("a%", "bee"));
    EXPECT_TRUE(matches("%b%", "abb"));
    EXPECT_FALSE(matches("%b%", "acc"));
    EXPECT_TRUE(matches("a%b", "ab"));
    EXPECT_FALSE(matches("ab%b", "ab"));
    EXPECT_TRUE(matches("%ab%ab%", "abab"));
    EXPECT_FALSE(matches("%ab%ab%", "aba"));
    EXPECT_TRUE(matches("%%", "a"));
    EXPECT_TRUE(matches("a%c%e", "abcde"));
    EXPECT_TRUE(matches("%a%", "\na\n"));
    EXPECT_FALSE(matches("[a]%", "abb"));
}

TEST(like_pattern, underscore_is_one_character)
{
    EXPECT_TRUE(matches("_", "a"));
    EXPECT_TRUE(matches("_", "日"));
    EXPECT_FALSE(matches("_", ""));
    EXPECT_FALSE(matches("_", "ab"));
    EXPECT_TRUE(matches("__", "é日"));
    EXPECT_TRUE(matches("%_", "日本"));
    EXPECT_TRUE(matches("%_a_%", "日a本"));
    EXPECT_FALSE(matches("%_a_%", "a本a"));
    EXPECT_TRUE(matches("a_%_b", "axyb"));
    EXPECT_FALSE(matches("a_%_b", "axb"));
    EXPECT_TRUE(matches("%\xf0\x9f\x98\x80_", "\xf0\x9f\x98\x80\xf0\x9f\x98\x80"));
}

TEST(like_pattern, a_backslash_escapes)
{
    EXPECT_TRUE(matches("\\%", "%"));
    EXPECT_FALSE(matches("\\%", "a"));
    EXPECT_TRUE(matches("a\\_b", "a_b"));
    EXPECT_FALSE(matches("a\\_b", "axb"));
    EXPECT_TRUE(matches("\\\\", "\\"));
    EXPECT_TRUE(matches("\\a", "a"));
    EXPECT_TRUE(matches("\\é", "é"));
    EXPECT_TRUE(matches("%\\%", "10%"));
}

TEST(like_pattern, must_not_end_with_a_lone_backslash)
{
    for (const char* pattern : {"\\", "a\\", "%\\", "\\\\\\"}) {
        try {
            const like_pattern compiled{pattern};
            ADD_FAILURE() << pattern;
        } catch (const error& e) {
            EXPECT_STREQ(e.sqlstate(), "22025");
            EXPECT_STREQ(e.what(), "LIKE pattern must not end with escape character");
        }
    }
}

// The characters of a text.
std::vector<std::string> split(std::string_view text)
{
    std::vector<std::string> characters;
    for (const char c : text) {
        if ((static_cast<unsigned char>(c) & 0xc0U) != 0x80) {
            characters.emplace_back();
        }
        characters.back() += c;
    }
    return characters;
}

bool match_plainly(const std::vector<std::string>& pattern, std::size_t p, const std::vector<std::string>& text,
                   std::size_t t)
{
    if (p == pattern.size()) {
        return t == text.size();
    }
    if (pattern[p] == "%") {
        return match_plainly(pattern, p + 1, text, t) || (t < text.size() && match_plainly(pattern, p, text, t + 1));
    }
    if (t == text.size()) {
        return false;
    }
    const bool escaped = pattern[p] == "\\";
    const bool fits = (pattern[p] == "_") || pattern[p + (escaped ? 1 : 0)] == text[t];
    return fits && match_plainly(pattern, p + (escaped ? 2 : 1), text, t + 1);
}

TEST(like_pattern, agrees_with_a_recursive_reading)
{
    std::mt19937 random{3};
    const auto make = [&](const std::vector<std::string>& pieces, std::size_t longest) {
        std::string made;
        for (std::size_t left = random() % (longest + 1); left > 0; --left) {
            made += pieces[random() % pieces.size()];
        }
        return made;
    };
    for (int i = 0; i < 30000; ++i) {
        const std::string pattern = make({"a", "b", "é", "%", "%", "_", "_", "\\%", "\\_", "\\\\", "\\é"}, 6);
        const std::string text = make({"a", "a", "b", "é", "%", "_", "\\"}, 7);
        ASSERT_EQ(matches(pattern, text), match_plainly(split(pattern), 0, split(text), 0)) << pattern << " " << text;
    }
}

TEST(like_pattern, answers_long_texts_in_time)
{
    const std::string text(1 << 20, 'a');
    EXPECT_FALSE(matches("%" + std::string(1000, 'a') + "b%", text));
    EXPECT_FALSE(matches("%a%a%a%a%a%a%a%a%a%a%b", text));
    EXPECT_FALSE(matches("%a_a_a_a_%b%", text));
    EXPECT_FALSE(matches("%\\b%", text));
}

} // namespace
} // namespace etl::validate
