// unevaluatedProperties and unevaluatedItems: what they see of the schemas around and within, and what they do not.
#include "unit/json_schema_cases.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace etl::validate {
namespace {

// Schemas that leave no property of {"a": 1} unevaluated, and ones that leave it.
TEST(json_schema_unevaluated, properties_beside_it)
{
    auto closed = [](const std::string& more) { return "{" + more + R"(, "unevaluatedProperties": false})"; };
    for (const char* seeing :
         {R"("properties": {"a": true})", R"("patternProperties": {"^a$": true})", R"("additionalProperties": true)",
          R"("allOf": [{"properties": {"a": true}}])", R"("anyOf": [{"properties": {"a": true}}, true])",
          R"("anyOf": [true, {"properties": {"a": true}}])", R"("oneOf": [{"properties": {"a": true}}, false])",
          R"("if": {"properties": {"a": true}})", R"("if": true, "then": {"properties": {"a": true}})",
          R"("if": false, "else": {"properties": {"a": true}})", R"("$ref": "#/$defs/x", "$defs": {"x": {"properties":
             {"a": true}}})",
          R"("dependentSchemas": {"a": {"properties": {"a": true}}})", R"("allOf": [{"unevaluatedProperties": true}])",
          R"("allOf": [{"allOf": [{"additionalProperties": true}]}])",
          R"("dependencies": {"a": {"properties": {"a": true}}})", R"("$recursiveAnchor": false, "maxProperties": 1,
             "properties": {"a": {"unevaluatedProperties": false}})"}) {
        expect_case({latest_drafts, closed(seeing), {R"({"a": 1})", "{}", "1", "[1]"}, {}});
    }
    for (const char* blind :
         {R"("title": "x")", R"("properties": {"b": true})", R"("patternProperties": {"b": true})",
          R"("not": {"not": {"properties": {"a": true}}})", R"("required": ["a"])",
          R"("propertyNames": {"minLength": 1})", R"("anyOf": [{"properties": {"a": true}, "required": ["b"]}, true])",
          R"("oneOf": [{"properties": {"a": false}}, true])", R"("if": {"properties": {"a": false}})",
          R"("then": {"properties": {"a": true}})", R"("if": true, "else": {"properties": {"a": true}})",
          R"("dependentSchemas": {"b": {"properties": {"a": true}}})", R"("dependentRequired": {"a": []})",
          R"("enum": [{"a": 1}, {}, 1])", R"("properties": {"b": {"properties": {"a": true}}})"}) {
        expect_case({latest_drafts, closed(blind), {}, {R"({"a": 1})"}});
    }
}

TEST(json_schema_unevaluated, items_beside_it)
{
    auto closed = [](const std::string& more) { return "{" + more + R"(, "unevaluatedItems": false})"; };
    for (const char* seeing : {R"("items": true)", R"("allOf": [{"items": true}])",
                               R"("anyOf": [{"items": true}, true])", R"("oneOf": [false, {"items": true}])",
                               R"("if": {"items": true})", R"("allOf": [{"unevaluatedItems": true}])"}) {
        expect_case({latest_drafts, closed(seeing), {"[1, 2]", "1", R"({"a": 1})"}, {}});
    }
    // What contains has matched is evaluated by the latest draft only.
    for (const char* matching : {R"("contains": {"type": "integer"})", R"("contains": true, "minContains": 0)",
                                 R"("allOf": [{"contains": {"const": 1}}, {"contains": {"const": 2}}])"}) {
        expect_case({"2020-12", closed(matching), {"[1, 2]", "1", R"({"a": 1})"}, {}});
        expect_case({"2019-09", closed(matching), {"1", R"({"a": 1})"}, {"[1, 2]"}});
    }
    for (const char* blind : {R"("title": "x")", R"("not": {"not": {"items": true}})", R"("contains": {"const": 2})",
                              R"("uniqueItems": true)", R"("anyOf": [{"items": {"const": 1}}, true])",
                              R"("if": {"items": false})", R"("minItems": 2)"}) {
        expect_case({latest_drafts, closed(blind), {"1"}, {"[1, 2]"}});
    }
    expect_cases(
        {{"2020-12",
          closed(R"("prefixItems": [true], "allOf": [{"prefixItems": [true, true]}])"),
          {"[1, 2]"},
          {"[1, 2, 3]"}},
         {"2019-09", closed(R"("items": [true], "allOf": [{"items": [true, true]}])"), {"[1, 2]"}, {"[1, 2, 3]"}},
         {"2019-09", closed(R"("items": [true], "additionalItems": {"type": "integer"})"), {"[1, 2]"}, {"[1, \"x\"]"}},
         {"2020-12",
          closed(R"("prefixItems": [true], "contains": {"type": "string"})"),
          {"[1, \"x\"]"},
          {"[1, 2]", "[1, 2, \"x\"]"}},
         {"2020-12",
          closed(R"("if": {"contains": {"const": "a"}}, "then": {"if": {"contains": {"const": "b"}},
                      "then": {"if": {"contains": {"const": "c"}}}})"),
          {"[]", "[\"a\", \"a\"]", "[\"a\", \"b\", \"a\"]", "[\"c\", \"a\", \"b\"]"},
          {"[\"b\"]", "[\"c\", \"a\"]"}},
         {"2020-12", closed(R"("prefixItems": [{"prefixItems": [true, true]}])"), {"[[1, 2]]"}, {"[[1, 2], 3]"}}});
}

TEST(json_schema_unevaluated, as_schemas)
{
    expect_cases({
        {latest_drafts,
         R"({"properties": {"a": true}, "unevaluatedProperties": {"type": "integer"}})",
         {R"({"a": "x", "b": 1})"},
         {R"({"b": "x"})"}},
        {"2020-12",
         R"({"allOf": [{"contains": {"multipleOf": 2}}, {"contains": {"multipleOf": 3}}],
            "unevaluatedItems": {"multipleOf": 5}})",
         {"[2, 3, 4, 5, 6]"},
         {"[2, 3, 4, 7, 8]"}},
        {latest_drafts,
         R"({"unevaluatedProperties": {"type": "null"}, "unevaluatedItems": {"type": "null"}})",
         {R"({"a": null})", "[null]"},
         {R"({"a": 1})", "[1]"}},
    });
}

// A schema sees what is below and beside it, not what a sibling of its own sees.
TEST(json_schema_unevaluated, cousins)
{
    expect_cases({
        {latest_drafts,
         R"({"allOf": [{"properties": {"a": true}}, {"unevaluatedProperties": false}]})",
         {"{}"},
         {R"({"a": 1})"}},
        {latest_drafts,
         R"({"allOf": [{"unevaluatedProperties": false}, {"properties": {"a": true}}]})",
         {"{}"},
         {R"({"a": 1})"}},
        {latest_drafts,
         R"({"properties": {"a": true}, "$ref": "#/$defs/x", "$defs": {"x":
            {"unevaluatedProperties": false}}})",
         {"{}"},
         {R"({"a": 1})"}},
        {latest_drafts,
         R"({"allOf": [{"properties": {"a": true}, "unevaluatedProperties": false}], "anyOf":
            [{"properties": {"b": true}}]})",
         {R"({"a": 1})"},
         {R"({"a": 1, "b": 1})", R"({"b": 1})"}},
        {latest_drafts,
         R"({"properties": {"x": {"properties": {"a": true}, "unevaluatedProperties": false}}, "anyOf":
            [{"properties": {"x": {"properties": {"b": true}}}}]})",
         {R"({"x": {"a": 1}})"},
         {R"({"x": {"a": 1, "b": 1}})"}},
        {latest_drafts,
         R"({"allOf": [{"properties": {"a": true}, "unevaluatedProperties": true},
            {"unevaluatedProperties": false}]})",
         {"{}"},
         {R"({"a": 1})"}},
        {"2020-12", R"({"allOf": [{"prefixItems": [true]}, {"unevaluatedItems": false}]})", {"[]"}, {"[1]"}},
    });
}

TEST(json_schema_unevaluated, through_references)
{
    expect_cases({
        {latest_drafts,
         R"({"properties": {"x": {"$ref": "#"}}, "unevaluatedProperties": false})",
         {R"({"x": {"x": {}}})"},
         {R"({"x": {"x": {}, "y": 1}})", R"({"x": {}, "y": 1})"}},
        {"2020-12",
         R"({"$id": "http://t/derived", "$ref": "base", "$defs": {"more": {"$dynamicAnchor": "addons",
            "properties": {"b": true}}, "base": {"$id": "base", "unevaluatedProperties": false, "properties": {"a":
            true}, "$dynamicRef": "#addons", "$defs": {"none": {"$dynamicAnchor": "addons"}}}}})",
         {R"({"a": 1, "b": 1})"},
         {R"({"a": 1, "b": 1, "c": 1})"}},
        {"2019-09",
         R"({"$id": "http://t/extended", "$recursiveAnchor": true, "$ref": "tree", "items": [true, true,
            {"type": "string"}], "$defs": {"tree": {"$id": "tree", "$recursiveAnchor": true, "type": "array", "items":
            [{"type": "number"}, {"unevaluatedItems": false, "$recursiveRef": "#"}]}}})",
         {R"([1, [2, [], "b"], "a"])"},
         {R"([1, [2, [], "b", "too many"], "a"])"}},
        {latest_drafts,
         R"({"$defs": {"one": {"oneOf": [{"$ref": "#/$defs/two"}, {"required": ["b"], "properties": {"b":
            true}}, {"required": ["xx"], "patternProperties": {"x": true}}, {"required": ["all"],
            "unevaluatedProperties": true}]}, "two": {"oneOf": [{"required": ["c"], "properties": {"c": true}},
            {"required": ["d"], "properties": {"d": true}}]}}, "oneOf": [{"$ref": "#/$defs/one"}, {"required": ["a"],
            "properties": {"a": true}}], "unevaluatedProperties": false})",
         {R"({"a":1})", R"({"b":1})", R"({"c":1})", R"({"xx":1,"foox":1})", R"({"all":1,"foo":1})"},
         {"{}", R"({"a":1,"b":1})", R"({"c":1,"d":1})", R"({"xx":1,"foo":1})", R"({"all":1,"a":1})"}},
    });
}

// More members and elements than one word has bits.
TEST(json_schema_unevaluated, many)
{
    std::string object = "{";
    std::string array = "[";
    for (int i = 0; i < 300; ++i) {
        object += (i == 0 ? "\"p" : ", \"p") + std::to_string(i) + "\": " + std::to_string(i % 7);
        array += (i == 0 ? "" : ", ") + std::to_string(i % 7);
    }
    const std::string more = R"(, "q": 1})";
    expect_cases({{latest_drafts,
                   R"({"anyOf": [{"patternProperties": {"[02468]$": true}}, {"patternProperties":
                      {"[13579]$": true}}], "unevaluatedProperties": false})",
                   {object + "}"},
                   {object + more}},
                  {"2020-12",
                   R"({"allOf": [{"contains": {"enum": [0, 1, 2, 3]}}, {"contains": {"enum": [3, 4, 5, 6]}}],
                      "unevaluatedItems": false})",
                   {array + "]"},
                   {array + ", \"x\"]"}}});
}

} // namespace
} // namespace etl::validate
