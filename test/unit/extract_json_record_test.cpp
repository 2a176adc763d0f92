// Records as JSON: what is JSON, and the values that are found in it.
#include "extract/json_record.hpp"
#include "extract/json_text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

using etl::column_text;
using kind = etl::column_text::kind;

struct found_value {
    kind is;
    std::string json;
    bool operator==(const found_value&) const = default;
};

std::vector<found_value> find(const std::vector<std::string>& paths, const std::string& record)
{
    etl::path_tree tree;
    std::vector<int> nodes;
    for (const std::string& path : paths) {
        nodes.push_back(tree.add(etl::parse_field_path(path)));
    }
    tree.finish();
    etl::record_reader reader{tree};
    std::vector<found_value> made;
    for (int round = 0; round < 2; ++round) { // the second one finds what it found, and no more
        made.clear();
        const auto values = reader.read(record);
        for (const int node : nodes) {
            const column_text& value = values[static_cast<std::size_t>(tree.slot_of(node))];
            made.push_back({value.is, std::string{value.is == kind::missing ? "" : value.json()}});
        }
    }
    return made;
}

found_value find_one(const std::string& path, const std::string& record)
{
    return find({path}, record).at(0);
}

std::string complaint(const std::string& record)
{
    try {
        find({"a"}, record);
        return "none";
    } catch (const etl::error& e) {
        return std::string{e.sqlstate()} + " " + (e.detail().empty() ? e.what() : e.detail());
    }
}

std::string unescaped(const std::string& text)
{
    std::string made;
    const auto fault = etl::unescape_json(text, made);
    return fault == etl::text_fault::none ? made : fault == etl::text_fault::zero_character ? "zero" : "surrogate";
}

TEST(json_record, finds_values_of_every_kind)
{
    const std::string record = R"( {"s": "x" , "n": -1.50e+3, "t": true, "f": false, "z": null,
        "o": {"a": [1, {"b": 2}] } , "a": [1 , 2] , "e": {}, "l": []} )";
    EXPECT_EQ(find_one("s", record), (found_value{kind::string, "\"x\""}));
    EXPECT_EQ(find_one("n", record), (found_value{kind::number, "-1.50e+3"}));
    EXPECT_EQ(find_one("t", record), (found_value{kind::boolean, "true"}));
    EXPECT_EQ(find_one("f", record), (found_value{kind::boolean, "false"}));
    EXPECT_EQ(find_one("z", record), (found_value{kind::null, "null"}));
    EXPECT_EQ(find_one("o", record), (found_value{kind::object, R"({"a": [1, {"b": 2}] })"}));
    EXPECT_EQ(find_one("a", record), (found_value{kind::array, "[1 , 2]"}));
    EXPECT_EQ(find_one("e", record), (found_value{kind::object, "{}"}));
    EXPECT_EQ(find_one("l", record), (found_value{kind::array, "[]"}));
    EXPECT_EQ(find_one("none", record), (found_value{kind::missing, ""}));
}

TEST(json_record, numbers_keep_all_their_digits)
{
    const std::string digits(400, '7');
    EXPECT_EQ(find_one("n", "{\"n\":" + digits + "." + digits + "}").json, digits + "." + digits);
    EXPECT_EQ(find_one("n", "{\"n\":1e400}").json, "1e400");
}

TEST(json_record, goes_down_by_keys_and_places)
{
    const std::string record =
        R"({"a": {"b": {"c": 7}, "0": "key"}, "l": [[10, 11], [20, 21, 22]], "x.y": 1, "s/t": 2})";
    EXPECT_EQ(find_one("a.b.c", record).json, "7");
    EXPECT_EQ(find_one("$.a.b.c", record).json, "7");
    EXPECT_EQ(find_one("/a/b/c", record).json, "7");
    EXPECT_EQ(find_one("a.0", record).json, "\"key\"");
    EXPECT_EQ(find_one("l.1.2", record).json, "22");
    EXPECT_EQ(find_one("l.2", record).is, kind::missing);
    EXPECT_EQ(find_one("l.01", record).is, kind::missing);
    EXPECT_EQ(find_one("/x.y", record).json, "1");
    EXPECT_EQ(find_one("/s~1t", record).json, "2");
    EXPECT_EQ(find_one("a.b.c.d", record).is, kind::missing);
    EXPECT_EQ(find_one("$", record).json, record);
    EXPECT_EQ(find_one("$", " 12 ").json, "12");
    EXPECT_EQ(find_one("$", "\"a b\" ").json, "\"a b\"");
    EXPECT_EQ(find_one("1", "[5, 6]").json, "6");
}

TEST(json_record, both_a_value_and_what_is_in_it)
{
    const auto found = find({"a", "a.b", "a.b.0"}, R"({"a": {"b": [1 ]} })");
    EXPECT_EQ(found.at(0).json, R"({"b": [1 ]})");
    EXPECT_EQ(found.at(1).json, "[1 ]");
    EXPECT_EQ(found.at(2).json, "1");
}

TEST(json_record, the_last_of_equal_keys_counts)
{
    EXPECT_EQ(find_one("a", R"({"a": 1, "b": 2, "a": 3})").json, "3");
    EXPECT_EQ(find_one("a", R"({"a": 1, "\u0061": 3})").json, "3");
    EXPECT_EQ(find_one("a.b", R"({"a": {"b": 1}, "a": {"c": 2}})").is, kind::missing);
    EXPECT_EQ(find_one("a.b", R"({"a": {"b": 1}, "a": 2})").is, kind::missing);
    EXPECT_EQ(find_one("a.b", R"({"a": 2, "a": {"b": 1}})").json, "1");
}

TEST(json_record, keys_in_any_order_and_with_escapes)
{
    EXPECT_EQ(find({"a", "b", "c"}, R"({"c": 3, "x": 0, "a": 1, "b": 2})"),
              (std::vector<found_value>{{kind::number, "1"}, {kind::number, "2"}, {kind::number, "3"}}));
    EXPECT_EQ(find_one("/a\"b\\", R"({"a\"b\\": 1})").json, "1");
    EXPECT_EQ(find_one("\xC3\xA9", "{\"\\u00e9\": 1}").json, "1");
}

TEST(json_record, refuses_what_is_not_json)
{
    for (const std::string record : {"",
                                     " ",
                                     "{",
                                     "}",
                                     "[",
                                     "{\"a\"}",
                                     "{\"a\":}",
                                     "{\"a\":1,}",
                                     "{,}",
                                     "[1,]",
                                     "[,1]",
                                     "[1 2]",
                                     "{\"a\":1 \"b\":2}",
                                     "{\"a\" 1}",
                                     "{\"a\":1]",
                                     "[1}",
                                     "{}{}",
                                     "{} x",
                                     "1 2",
                                     "\"a\" \"b\"",
                                     "\"a",
                                     "tru",
                                     "truex",
                                     "nul",
                                     "NaN",
                                     "Infinity",
                                     "+1",
                                     "01",
                                     "1.",
                                     ".5",
                                     "1e",
                                     "1e+",
                                     "-",
                                     "0x1",
                                     "'a'",
                                     "{'a':1}",
                                     "{a:1}",
                                     "\"\\x\"",
                                     "\"\\u12\"",
                                     "\"\\u123g\"",
                                     "{\"\\q\":1}",
                                     "\"a\nb\"",
                                     "\"\xff\"",
                                     "\"\xed\xa0\x80\"",
                                     "{\"a\":\"b\":1}",
                                     "{\"x\":{\"a\":\"b\":1},\"y\":2}",
                                     "[1:2]",
                                     "/**/1",
                                     "{\"a\":1}//",
                                     "\xef\xbb\xbf{}",
                                     "<html>"}) {
        EXPECT_EQ(complaint(record).substr(0, 5), "22P02") << record;
    }
}

TEST(json_record, says_where_it_goes_wrong)
{
    EXPECT_EQ(complaint("{\"a\": tru}"),
              "22P02 at byte 7: a value is neither an object, array, string, number, true, false nor null");
    EXPECT_EQ(complaint("[1] [2]"), "22P02 at byte 5: the record goes on behind its end");
    EXPECT_EQ(complaint(""), "22P02 at byte 1: it is empty");
}

TEST(json_record, nests_up_to_a_limit)
{
    const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_EQ(complaint(nested(1000)), "none");
    EXPECT_EQ(complaint(nested(1001)), "54000 the record nests deeper than 1000 levels");
    EXPECT_EQ(complaint(nested(1000000)), "54000 the record nests deeper than 1000 levels");
    EXPECT_EQ(complaint("{\"b\":" + nested(1000) + "}"), "54000 the record nests deeper than 1000 levels");
}

TEST(json_record, long_values)
{
    const std::string value(10'000'000, 'x');
    EXPECT_EQ(find_one("a", "{\"a\":\"" + value + "\"}").json.size(), value.size() + 2);
}

TEST(json_text, escapes)
{
    EXPECT_EQ(unescaped(R"(a\"\\\/\b\f\n\r\tz)"), "a\"\\/\b\f\n\r\tz");
    EXPECT_EQ(unescaped(R"(\u0041\u00e9\u20AC\ud83d\ude00)"), "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    EXPECT_EQ(unescaped(R"(a\u0000b)"), "zero");
    EXPECT_EQ(unescaped(R"(\ud83d)"), "surrogate");
    EXPECT_EQ(unescaped(R"(\ud83dx)"), "surrogate");
    EXPECT_EQ(unescaped(R"(\ude00)"), "surrogate");
    EXPECT_EQ(unescaped(R"(\ud83d\ud83d)"), "surrogate");
    std::string made;
    etl::append_json_string("a\"\\\n\x01\xC3\xA9", made);
    EXPECT_EQ(made, "\"a\\\"\\\\\\u000a\\u0001\xC3\xA9\"");
}

TEST(json_text, in_ascii)
{
    EXPECT_EQ(etl::ascii_json("{\"\xC3\xA9\": \"\xE2\x82\xAC \xF0\x9F\x98\x80\"}"),
              R"({"\u00e9": "\u20ac \ud83d\ude00"})");
    EXPECT_EQ(etl::ascii_json("a\xFF"), "a?");
}

TEST(field_paths, refuses_what_is_no_path)
{
    for (const std::string path : {"", ".", "a.", ".a", "a..b", "$.", "/a~2", "/a~"}) {
        EXPECT_THROW(etl::parse_field_path(path), etl::error) << path;
    }
    EXPECT_EQ(etl::parse_field_path("/"), etl::field_path{""});
    EXPECT_EQ(etl::parse_field_path("/a~0~1/"), (etl::field_path{"a~/", ""}));
    EXPECT_EQ(etl::parse_field_path("$"), etl::field_path{});
}

} // namespace
