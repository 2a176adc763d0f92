// Regular expressions of ECMA-262: what they match, where RE2 would say otherwise; and which are refused.
#include "validate/json_schema_regex.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace etl::validate::schema {
namespace {

struct regex_case {
    std::string pattern;
    std::vector<std::string> matching;
    std::vector<std::string> others;
};

void expect_cases(const std::vector<regex_case>& cases)
{
    for (const regex_case& each : cases) {
        SCOPED_TRACE(each.pattern);
        const regex compiled{each.pattern};
        for (const std::string& text : each.matching) {
            EXPECT_TRUE(compiled.matches(text)) << text;
        }
        for (const std::string& text : each.others) {
            EXPECT_FALSE(compiled.matches(text)) << text;
        }
    }
}

TEST(json_schema_regex, anywhere_in_the_text)
{
    expect_cases({{"a+", {"xxaayy"}, {"", "b"}},
                  {"^a*$", {"", "aaa"}, {"abc", "b"}},
                  {"", {"", "x"}, {}},
                  {"^x-", {"x-", "x-1"}, {"", "x", " x-", "\nx-"}},
                  {"^", {"", "a"}, {}},
                  {"^héé", {"héé!"}, {"hé"}},
                  {"a|^b$", {"xa", "b"}, {"bb"}},
                  {"^(a|b)+?c{2,3}$", {"acc", "abaccc"}, {"ac", "cc"}},
                  {"^(?:ab)?$", {"", "ab"}, {"a"}},
                  {"^(?<year>\\d{4})$", {"2024"}, {"202"}}});
}

TEST(json_schema_regex, lines)
{
    expect_cases({{"^abc$", {"abc"}, {"abc\n", "x\nabc"}},
                  {"^.$", {"a", "é", "😀", "\v"}, {"\n", "\r", "\u2028", "\u2029", "ab"}},
                  {"^[^a]$", {"\n", "é"}, {"a"}}});
}

TEST(json_schema_regex, classes)
{
    expect_cases(
        {{"^\\d$", {"0", "9"}, {"a", "\u07c0", "\u0967"}},
         {"^\\D$", {"a", "\u07c0"}, {"0"}},
         {"^\\w$", {"a", "_", "9"}, {"é", "-"}},
         {"^\\W$", {"é", "-"}, {"a"}},
         {"^\\s$",
          {" ", "\t", "\n", "\v", "\f", "\r", "\u00a0", "\ufeff", "\u2029", "\u2003", "\u3000"},
          {"", "\x01", "\u2013", "a", "\u200b"}},
         {"^\\S$", {"a", "\x01", "\u2013", "\u200b", "😀"}, {" ", "\t", "\v", "\u00a0", "\ufeff", "\u2028", "\u1680"}},
         {"^[\\s\\d]$", {"\u00a0", "1"}, {"a"}},
         {"^[^\\s\\d]$", {"a", "é"}, {"\u00a0", "1"}},
         {"^[\\S]$", {"a"}, {" "}},
         {"^[^\\S]$", {" ", "\ufeff"}, {"a"}},
         {"^[a-cx-z]$", {"b", "y"}, {"d"}},
         {"^[\\w-]$", {"a", "-"}, {"+"}},
         {"^[\\w-.]$", {"a", "-", "."}, {"+"}},
         {"^[a-\\d]$", {"a", "-", "5"}, {"b"}},
         {"^[-a]$", {"-", "a"}, {"b"}},
         {"^[[]$", {"["}, {"]"}},
         {"^[[:alpha:]]$", {":]", "a]", "[]"}, {"b", "z"}},
         {"^[\\]]$", {"]"}, {"["}},
         {"^[a&&b]$", {"&", "a", "b"}, {"c"}},
         {"^[à-ü]$", {"é"}, {"e"}},
         {"^[.*]$", {".", "*"}, {"a"}},
         {"^[\\b]$", {"\b"}, {"b"}},
         {"^[]$", {}, {"", "]", "a"}},
         {"^[^]$", {"]", "a", "\n"}, {"", "ab"}}});
}

TEST(json_schema_regex, characters)
{
    expect_cases({{"^\\t\\n\\v\\f\\r$", {"\t\n\v\f\r"}, {}},
                  {"^\\cC$", {"\x03"}, {"\\cC"}},
                  {"^\\cj$", {"\n"}, {"j"}},
                  {"^\\x41$", {"A"}, {"x41"}},
                  {"^\\u00e9$", {"é"}, {"e"}},
                  {"^\\u{1F432}$", {"🐲"}, {}},
                  {"^\\ud83d\\udc32*$", {"", "🐲🐲"}, {"🐉"}},
                  {"^[\\ud83d\\udc32-\\ud83d\\udc35]$", {"🐲", "🐴"}, {"🐱"}},
                  {"^🐲*$", {"🐲", ""}, {"🐉"}},
                  {"^\\0$", {std::string(1, '\0')}, {"0"}},
                  {std::string{"^a\0b$", 5}, {std::string{"a\0b", 3}}, {"ab"}},
                  {"^\\.\\/\\-\\\"\\'\\@\\ \\_\\{\\}$", {"./-\"'@ _{}"}, {"x/-\"'@ _{}"}},
                  {"^a{,5}$", {"a{,5}"}, {"aa"}},
                  {"^a{x}{$", {"a{x}{"}, {}},
                  {"^a}]$", {"a}]"}, {}},
                  {"^[0-9]{2}\\b-\\B", {"12--"}, {"12-a"}},
                  {"^\\^\\$\\|$", {"^$|"}, {}}});
}

TEST(json_schema_regex, properties)
{
    expect_cases({{"^\\p{Letter}+$", {"Hello", "π"}, {"123"}},
                  {"^\\P{Letter}+$", {"123"}, {"a"}},
                  {"\\p{Letter}cole", {"l'école", "l'ecole"}, {"L'ÉCOLE"}},
                  {"^\\p{digit}+$", {"42", "৪২"}, {"-%#"}},
                  {"^\\p{Lu}\\p{Ll}$", {"Éa"}, {"éa"}},
                  {"^\\p{General_Category=Uppercase_Letter}\\p{gc=Nd}$", {"A1"}, {"a1"}},
                  {"^\\p{Script=Greek}\\p{sc=Cyrillic}$", {"πж"}, {"жπ"}},
                  {"^[\\p{L}\\p{N}-]+$", {"é1-"}, {"+"}},
                  {"^[^\\p{L}]$", {"1"}, {"é"}},
                  {"^\\p{ASCII}\\P{ASCII}$", {"aé"}, {"éa"}}});
}

TEST(json_schema_regex, lookahead_behind_the_start)
{
    expect_cases({{"^(?!\\s*$).+", {"a", " a"}, {"", "   "}},
                  {"^(?!admin$|root$)[a-z]+$", {"alice", "administrator"}, {"admin", "root", "Alice"}},
                  {"^(?=.*\\d)(?=.*[a-z])(?!.*\\s).{6,}$", {"abc123"}, {"abcdef", "123456", "abc 123", "a1"}},
                  {"^(?=(a|b)c)", {"ac", "bcd"}, {"c", "ab"}},
                  {"^(?!)", {}, {"", "a"}},
                  {"^(?=)$", {""}, {"a"}}});
}

TEST(json_schema_regex, refused_as_invalid)
{
    for (const char* pattern :
         {"(",    ")",     "a)",     "(a",          "[",      "[a",      "[^",    "[b-a]", "*",
          "+a",   "a**",   "\\",     "\\a",         "\\A",    "\\Z",     "\\z",   "\\Q",   "\\e",
          "\\x4", "\\xg0", "\\u12",  "\\u{110000}", "\\u{",   "\\cé",    "\\01",  "\\p{",  "\\p{Nonsense}",
          "(?a)", "(?i)a", "(?<>a)", "(?<a",        "a{2,1}", "\\ud83d", "^(?=a", "[\\a]", "a\\"}) {
        try {
            const regex compiled{pattern};
            ADD_FAILURE() << pattern;
        } catch (const error& e) {
            EXPECT_STREQ(e.sqlstate(), sqlstate::invalid_regular_expression) << pattern;
        }
    }
}

TEST(json_schema_regex, refused_as_beyond_linear_time)
{
    for (const char* pattern : {"(a)\\1", "\\k<a>", "(?<=a)b", "(?<!a)b", "a(?=b)", "(?!a)b", "^a(?!b)$", "^(?!a)b|c",
                                "^((?!a).)*$", "^(?=a)*b", "^(?!a(?!b))", "a{1001}", "(a{100}){100}"}) {
        try {
            const regex compiled{pattern};
            ADD_FAILURE() << pattern;
        } catch (const error& e) {
            EXPECT_STREQ(e.sqlstate(), sqlstate::feature_not_supported) << pattern << ": " << e.detail();
        }
    }
}

TEST(json_schema_regex, long_patterns)
{
    EXPECT_TRUE(regex{std::string(regex::longest, 'a')}.matches(std::string(regex::longest, 'a')));
    try {
        const regex compiled{std::string(regex::longest + 1, 'a')};
        FAIL();
    } catch (const error& e) {
        EXPECT_STREQ(e.sqlstate(), sqlstate::feature_not_supported);
        EXPECT_LT(std::string{e.what()}.size(), 400U);
    }
}

TEST(json_schema_regex, says_where)
{
    try {
        const regex compiled{"é(a)\\1"};
        FAIL();
    } catch (const error& e) {
        EXPECT_STREQ(e.what(), "invalid or unsupported regular expression in a JSON Schema: \"é(a)\\1\"");
        EXPECT_EQ(e.detail(), "It has a back reference, after 5 characters.");
    }
}

TEST(json_schema_regex, bombs_take_linear_time)
{
    const std::string text(100'000, 'a');
    for (const char* pattern :
         {"^(a+)+$", "^(a|a)*b", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$", "^(a?){50}a{50}$", "^(?!(a+)+$)(a*)*$"}) {
        EXPECT_EQ(regex{pattern}.matches(text), std::string_view{pattern} == "^(a+)+$") << pattern;
    }
}

} // namespace
} // namespace etl::validate::schema
