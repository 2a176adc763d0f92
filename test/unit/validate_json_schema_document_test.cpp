// JSON texts as JSON Schema reads them: what is JSON, what values say, and which of equal names counts.
#include "validate/json_schema_document.hpp"

#include "validate/json_schema_value.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace etl::validate::schema {
namespace {

bool is_json(std::string_view text)
{
    document read;
    return read.parse(text);
}

std::string string_in(std::string_view text)
{
    document read;
    EXPECT_TRUE(read.parse(text)) << text;
    return std::string{read.root().text()};
}

bool equal(std::string_view a, std::string_view b)
{
    document left;
    document right;
    EXPECT_TRUE(left.parse(a)) << a;
    EXPECT_TRUE(right.parse(b)) << b;
    const bool found = are_equal(left.root(), right.root());
    EXPECT_EQ(found, are_equal(right.root(), left.root()));
    if (found) {
        EXPECT_EQ(hash_value(left.root()), hash_value(right.root())) << a << " and " << b;
    }
    return found;
}

TEST(json_schema_document, what_is_json)
{
    for (const char* text : {"null",
                             " true ",
                             "\t\r\nfalse",
                             "0",
                             "-0",
                             "-0.0e+00",
                             "1e5",
                             "1E-5",
                             "12345678901234567890123456789",
                             "\"\"",
                             "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"",
                             "\"\\u0000\"",
                             "\"\\ud800\"",
                             "\"\xc3\xa9\"",
                             "[]",
                             "[ ]",
                             "[1,2,3]",
                             "[[[]]]",
                             "{}",
                             "{ }",
                             "{\"a\":1}",
                             "{\"a\" : [ {\"b\":null} , 2 ] }",
                             "{\"\":0}"}) {
        EXPECT_TRUE(is_json(text)) << text;
    }
    for (const char* text :
         {"",    " ",       "nul",      "nulll",         "True",        "NaN",        "Infinity",  "-",         "01",
          "-01", ".5",      "1.",       "1.e5",          "1e",          "1e+",        "+1",        "0x10",      "1 2",
          "\"",  "\"a",     "\"\\\"",   "\"\\x\"",       "\"\\u12g4\"", "\"\\u123\"", "\"\n\"",    "\"\x01\"",  "'a'",
          "[",   "]",       "[1",       "[1,",           "[1,]",        "[,1]",       "[1 2]",     "[1}",       "{",
          "}",   "{\"a\"}", "{\"a\":}", "{\"a\":1,}",    "{a:1}",       "{1:1}",      "{\"a\" 1}", "{\"a\":1]", "[]]",
          "{}}", "[] []",   "/**/1",    "\xef\xbb\xbf 1"}) {
        EXPECT_FALSE(is_json(text)) << text;
    }
}

TEST(json_schema_document, says_what_is_wrong_and_where)
{
    document read;
    EXPECT_FALSE(read.parse("{\"a\": 1,, }"));
    EXPECT_STREQ(read.complaint(), "a name in quotes is expected");
    EXPECT_EQ(read.complaint_at(), 8U);
    EXPECT_TRUE(read.parse("1"));
    EXPECT_STREQ(read.complaint(), "");
}

TEST(json_schema_document, strings_are_decoded)
{
    EXPECT_EQ(string_in(R"("plain text of more than eight bytes")"), "plain text of more than eight bytes");
    EXPECT_EQ(string_in(R"("a\n\"b\"\/\\\u00e9 and \ud83d\ude00")"), "a\n\"b\"/\\\u00e9 and \U0001f600");
    EXPECT_EQ(string_in(R"("a\u0000b")"), std::string("a\0b", 3));
    EXPECT_EQ(string_in(R"("\ud83d")"), "\xed\xa0\xbd"); // half a pair
    EXPECT_EQ(string_in(R"("\ud83d\u0041")"), "\xed\xa0\xbd"
                                              "A"); // and none that follows
    EXPECT_EQ(string_in(R"("\ud83d\n")"), "\xed\xa0\xbd\n");
    EXPECT_EQ(string_in(R"("\ud83d\ud83d\ude00")"), "\xed\xa0\xbd\U0001f600");
    for (std::size_t length = 0; length < 40; ++length) { // an escape at any place of a word
        const std::string before(length, 'x');
        EXPECT_EQ(string_in('"' + before + R"(\ty")"), before + "\ty");
    }
}

TEST(json_schema_document, containers_are_walked)
{
    document read;
    ASSERT_TRUE(read.parse(R"({"a": [1, [2, 3], {"x": 4}], "b": {"c": {}}, "d": null})"));
    EXPECT_EQ(read.root().size(), 3U);
    std::vector<std::string> names;
    for (const auto [name, content] : members(read.root())) {
        names.emplace_back(name.text());
    }
    EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "d"}));
    const value list = *read.root().find("a");
    EXPECT_EQ(list.size(), 3U);
    EXPECT_EQ(list.element(1)->element(1)->text(), "3");
    EXPECT_EQ(list.element(2)->find("x")->text(), "4");
    EXPECT_FALSE(list.element(3));
    EXPECT_TRUE(read.root().find("b")->find("c")->is_object());
    EXPECT_FALSE(read.root().find("c"));
}

TEST(json_schema_document, the_last_of_equal_names_counts)
{
    document read;
    for (const std::string& more :
         {std::string{}, std::string{R"(,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0,"j":0)"}}) {
        const std::string text = R"({"a":1,"b":2,"a":[3,{"a":4}],"\u0061":5,"x":6,"b":7)" + more + '}';
        ASSERT_TRUE(read.parse(text));
        const std::size_t others = more.empty() ? 0 : 8;
        EXPECT_EQ(read.root().size(), 3 + others) << text;
        EXPECT_EQ(read.root().find("a")->text(), "5");
        EXPECT_EQ(read.root().find("b")->text(), "7");
        EXPECT_EQ(read.root().find("x")->text(), "6");
        std::size_t walked = 0;
        for (const auto& each : members(read.root())) {
            walked += each.first.is_string() ? 1 : 0;
        }
        EXPECT_EQ(walked, 3 + others);
    }
}

TEST(json_schema_document, equality)
{
    EXPECT_TRUE(equal("1", "1.0"));
    EXPECT_TRUE(equal("100", "1e2"));
    EXPECT_TRUE(equal("0", "-0.00"));
    EXPECT_TRUE(equal("1.10", "11e-1"));
    EXPECT_FALSE(equal("1", "true"));
    EXPECT_FALSE(equal("0", "false"));
    EXPECT_FALSE(equal("0", "null"));
    EXPECT_FALSE(equal("12345678901234567890", "12345678901234567891"));
    EXPECT_FALSE(equal("0.1", "0.10000000000000000001"));
    EXPECT_TRUE(equal(R"("é")", R"("\u00e9")"));
    EXPECT_FALSE(equal(R"("a")", R"("a\u0000")"));
    EXPECT_TRUE(equal("[1, [2.0]]", "[1.0, [2]]"));
    EXPECT_FALSE(equal("[1, 2]", "[2, 1]"));
    EXPECT_FALSE(equal("[1]", "[1, 1]"));
    EXPECT_TRUE(equal(R"({"a": 1, "b": [2]})", R"({"b": [2], "a": 1.0})"));
    EXPECT_FALSE(equal(R"({"a": 1})", R"({"a": 1, "b": 2})"));
    EXPECT_FALSE(equal(R"({"a": 1})", R"({"b": 1})"));
    EXPECT_TRUE(equal(R"({"a": 2, "a": 1})", R"({"a": 1})"));
    EXPECT_FALSE(equal("[]", "{}"));
    const std::string many = R"("b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0)";
    EXPECT_TRUE(equal("{\"a\":1," + many + '}', '{' + many + ",\"a\":1}"));
    EXPECT_FALSE(equal("{\"a\":1," + many + '}', '{' + many + ",\"a\":2}"));
    EXPECT_FALSE(equal("{\"a\":1," + many + '}', '{' + many + ",\"z\":1}"));
}

TEST(json_schema_document, limits)
{
    document read;
    const std::string deep(deepest_document, '[');
    EXPECT_TRUE(read.parse(deep + std::string(deepest_document, ']')));
    EXPECT_THROW(read.parse('[' + deep), error);
    std::string wide = "[0";
    for (std::size_t i = 2; i < most_nodes; ++i) {
        wide += ",0";
    }
    EXPECT_TRUE(read.parse(wide + ']'));
    EXPECT_EQ(read.size(), most_nodes);
    EXPECT_THROW(read.parse(wide + ",0]"), error);
    read.trim();
    EXPECT_TRUE(read.parse("1"));
}

TEST(json_schema_document, cancels)
{
    struct stop {};
    document read;
    const std::string text = '[' + std::string(20'000, ' ') + "\"" + std::string(100'000, 'x') + "\"]";
    EXPECT_NO_THROW(read.parse(text, [] { throw stop{}; }));
    std::string many = "[0";
    for (int i = 0; i < 10'000; ++i) {
        many += ",0";
    }
    EXPECT_THROW(read.parse(many + ']', [] { throw stop{}; }), stop);
}

TEST(json_schema_document, excerpts)
{
    auto of = [](std::string_view text) {
        document read;
        EXPECT_TRUE(read.parse(text));
        return excerpt(read.root());
    };
    EXPECT_EQ(of("1.50"), "1.50");
    EXPECT_EQ(of("{}"), "the object");
    EXPECT_EQ(of("[]"), "the array");
    EXPECT_EQ(of(R"("a\"b\\c\n\u0000\ud800é")"), R"("a\"b\\c\u000a\u0000\ud800é")");
    EXPECT_EQ(of('"' + std::string(59, 'x') + "éé\""), '"' + std::string(59, 'x') + "…\"");
    EXPECT_EQ(ascii_only("aé€😀"), R"(a\u00e9\u20ac\ud83d\ude00)");
}

} // namespace
} // namespace etl::validate::schema
