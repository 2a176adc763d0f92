// Which patterns are simple enough for the class matcher, what it answers, and that RE2 and plain backtracking answer
// the same on random patterns and texts.
#include "validate/class_matcher.hpp"
#include "validate/regex_syntax.hpp"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include <random>
#include <string>
#include <vector>

namespace etl::validate {
namespace {

bool matches(std::string_view pattern, std::string_view text)
{
    const auto compiled = class_matcher::compile(pattern);
    EXPECT_TRUE(compiled) << pattern;
    return compiled && compiled->matches(text);
}

TEST(class_matcher, takes_simple_patterns)
{
    for (const char* pattern : {"^0x[0-9a-f]{40}$",
                                "^[A-Z]{2}[0-9]{4,6}$",
                                "^[a-z_][a-z0-9_]*",
                                "^-?[0-9]+$",
                                "^[^@ ]+@[^@ ]+$",
                                "^.*$",
                                "^.+$",
                                "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
                                "^a",
                                "a",
                                "a$",
                                "",
                                "^",
                                "$",
                                "^$",
                                "^a\\.b$",
                                "^日本$",
                                "日",
                                "^a{3}$",
                                "^a{0}$",
                                "^a*?b+?$",
                                "^a?$",
                                "^\\n$",
                                "^[0-9]+\\.[0-9]+$",
                                "^[^,]*,"}) {
        EXPECT_TRUE(class_matcher::compile(pattern)) << pattern;
    }
}

TEST(class_matcher, leaves_the_others)
{
    for (const char* pattern : {// where taking as much as possible may take too much
                                "^a*a$", "^a+a", "^[ab]+b$", "^a?a$", "^[0-9]{1,3}[0-9]$", "^a*b*a$",
                                "^[^@]+@[^@]+\\.[a-z]+$", "^.*a$", "^a{1,2}ab",
                                // not one sequence from the start
                                "[0-9]", "a+", "a?b", "a|b", "^a|b", "^(a)$", "^(?:a)$", "a^", "^^a", "^a$b", "$^",
                                // characters that are several bytes
                                "^.$", "^.{3}$", "^[^a]$", "^[^a]{2,}$", "^é+$", "^[éa]$", "^[^é]+$", "^[^a]+é$",
                                // not portable
                                "^\\d+$", "^[[:alpha:]]$", "(?i)^a$", "^a**$", "^a{256}$", "^[b-a]$", "(", "\\"}) {
        EXPECT_FALSE(class_matcher::compile(pattern)) << pattern;
    }
}

TEST(class_matcher, fixed_lengths)
{
    const std::string address = "0x" + std::string(39, 'a');
    EXPECT_TRUE(matches("^0x[0-9a-f]{40}$", address + "9"));
    for (const char* end : {"", "g", "9 ", "A", "\n", "9\n", "\xc3\xa9"}) {
        EXPECT_FALSE(matches("^0x[0-9a-f]{40}$", address + end)) << end;
    }
    EXPECT_FALSE(matches("^0x[0-9a-f]{40}$", "1x" + std::string(40, 'a')));
    EXPECT_TRUE(matches("^0x[0-9a-f]{40}", address + "9 and more"));
    EXPECT_FALSE(matches("^0x[0-9a-f]{40}", address));
    EXPECT_TRUE(matches("^[0-9]{4}-[0-9]{2}$", "2025-01"));
    EXPECT_FALSE(matches("^[0-9]{4}-[0-9]{2}$", "2025_01"));
}

TEST(class_matcher, open_counts)
{
    EXPECT_TRUE(matches("^[a-z]{2,4}[0-9]$", "abcd1"));
    EXPECT_FALSE(matches("^[a-z]{2,4}[0-9]$", "abcde1"));
    EXPECT_FALSE(matches("^[a-z]{2,4}[0-9]$", "a1"));
    EXPECT_TRUE(matches("^-?[0-9]+$", "-12"));
    EXPECT_TRUE(matches("^-?[0-9]+$", "12"));
    EXPECT_FALSE(matches("^-?[0-9]+$", "-"));
    EXPECT_FALSE(matches("^-?[0-9]+$", "--1"));
    EXPECT_TRUE(matches("^a*b?c*$", "aac"));
    EXPECT_FALSE(matches("^a*b?c*$", "aabbc"));
    EXPECT_TRUE(matches("^a{2,3}", "aaaa"));
    EXPECT_FALSE(matches("^a{2,3}$", "aaaa"));
    EXPECT_TRUE(matches("^a*b*", ""));
}

TEST(class_matcher, texts_anywhere)
{
    EXPECT_TRUE(matches("b", "abc"));
    EXPECT_FALSE(matches("b$", "abc"));
    EXPECT_TRUE(matches("bc$", "abc"));
    EXPECT_FALSE(matches("ab", "b"));
    EXPECT_TRUE(matches("", ""));
    EXPECT_TRUE(matches("$", "a"));
    EXPECT_TRUE(matches("本", "日本"));
}

TEST(class_matcher, characters_beyond_ascii)
{
    EXPECT_FALSE(matches("^[a-z]+$", "é"));
    EXPECT_TRUE(matches("^[^@]+@[^@]+$", "é@日本"));
    EXPECT_FALSE(matches("^[^@]+@[^@]+$", "é@"));
    EXPECT_TRUE(matches("^日本[0-9]$", "日本1"));
    EXPECT_FALSE(matches("^日本[0-9]$", "日木1"));
    EXPECT_TRUE(matches("^.+$", "\n"));
    EXPECT_FALSE(matches("^[^a]+$", "a"));
}

TEST(class_matcher, a_copy_outlives_its_origin)
{
    auto first = class_matcher::compile("^[a-c]+$");
    const class_matcher copy = *first;
    first.reset();
    EXPECT_TRUE(copy.matches("abc"));
    EXPECT_FALSE(copy.matches("abd"));
}

// A part of a random pattern, and what it means.
struct random_part {
    std::string pattern;
    std::string members; // the characters it takes; with '^' before, those that it does not
    int least = 1;
    int most = 1;

    bool takes(char c) const
    {
        return members[0] == '^' ? members.find(c, 1) == std::string::npos : members.find(c) != std::string::npos;
    }
};

random_part make_part(std::mt19937& random)
{
    static const std::vector<random_part> sets{{"a", "a"},       {"b", "b"},         {"[ab]", "ab"}, {"[a-c]", "abc"},
                                               {"[0-2]", "012"}, {"-", "-"},         {"\\.", "."},   {"[.0-]", ".0-"},
                                               {"[^a]", "^a"},   {"[^0-9]", "^012"}, {".", "^"},     {"[b-]", "b-"}};
    struct count {
        const char* pattern;
        int least;
        int most;
    };
    static const std::vector<count> counts{{"", 1, 1},    {"", 1, 1},      {"", 1, 1},    {"*", 0, 99},
                                           {"+", 1, 99},  {"?", 0, 1},     {"{2}", 2, 2}, {"{1,2}", 1, 2},
                                           {"{0}", 0, 0}, {"{2,}", 2, 99}, {"+?", 1, 99}, {"{0,3}?", 0, 3}};
    random_part part = sets[random() % sets.size()];
    const count& times = counts[random() % counts.size()];
    part.pattern += times.pattern;
    part.least = times.least;
    part.most = times.most;
    return part;
}

bool match_from(const std::vector<random_part>& parts, std::size_t part, std::string_view text, bool to_end)
{
    if (part == parts.size()) {
        return !to_end || text.empty();
    }
    for (int taken = 0; taken <= parts[part].most; ++taken) {
        if (taken >= parts[part].least && match_from(parts, part + 1, text, to_end)) {
            return true;
        }
        if (text.empty() || !parts[part].takes(text.front())) {
            return false;
        }
        text.remove_prefix(1);
    }
    return false;
}

bool match_anywhere(const std::vector<random_part>& parts, std::string_view text, bool from_start, bool to_end)
{
    for (std::size_t i = 0; i <= (from_start ? 0 : text.size()); ++i) {
        if (match_from(parts, 0, text.substr(i), to_end)) {
            return true;
        }
    }
    return false;
}

TEST(class_matcher, agrees_with_re2_and_with_backtracking)
{
    std::mt19937 random{7};
    std::size_t compared = 0;
    for (int i = 0; i < 20000; ++i) {
        const bool from_start = random() % 8 != 0;
        const bool to_end = random() % 2 != 0;
        std::vector<random_part> parts;
        std::string pattern = from_start ? "^" : "";
        for (std::size_t left = random() % 5; left > 0; --left) {
            parts.push_back(make_part(random));
            pattern += parts.back().pattern;
        }
        pattern += to_end ? "$" : "";
        const auto simple = class_matcher::compile(pattern);
        if (!simple) {
            continue;
        }
        const RE2 re2{read_regex(pattern)->for_re2()};
        for (int k = 0; k < 20; ++k) {
            std::string text;
            for (std::size_t left = random() % 7; left > 0; --left) {
                text += "aabbc012-.\n"[random() % 11];
            }
            const bool wanted = match_anywhere(parts, text, from_start, to_end);
            ASSERT_EQ(simple->matches(text), wanted) << pattern << " over " << text;
            ASSERT_EQ(RE2::PartialMatch(text, re2), wanted) << pattern << " over " << text;
            ++compared;
        }
    }
    EXPECT_GT(compared, 50000U);
}

TEST(class_matcher, agrees_with_re2_beyond_ascii)
{
    std::mt19937 random{11};
    const std::vector<std::string> patterns{"^[^a]+$",  "^[^a-c]*a", "^.+$", "^éa[^b]*b",
                                            "^[a-z]+$", "é",         "é$",   "^日[0-9]*本$"};
    const std::vector<std::string> pieces{"a", "b", "é", "日", "本", "1", "\n", "\xf0\x9f\x98\x80"};
    for (const std::string& pattern : patterns) {
        const auto simple = class_matcher::compile(pattern);
        ASSERT_TRUE(simple) << pattern;
        const RE2 re2{read_regex(pattern)->for_re2()};
        for (int i = 0; i < 2000; ++i) {
            std::string text;
            for (std::size_t left = random() % 6; left > 0; --left) {
                text += pieces[random() % pieces.size()];
            }
            ASSERT_EQ(simple->matches(text), RE2::PartialMatch(text, re2)) << pattern << " over " << text;
        }
    }
}

} // namespace
} // namespace etl::validate
