// Tests of what texts look like: here how they are put together; patterns, dates and schemas have tests of their own.
#include "unit/one_test.hpp"

#include <gtest/gtest.h>

namespace etl::validate {
namespace {

using test::one_test;
using test::refusal;

TEST(regex, finds_anywhere_and_sees_padding)
{
    one_test test{"column_values_to_match_regex", R"({"column": "c", "regex": "b$"})"};
    EXPECT_TRUE(test.keeps('c', "ab"));
    EXPECT_FALSE(test.keeps('c', ""));
    EXPECT_FALSE(test.keeps('c', "ab  "));
    one_test none{"column_values_to_not_match_regex", R"({"column": "c", "regex": "b$"})"};
    EXPECT_FALSE(none.keeps('c', "ab"));
    EXPECT_TRUE(none.keeps('c', "ab  "));
}

struct list_case {
    const char* kwargs;
    const char* kept; // of a, b, ab, c
};

void expect_kept(const std::string& type, const list_case& wanted)
{
    one_test test{type, std::string{R"({"column": "t", )"} + wanted.kwargs + '}'};
    std::string kept;
    for (const char* text : {"a", "b", "ab", "c"}) {
        kept += test.keeps('t', text) ? std::string{text} + ' ' : "";
    }
    EXPECT_EQ(kept, wanted.kept) << type << wanted.kwargs;
}

TEST(lists, of_patterns)
{
    expect_kept("column_values_to_match_regex_list", {R"("regex_list": ["a", "b"])", "a b ab "});
    expect_kept("column_values_to_match_regex_list", {R"("regex_list": ["a", "b"], "match_on": "any")", "a b ab "});
    expect_kept("column_values_to_match_regex_list", {R"("regex_list": ["a", "b"], "match_on": "all")", "ab "});
    expect_kept("column_values_to_not_match_regex_list", {R"("regex_list": ["a", "b"])", "c "});
    expect_kept("column_values_to_match_like_pattern_list", {R"("like_pattern_list": ["a%", "%b"])", "a b ab "});
    expect_kept("column_values_to_match_like_pattern_list",
                {R"("like_pattern_list": ["a%", "%b"], "match_on": "all")", "ab "});
    expect_kept("column_values_to_not_match_like_pattern_list", {R"("like_pattern_list": ["a%", "%b"])", "c "});
    expect_kept("column_values_to_match_like_pattern", {R"("like_pattern": "_")", "a b c "});
    expect_kept("column_values_to_not_match_like_pattern", {R"("like_pattern": "_")", "ab "});
}

TEST(dates, by_format_and_by_guess)
{
    one_test format{"column_values_to_match_strftime_format", R"({"column": "t", "strftime_format": "%Y-%m-%d"})"};
    EXPECT_TRUE(format.keeps('t', "2024-02-29"));
    EXPECT_FALSE(format.keeps('t', "2023-02-29"));
    EXPECT_FALSE(format.keeps('t', "2024-02-29 "));
    one_test guess{"column_values_to_be_dateutil_parseable", R"({"column": "t"})"};
    EXPECT_TRUE(guess.keeps('t', "Feb 29 2024"));
    EXPECT_FALSE(guess.keeps('t', "no date"));
}

TEST(json, as_python_reads_it)
{
    one_test test{"column_values_to_be_json_parseable", R"({"column": "t"})"};
    for (const char* text : {"1", "{}", " [1, null]\n", "\"a\"", "NaN", "[-Infinity]", "12345678901234567890123"}) {
        EXPECT_TRUE(test.keeps('t', text)) << text;
    }
    for (const char* text : {"", "a", "{'a': 1}", "[1,]", "01", "{} {}", "nan"}) {
        EXPECT_FALSE(test.keeps('t', text)) << text;
    }
}

TEST(json, by_schema)
{
    one_test test{"column_values_to_match_json_schema",
                  R"({"column": "t", "json_schema": {"type": "object", "required": ["a"]}})"};
    EXPECT_TRUE(test.keeps('t', R"({"a": 1})"));
    EXPECT_FALSE(test.keeps('t', R"({"b": 1})"));
    EXPECT_FALSE(test.keeps('t', "no JSON"));
}

TEST(json, of_one_long_text_is_read_with_polls)
{
    struct stop {};
    std::string document{"[0"};
    for (int i = 0; i < 200'000; ++i) {
        document += ",0";
    }
    document += ']';
    const auto throws = [&](const std::string& type, const std::string& more) {
        test::fake_poll = [] { throw stop{}; };
        one_test polled{type, R"({"column": "t")" + more + '}'};
        test::fake_poll = never_poll;
        EXPECT_THROW(polled.keeps('t', document.c_str()), stop) << type;
        one_test unpolled{type, R"({"column": "t")" + more + '}'};
        EXPECT_TRUE(unpolled.keeps('t', document.c_str())) << type;
    };
    throws("column_values_to_be_json_parseable", "");
    throws("column_values_to_match_json_schema", R"(, "json_schema": {"type": "array", "items": {"type": "integer"}})");
}

TEST(text_tests, refuse_columns_that_do_not_fit)
{
    for (const auto& [type, kwargs] : {std::pair{"match_regex", R"({"column": "i", "regex": "1"})"},
                                       {"match_like_pattern", R"({"column": "i", "like_pattern": "1"})"},
                                       {"match_strftime_format", R"({"column": "i", "strftime_format": "%Y"})"},
                                       {"be_dateutil_parseable", R"({"column": "i"})"}}) {
        EXPECT_EQ(refusal(std::string{"column_values_to_"} + type, kwargs),
                  std::string{"42804: expect_column_values_to_"} + type +
                      " needs a column of text, but \"i\" is of type bigint");
    }
    EXPECT_EQ(refusal("column_values_to_be_json_parseable", R"({"column": "i"})"),
              "42804: expect_column_values_to_be_json_parseable needs a column of text, json or jsonb, but \"i\" is of "
              "type bigint");
    EXPECT_TRUE(refusal("column_values_to_match_strftime_format", R"({"column": "t", "strftime_format": "%!"})")
                    .starts_with("22023"));
    EXPECT_TRUE(
        refusal("column_values_to_match_like_pattern", R"({"column": "l", "like_pattern": "a"})").starts_with("0A000"))
        << "a collation that overlooks case";
    EXPECT_TRUE(refusal("column_values_to_match_json_schema", R"({"column": "t", "json_schema": {"type": "no type"}})")
                    .starts_with("22023"));
}

} // namespace
} // namespace etl::validate
