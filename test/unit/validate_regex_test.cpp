// Which patterns RE2 may answer, and that it answers them as PostgreSQL does. (That it agrees with PostgreSQL on random
// patterns and texts is a test in the database.)
#include "validate/regex.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace etl::validate {
namespace {

text_predicate refuse(const std::string& pattern)
{
    throw std::runtime_error("not portable: " + pattern);
}

bool matches(const std::string& pattern, std::string_view text)
{
    return compile_regex(pattern, refuse)(text);
}

TEST(regex, portable_patterns)
{
    for (const char* pattern : {"a",        "^0x[0-9a-f]{40}$",
                                "a|b",      "(a)(b)",
                                "(?:a|b)*", "a*?b+?c??",
                                "a{3}",     "a{0,255}",
                                "a{2,}",    "a{1,2}?",
                                "",         "()",
                                "a||b",     "^$",
                                "$^",       "[^a]",
                                "[a-c-]",   "[-a]",
                                "[a\\]b]",  "[.*+?(){}|^$]",
                                "[\\\\]",   "\\.",
                                "\\\\",     "\\ ",
                                "\\-",      "é+",
                                "日本",     "[+--]",
                                "(^a|b$)",  "a.b",
                                " ",        "x/y",
                                "a,b",      "[\\^a]",
                                "[ -~]"}) {
        EXPECT_TRUE(is_portable(pattern)) << pattern;
        EXPECT_NO_THROW(compile_regex(pattern, refuse)) << pattern;
    }
}

TEST(regex, patterns_for_postgresql)
{
    for (const char* pattern :
         {// meanings that differ: classes, anchors, back references, options
          "\\d", "\\w", "\\s", "\\D", "\\m", "\\y", "\\b", "\\A", "\\Z", "\\1", "(a)\\1", "\\n", "\\x41", "\\u0041",
          "\\_", "[[:alpha:]]", "[\\d]", "[\\w]", "[\\_]", "[[.a.]]", "[[=a=]]", "[é]", "[a-é]", "[[]", "[]a]", "[^]a]",
          "(?i)a", "(?=a)", "(?!a)", "(?<=a)", "(?<n>a)", "(?P<n>a)", "***=a", "***:a",
          // counts that one side refuses or reads otherwise
          "a{256}", "a{,3}", "a{2,1}", "a{", "a{x}", "a{1", "a{1,", "a{1,2", "a{99999999999999999999}", "{1}",
          "a{1}{2}",
          // faults, which are PostgreSQL's to report
          "a**", "a*+", "a+*", "a???", "*a", "+", "?", "|*", "(*a)", "^*", "$+", "(", ")", "a)", "(a", "((a)", "a)(b",
          "[", "[a", "[]", "[^]", "[b-a]", "[a-", "[a-c-e]", "[a-b-c]", "[\\", "\\", "a\\", "]", "a}", "(?",
          "(?:", "(?a)"}) {
        EXPECT_FALSE(is_portable(pattern)) << pattern;
    }
    EXPECT_FALSE(is_portable(std::string_view{"a\0b", 3}));
    EXPECT_FALSE(is_portable(std::string_view{"\\\0", 2}));
    EXPECT_FALSE(is_portable(std::string_view{"[\0]", 3}));
}

TEST(regex, patterns_that_are_not_portable_go_to_the_fallback)
{
    const auto always = [](const std::string&) -> text_predicate { return [](std::string_view) { return true; }; };
    EXPECT_TRUE(compile_regex("\\d", always)("x"));
    EXPECT_THROW(compile_regex("\\d", refuse), std::runtime_error);
}

TEST(regex, a_program_too_large_for_re2_goes_to_the_fallback)
{
    const std::string large = "((((a{255}){255}){255}){255})";
    EXPECT_TRUE(is_portable(large));
    EXPECT_THROW(compile_regex(large, refuse), std::runtime_error);
}

TEST(regex, finds_a_match_anywhere)
{
    EXPECT_TRUE(matches("b", "abc"));
    EXPECT_FALSE(matches("^b", "abc"));
    EXPECT_TRUE(matches("", ""));
    EXPECT_TRUE(matches("^$", ""));
    EXPECT_FALSE(matches("^$", "a"));
}

TEST(regex, treats_newlines_as_postgresql_does)
{
    EXPECT_TRUE(matches("a.b", "a\nb"));
    EXPECT_TRUE(matches("a[^x]b", "a\nb"));
    EXPECT_FALSE(matches("^b", "a\nb"));
    EXPECT_FALSE(matches("a$", "a\nb"));
    EXPECT_FALSE(matches("a$", "a\n"));
}

TEST(regex, counts_characters)
{
    EXPECT_TRUE(matches("^.{2}$", "日本"));
    EXPECT_FALSE(matches("^.{6}$", "日本"));
    EXPECT_TRUE(matches("^é$", "é"));
}

TEST(regex, answers_long_texts_in_time)
{
    const std::string text(1 << 20, 'a');
    EXPECT_FALSE(matches("^(a|a)*(a|a)*$", text + "b"));
    EXPECT_TRUE(matches("(a*)*b", text + "b"));
}

} // namespace
} // namespace etl::validate
