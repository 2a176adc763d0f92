// URI references and JSON pointers. The pairs of the first test are those of RFC 3986, sections 5.4.1 and 5.4.2.
#include "validate/json_schema_uri.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace etl::validate::schema {
namespace {

using pairs = std::vector<std::pair<const char*, const char*>>;

TEST(json_schema_uri, references_are_resolved)
{
    for (const auto& [reference, target] : pairs{{"g:h", "g:h"},
                                                 {"g", "http://a/b/c/g"},
                                                 {"./g", "http://a/b/c/g"},
                                                 {"g/", "http://a/b/c/g/"},
                                                 {"/g", "http://a/g"},
                                                 {"//g", "http://g"},
                                                 {"?y", "http://a/b/c/d;p?y"},
                                                 {"g?y", "http://a/b/c/g?y"},
                                                 {";x", "http://a/b/c/;x"},
                                                 {"g;x", "http://a/b/c/g;x"},
                                                 {"", "http://a/b/c/d;p?q"},
                                                 {".", "http://a/b/c/"},
                                                 {"./", "http://a/b/c/"},
                                                 {"..", "http://a/b/"},
                                                 {"../", "http://a/b/"},
                                                 {"../g", "http://a/b/g"},
                                                 {"../..", "http://a/"},
                                                 {"../../g", "http://a/g"},
                                                 {"../../../g", "http://a/g"},
                                                 {"../../../../g", "http://a/g"},
                                                 {"/./g", "http://a/g"},
                                                 {"/../g", "http://a/g"},
                                                 {"g.", "http://a/b/c/g."},
                                                 {".g", "http://a/b/c/.g"},
                                                 {"g..", "http://a/b/c/g.."},
                                                 {"..g", "http://a/b/c/..g"},
                                                 {"./../g", "http://a/b/g"},
                                                 {"./g/.", "http://a/b/c/g/"},
                                                 {"g/./h", "http://a/b/c/g/h"},
                                                 {"g/../h", "http://a/b/c/h"},
                                                 {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
                                                 {"g;x=1/../y", "http://a/b/c/y"},
                                                 {"g?y/./x", "http://a/b/c/g?y/./x"}}) {
        EXPECT_EQ(resolve_uri("http://a/b/c/d;p?q", reference), target) << reference;
    }
}

TEST(json_schema_uri, other_bases)
{
    EXPECT_EQ(resolve_uri("", "a/b.json"), "a/b.json");
    EXPECT_EQ(resolve_uri("", "/a/b.json"), "/a/b.json");
    EXPECT_EQ(resolve_uri("/a/b.json", "c.json"), "/a/c.json");
    EXPECT_EQ(resolve_uri("http://a", "b"), "http://a/b");
    EXPECT_EQ(resolve_uri("http://a/b#x", "#y"), "http://a/b");
    EXPECT_EQ(resolve_uri("urn:uuid:1", "#/a"), "urn:uuid:1");
    EXPECT_EQ(resolve_uri("urn:example:a?=b&c", "#/a"), "urn:example:a?=b&c");
    EXPECT_EQ(resolve_uri("http://a/b", "urn:x:y"), "urn:x:y");
    EXPECT_EQ(resolve_uri("file:///c:/d/e.json", "f.json"), "file:///c:/d/f.json");
    EXPECT_EQ(resolve_uri("http://a/b", "http://c/d/../e"), "http://c/e");
}

TEST(json_schema_uri, parts)
{
    EXPECT_EQ(without_fragment("http://a/b#c#d"), "http://a/b");
    EXPECT_EQ(without_fragment("#c"), "");
    EXPECT_EQ(fragment_of("a#/b%20c%2Fd%zz%4"), "/b c/d%zz%4");
    EXPECT_EQ(fragment_of("a"), "");
    const uri_parts all = split_uri("http://user@host:1/path?query#fragment");
    EXPECT_EQ(all.scheme, "http");
    EXPECT_EQ(all.authority, "user@host:1");
    EXPECT_EQ(all.path, "/path");
    EXPECT_EQ(all.query, "query");
    EXPECT_EQ(all.fragment, "fragment");
    EXPECT_FALSE(split_uri("a/b:c").scheme);
    EXPECT_FALSE(split_uri("1a:b").scheme);
}

TEST(json_schema_uri, pointers)
{
    EXPECT_EQ(split_pointer(""), std::vector<std::string>{});
    EXPECT_EQ(split_pointer("/"), std::vector<std::string>{""});
    EXPECT_EQ(split_pointer("/a//b/"), (std::vector<std::string>{"a", "", "b", ""}));
    EXPECT_EQ(split_pointer("/a~1b~0c~01~2~"), (std::vector<std::string>{"a/b~c~1~2~"}));
    EXPECT_EQ(pointer_token("a/b~c~1"), "a~1b~0c~01");
    EXPECT_EQ(pointer_index("0"), 0U);
    EXPECT_EQ(pointer_index("120"), 120U);
    for (const char* text : {"", "01", "-1", "a", "1.0", "12345678901"}) {
        EXPECT_FALSE(pointer_index(text)) << text;
    }
}

} // namespace
} // namespace etl::validate::schema
