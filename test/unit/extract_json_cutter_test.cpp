// JSON records out of streams: lines, elements of arrays, whatever pieces they come in, and what is wrong between them.
#include "extract/json_cutter.hpp"

#include "core/error.hpp"
#include "csv_reference.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace {

using csv_reference::pieces;

std::string cut(std::string_view text, std::string_view path = "$", std::size_t piece = 1000, std::size_t buffer = 1000,
                std::size_t record = 1U << 20U)
{
    pieces from{text, piece};
    etl::json_array array{from, etl::parse_field_path(path), {record, buffer}};
    std::string made;
    while (array.next()) {
        made += std::to_string(array.line()) + ':' + std::string{array.text()} + (array.is_too_long() ? "…" : "") + ' ';
    }
    return made + (array.next() ? "more" : "");
}

std::string lines(std::string_view text, std::size_t piece = 1000, std::size_t buffer = 1000,
                  std::size_t record = 1U << 20U)
{
    pieces from{text, piece};
    etl::json_lines all{from, {record, buffer}};
    std::string made;
    while (all.next()) {
        made += std::to_string(all.line()) + ':' + std::string{all.text()} + (all.is_too_long() ? "…" : "") + ' ';
    }
    return made;
}

std::string refusal(std::string_view text, std::string_view path = "$", std::size_t piece = 1000)
{
    try {
        cut(text, path, piece, 8);
    } catch (const etl::error& e) {
        return std::string{e.what()} + ": " + e.detail();
    }
    return "none";
}

TEST(json_lines, takes_each_line)
{
    EXPECT_EQ(lines(""), "");
    EXPECT_EQ(lines("{\"a\":1}\n\n {\"b\":2} \r\n3"), "1:{\"a\":1} 3:{\"b\":2} 4:3 ");
    EXPECT_EQ(lines("\xef\xbb\xbf{}\n"), "1:{} ");
    const std::string line(5000, 'x');
    EXPECT_EQ(lines("a\n" + line + "\nb\n", 7, 16), "1:a 2:" + line + " 3:b ");
    const std::string made = lines("a\n" + line + "\nb\n", 7, 16, 100);
    EXPECT_TRUE(made.starts_with("1:a 2:xxxxxxxx"));
    EXPECT_TRUE(made.ends_with("x… 3:b "));
}

TEST(json_array, takes_each_element)
{
    const std::string_view text =
        "\xef\xbb\xbf [ {\"a\": [1, {\"b\": \"]}\\\\\\\"[\"}]},\n2, \"x,]\" ,\n\n null,[[]]\n]\n";
    const std::string expected = "1:{\"a\": [1, {\"b\": \"]}\\\\\\\"[\"}]} 2:2 2:\"x,]\" 4:null 4:[[]] ";
    for (std::size_t piece = 1; piece < 20; ++piece) {
        for (std::size_t buffer = 3; buffer < 40; ++buffer) {
            ASSERT_EQ(cut(text, "$", piece, buffer), expected) << piece << ' ' << buffer;
        }
    }
    EXPECT_EQ(cut("[]"), "");
    EXPECT_EQ(cut(" [ ] "), "");
}

TEST(json_array, finds_the_records)
{
    const std::string_view text =
        R"({"x": {"data": [0]}, "y": "}]\"", "data": [7, {"rows": [1, {"a": 2}], "z": [1]}, 9], "more": {"a": []}} )";
    for (std::size_t piece = 1; piece < 30; ++piece) {
        ASSERT_EQ(cut(text, "/data/1/rows", piece, 5), "1:1 1:{\"a\": 2} ");
        ASSERT_EQ(cut(text, "data", piece, 5), "1:7 1:{\"rows\": [1, {\"a\": 2}], \"z\": [1]} 1:9 ");
    }
    EXPECT_EQ(refusal(text, "/nothing"),
              "the JSON is wrong in line 1: There is no member \"nothing\" on the way to the "
              "records.");
}

TEST(json_array, refuses_what_goes_wrong_between_records)
{
    EXPECT_EQ(refusal("{\"a\": 1}"), "the JSON is wrong in line 1: Expected [ where the records begin, found {.");
    EXPECT_EQ(refusal(""), "the JSON is wrong in line 1: Expected [ where the records begin, found the end.");
    for (const char* text : {"[1 2]", "[1,\n]", "[,1]", "[1", "[1,", "[{\"a\": 1}", "[{\"a\"", "[\"x", "[] 1", "[1]]",
                             "[1}", "[:]", "<html>"}) {
        EXPECT_NE(refusal(text), "none") << text;
        EXPECT_NE(refusal(text, "$", 1), "none") << text;
    }
    for (const char* text :
         {"{\"a\": [1]", "{\"a\": [1]} {}", "{\"a\" [1]}", "{\"a\": {\"a\": 1}}", "{a: [1]}", "{\"b\": 1 \"a\": []}"}) {
        EXPECT_NE(refusal(text, "/a"), "none") << text;
    }
}

TEST(json_array, passes_over_what_is_too_long)
{
    const std::string wide = "{\"a\": \"" + std::string(5000, ']') + "\"}";
    const std::string made = cut("[1, " + wide + ", 2]", "$", 11, 16, 100);
    EXPECT_TRUE(made.starts_with("1:1 1:{\"a\": \"]]]]"));
    EXPECT_TRUE(made.ends_with("]… 1:2 "));
    EXPECT_EQ(cut("[1, " + wide + ", 2]", "$", 11, 16), "1:1 1:" + wide + " 1:2 ");
}

} // namespace
