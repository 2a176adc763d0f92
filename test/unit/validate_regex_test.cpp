// Which patterns the class matcher and RE2 may answer, and that they answer as PostgreSQL does. (That they agree with
// PostgreSQL on random patterns and texts is a test in the database.)
#include "validate/regex.hpp"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include <memory>
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
                                "\\-",      "\\_",
                                "é+",       "日本",
                                "[+--]",    "(^a|b$)",
                                "a.b",      " ",
                                "x/y",      "a,b",
                                "[\\^a]",   "[ -~]",
                                "[[]",      "[]a]",
                                "[^]a]",    "[a[b]",
                                "[é]",      "[à-ü]",
                                "]",        "a}",
                                "{",        "a{",
                                "a{x}",     "a{,3}",
                                "{a}*",     "\\n\\t\\r\\f\\v\\a",
                                "[\\n\\t]", "[\\_]",
                                "\\Aa\\Z",  "\\é"}) {
        EXPECT_TRUE(is_portable(pattern)) << pattern;
        EXPECT_NO_THROW(compile_regex(pattern, refuse)) << pattern;
    }
}

TEST(regex, patterns_for_postgresql)
{
    for (const char* pattern :
         {// meanings that differ: classes, words, back references, options
          "\\d", "\\w", "\\s", "\\D", "[\\d]", "[\\w]", "[[:alpha:]]", "(?i)a", "\\m", "\\y", "\\b", "\\B", "\\1",
          "(a)\\1", "\\x41", "\\u0041", "\\e", "\\cA", "\\z", "[\\b]", "[\\D]", "[[.a.]]", "[[=a=]]", "[[:<:]]a",
          "(?=a)", "(?!a)", "(?<=a)", "(?<n>a)", "(?P<n>a)", "(?n)a", "(?#a)", "***=a", "***:a",
          // counts that one side refuses or reads otherwise
          "a{256}", "a{2,1}", "a{1", "a{1,", "a{1,2", "a{1x}", "a{99999999999999999999}", "{1}", "a{1}{2}",
          // faults, which are PostgreSQL's to report
          "a**", "a*+", "a+*", "a???", "*a", "+", "?", "|*", "(*a)", "^*", "$+", "\\A*", "\\Z?", "(", ")", "a)", "(a",
          "((a)", "a)(b", "[", "[a", "[]", "[^]", "[b-a]", "[a-", "[a-c-e]", "[a-b-c]", "[a-\\n]", "[\\", "\\", "a\\",
          "(?", "(?:", "(?a)", "\xff", "\xc3", "[\xc3]", "\xed\xa0\x80", "\xc0\x80"}) {
        EXPECT_FALSE(is_portable(pattern)) << pattern;
    }
    EXPECT_FALSE(is_portable(std::string_view{"a\0b", 3}));
    EXPECT_FALSE(is_portable(std::string_view{"\\\0", 2}));
    EXPECT_FALSE(is_portable(std::string_view{"[\0]", 3}));
}

TEST(regex, patterns_that_are_not_portable_go_to_the_fallback)
{
    const auto always = [](const std::string&) -> text_predicate { return [](std::string_view) { return true; }; };
    EXPECT_TRUE(compile_regex("\\ya", always)("x"));
    EXPECT_THROW(compile_regex("\\ya", refuse), std::runtime_error);
}

TEST(regex, a_program_too_large_for_re2_goes_to_the_fallback)
{
    for (const char* large : {"((((a{255}){255}){255}){255})", "(a{255}){255}", "(.{255}b){3}"}) {
        EXPECT_TRUE(is_portable(large)) << large;
    }
    testing::internal::CaptureStderr();
    EXPECT_THROW(compile_regex("((((a{255}){255}){255}){255})", refuse), std::runtime_error);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

// --- classes -------------------------------------------------------------------------------------------------------

// An engine whose classes hold more than ASCII, in place of PostgreSQL's. Counts the texts that it is asked about.
class wide_engine {
  public:
    text_predicate operator()(const std::string& pattern)
    {
        return [this, compiled = std::make_shared<RE2>(widened(pattern))](std::string_view text) {
            ++asked_;
            return RE2::PartialMatch(re2::StringPiece{text.data(), text.size()}, *compiled);
        };
    }

    // The number of texts since the last call.
    int asked() { return std::exchange(asked_, 0); }

  private:
    static std::string widened(std::string pattern)
    {
        RE2::GlobalReplace(&pattern, "\\\\d|\\[:digit:\\]", "\\\\p{Nd}");
        RE2::GlobalReplace(&pattern, "\\\\w", "[\\\\pL\\\\pN_]");
        RE2::GlobalReplace(&pattern, "\\\\D", "\\\\P{Nd}");
        return pattern;
    }

    int asked_ = 0;
};

TEST(regex, classes_within_ascii_need_no_fallback)
{
    wide_engine engine;
    const auto compile = [&](const char* pattern) {
        auto compiled = compile_regex(pattern, std::ref(engine));
        engine.asked();
        return compiled;
    };
    const text_matcher number = compile("^\\d{2}$");
    EXPECT_TRUE(number("12"));
    EXPECT_FALSE(number("1a"));
    EXPECT_FALSE(number(""));
    const text_matcher words = compile("^(\\w+|[[:digit:]-]+) \\D$");
    EXPECT_TRUE(words("a_1 x"));
    EXPECT_TRUE(words("1-2 -"));
    EXPECT_FALSE(words("a- 1"));
    EXPECT_EQ(engine.asked(), 0);
}

TEST(regex, classes_beyond_ascii_are_the_fallbacks)
{
    wide_engine engine;
    const text_matcher number = compile_regex("^\\d{2}$", std::ref(engine));
    const text_matcher other = compile_regex("^(a|\\D)$", std::ref(engine));
    engine.asked();
    EXPECT_TRUE(number("1٣"));
    EXPECT_FALSE(number("1é"));
    EXPECT_FALSE(other("٣"));
    EXPECT_TRUE(other("é"));
    EXPECT_EQ(engine.asked(), 4);
}

TEST(regex, a_class_holds_what_the_fallback_says)
{
    const auto odd = [](const std::string& pattern) -> text_predicate {
        return [pattern](std::string_view text) { return pattern == "\\s" && (text == " " || text == "\x1c"); };
    };
    const text_matcher blank = compile_regex("^\\s+$", odd);
    EXPECT_TRUE(blank(" \x1c"));
    EXPECT_FALSE(blank("\t"));
}

TEST(regex, case_is_folded_as_the_fallback_does)
{
    wide_engine engine;
    const text_matcher plain = compile_regex("(?i)^ab[c-e]$", std::ref(engine));
    engine.asked();
    EXPECT_TRUE(plain("aBD"));
    EXPECT_FALSE(plain("aBF"));
    EXPECT_EQ(engine.asked(), 0);
    EXPECT_FALSE(plain("aBé"));
    EXPECT_EQ(engine.asked(), 1);

    const auto unfolded = [](const std::string&) -> text_predicate {
        return [](std::string_view text) { return text == "only this"; };
    };
    EXPECT_TRUE(compile_regex("(?i)i", unfolded)("only this"));
    EXPECT_FALSE(compile_regex("(?i)i", unfolded)("I"));

    compile_regex("(?i)ſ", std::ref(engine))("s");
    EXPECT_GT(engine.asked(), 0) << "a letter beyond ASCII may have its other case within";
}

// --- answers -------------------------------------------------------------------------------------------------------

TEST(regex, finds_a_match_anywhere)
{
    EXPECT_TRUE(matches("b", "abc"));
    EXPECT_FALSE(matches("^b", "abc"));
    EXPECT_TRUE(matches("(b|x)", "abc"));
    EXPECT_TRUE(matches("", ""));
    EXPECT_TRUE(matches("^$", ""));
    EXPECT_FALSE(matches("^$", "a"));
    EXPECT_TRUE(matches("[ab]{1}[a-d]{2}", "xacc"));
}

TEST(regex, treats_newlines_as_postgresql_does)
{
    EXPECT_TRUE(matches("a.b", "a\nb"));
    EXPECT_TRUE(matches("a[^x]b", "a\nb"));
    EXPECT_FALSE(matches("^b|^c", "a\nb"));
    EXPECT_FALSE(matches("(a|b)$", "a\nb\n"));
    EXPECT_FALSE(matches("a$", "a\n"));
    EXPECT_FALSE(matches("(a)\\Z", "a\n"));
    EXPECT_TRUE(matches("a\\nb|c", "a\nb"));
}

TEST(regex, counts_characters)
{
    EXPECT_TRUE(matches("^.{2}$", "日本"));
    EXPECT_FALSE(matches("^.{6}$", "日本"));
    EXPECT_TRUE(matches("^é$", "é"));
    EXPECT_TRUE(matches("^é{2}$", "éé"));
    EXPECT_TRUE(matches("^[à-ü]$", "é"));
    EXPECT_FALSE(matches("^[^à-ü]$", "é"));
}

TEST(regex, brackets_and_braces_that_stand_for_themselves)
{
    EXPECT_TRUE(matches("^[]a]+$", "a]"));
    EXPECT_FALSE(matches("^[^]a]$", "]"));
    EXPECT_TRUE(matches("^[[a]+$", "[a"));
    EXPECT_TRUE(matches("^(])}$", "]}"));
    EXPECT_TRUE(matches("^(a){,3}$", "a{,3}"));
    EXPECT_TRUE(matches("^{x}*$", "{x}}"));
    EXPECT_TRUE(matches("^[+--]+$", "+,-"));
}

TEST(regex, answers_long_texts_in_time)
{
    const std::string text(1 << 20, 'a');
    EXPECT_FALSE(matches("^(a|a)*(a|a)*$", text + "b"));
    EXPECT_TRUE(matches("(a*)*b", text + "b"));
    EXPECT_FALSE(matches("(a{0,100}){0,2}c$", text + "b"));
    EXPECT_TRUE(matches("^[a-z]*$", text));
    EXPECT_FALSE(matches("b", text));
}

TEST(regex, a_matcher_is_a_predicate)
{
    const text_predicate as_function = compile_regex("^a$", refuse);
    EXPECT_TRUE(as_function("a"));
    EXPECT_TRUE(text_matcher{as_function}("a"));
}

TEST(regex, finds_bytes_beyond_ascii)
{
    for (std::size_t size = 0; size < 20; ++size) {
        std::string text(size, 'a');
        EXPECT_TRUE(is_ascii(text));
        for (std::size_t i = 0; i < size; ++i) {
            text[i] = '\x80';
            EXPECT_FALSE(is_ascii(text)) << size << " " << i;
            text[i] = '\x7f';
        }
    }
}

} // namespace
} // namespace etl::validate
