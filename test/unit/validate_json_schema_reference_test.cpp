// References: pointers, identifiers, anchors, other texts, other drafts, metaschemas, and references that depend on the
// way by which they were reached.
#include "unit/json_schema_cases.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace etl::validate {
namespace {

void replace_all(std::string& text, const std::string& from, const std::string& to)
{
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
        text.replace(at, from.size(), to);
    }
}

// The same case in several drafts: ID and DEFS stand for what the draft calls them, ANCHOR(x) for how it names a place.
void expect_in_each(const schema_case& each, const schema_registry& registry = {})
{
    std::istringstream drafts{each.drafts};
    for (std::string draft; drafts >> draft;) {
        const bool late = draft.size() > 1;
        schema_case one{draft, each.schema, each.valid, each.invalid};
        replace_all(one.schema, "\"ANCHOR\": \"", late ? "\"$anchor\": \"" : "\"ID\": \"#");
        replace_all(one.schema, "ID\"", draft == "4" ? "id\"" : "$id\"");
        replace_all(one.schema, "DEFS", late ? "$defs" : "definitions");
        expect_case(one, registry);
    }
}

TEST(json_schema_reference, pointers)
{
    for (const schema_case& each : std::vector<schema_case>{
             {all_drafts,
              R"({"properties": {"a": {"$ref": "#"}}, "additionalProperties": false})",
              {R"({"a": {"a": 1}})"},
              {R"({"a": {"b": 1}})", R"({"b": 1})"}},
             {all_drafts,
              R"({"properties": {"a": {"type": "integer"}, "b": {"$ref": "#/properties/a"}}})",
              {R"({"b": 1})"},
              {R"({"b": "x"})"}},
             {all_drafts,
              R"({"DEFS": {"a~b/c%d\"e": {"type": "integer"}}, "properties": {"x":
                 {"$ref": "#/DEFS/a~0b~1c%25d%22e"}}})",
              {R"({"x": 1})"},
              {R"({"x": "x"})"}},
             {all_drafts,
              R"({"DEFS": {"": {"DEFS": {"": {"type": "integer"}}}}, "allOf": [{"$ref": "#/DEFS//DEFS/"}]})",
              {"1"},
              {"\"x\""}},
             {all_drafts, R"({"allOf": [{"type": "integer"}, {"$ref": "#/allOf/0"}]})", {"1"}, {"\"x\""}},
             {all_drafts,
              R"({"DEFS": {"a": {"type": "integer"}, "b": {"$ref": "#/DEFS/a"}}, "allOf":
                 [{"$ref": "#/DEFS/b"}]})",
              {"1"},
              {"\"x\""}},
             {all_drafts,
              R"({"unknown/word": [{"type": "integer"}], "allOf": [{"$ref": "#/unknown~1word/0"}]})",
              {"1"},
              {"\"x\""}},
             {from_draft6,
              R"({"DEFS": {"yes": true, "no": false}, "properties": {"y": {"$ref": "#/DEFS/yes"},
                 "n": {"$ref": "#/DEFS/no"}}})",
              {R"({"y": 1})"},
              {R"({"n": 1})"}}}) {
        expect_in_each(each);
    }
}

TEST(json_schema_reference, what_stands_beside_it)
{
    const std::string schema =
        R"({"DEFS": {"a": {"type": "array"}}, "properties": {"x": {"$ref": "#/DEFS/a", "maxItems": 1}}})";
    expect_in_each({to_draft7, schema, {R"({"x": [1, 2]})"}, {R"({"x": 1})"}});
    expect_in_each({latest_drafts, schema, {R"({"x": [1]})"}, {R"({"x": [1, 2]})", R"({"x": 1})"}});
    // An $id beside a $ref changes nothing before 2019-09.
    expect_in_each({"6 7",
                    R"({"$id": "http://a/b/", "definitions": {"x": {"$id": "http://a/c/n.json", "type": "string"},
        "y": {"$id": "n.json", "type": "integer"}}, "allOf": [{"$id": "http://a/c/", "$ref": "n.json"}]})",
                    {"1"},
                    {"\"x\""}});
}

TEST(json_schema_reference, identifiers)
{
    for (const schema_case& each : std::vector<schema_case>{
             {all_drafts,
              R"({"ID": "http://a/r", "DEFS": {"x": {"ID": "b/c", "DEFS": {"y": {"ID": "d", "type":
                 "integer"}}}}, "allOf": [{"$ref": "http://a/b/d"}]})",
              {"1"},
              {"\"x\""}},
             {all_drafts,
              R"({"ID": "http://a/r/s", "DEFS": {"x": {"ID": "/t", "type": "integer"}}, "allOf":
                 [{"$ref": "../t"}]})",
              {"1"},
              {"\"x\""}},
             {all_drafts,
              R"({"ID": "urn:uuid:1", "DEFS": {"x": {"type": "integer"}}, "properties":
                 {"a": {"$ref": "urn:uuid:1#/DEFS/x"}, "b": {"$ref": "#/DEFS/x"}}})",
              {R"({"a": 1, "b": 2})"},
              {R"({"a": "x"})", R"({"b": "x"})"}},
             {all_drafts,
              R"({"ID": "http://a/1", "properties": {"x": {"ID": "2", "DEFS": {"i": {"type": "integer"}},
                 "allOf": [{"$ref": "#/DEFS/i"}]}}, "DEFS": {"i": {"type": "string"}}})",
              {R"({"x": 1})"},
              {R"({"x": "a"})"}},
             {all_drafts,
              R"({"allOf": [{"$ref": "#here"}], "DEFS": {"x": {"ANCHOR": "here", "type": "integer"}}})",
              {"1"},
              {"\"x\""}},
             {all_drafts,
              R"({"ID": "http://a/1", "allOf": [{"$ref": "http://a/2#here"}], "DEFS": {"x": {"ID": "2",
                 "DEFS": {"y": {"ANCHOR": "here", "type": "integer"}}}}})",
              {"1"},
              {"\"x\""}},
             // What is no schema holds no identifier.
             {from_draft6,
              R"({"DEFS": {"a": {"enum": [{"$id": "http://a/x", "type": "null"}]}, "b": {"$id":
                 "http://a/x", "type": "string"}, "c": {"const": {"$id": "http://a/x", "type": "null"}}, "d": {"word":
                 {"$id": "http://a/x", "type": "null"}}}, "allOf": [{"$ref": "http://a/x"}]})",
              {"\"x\""},
              {"null"}}}) {
        expect_in_each(each);
    }
    expect_in_each({latest_drafts,
                    R"({"$id": "http://a/1", "DEFS": {"A": {"$id": "c1", "allOf": [{"$id": "c2",
        "$anchor": "n", "type": "number"}, {"$anchor": "n", "type": "string"}]}}, "$ref": "c1#n"})",
                    {"\"x\""},
                    {"1"}});
    expect_in_each({from_draft7,
                    R"({"allOf": [{"$ref": "http://a/then"}, {"then": {"$id": "http://a/then", "type":
        "integer"}}]})",
                    {"1"},
                    {"\"x\""}});
}

const schema_registry& registry()
{
    static const schema_registry registered{
        {"http://r/integer.json", R"({"type": "integer"})"},
        {"http://r/d/name.json", R"({"definitions": {"orNull": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}},
            "type": "string"})"},
        {"http://r/d/ref.json", R"({"properties": {"n": {"$ref": "name.json"}}})"},
        {"http://r/other.json", R"({"$id": "http://real/id.json", "allOf": [{"$ref": "x.json"}]})"},
        {"http://real/x.json", R"({"type": "boolean"})"},
        {"http://r/list.json", R"({"items": [{"type": "integer"}]})"},
        {"http://r/20.json", R"({"$schema": "https://json-schema.org/draft/2020-12/schema",
            "prefixItems": [{"type": "integer"}]})"},
        {"http://r/19.json", R"({"$schema": "https://json-schema.org/draft/2019-09/schema",
            "items": [{"type": "integer"}], "prefixItems": [false], "dependentRequired": {"a": ["b"]}})"},
        {"http://r/7.json", R"({"$schema": "http://json-schema.org/draft-07/schema#",
            "dependentRequired": {"a": ["b"]}, "items": [{"type": "integer"}]})"},
        {"name without scheme", R"({"type": "integer"})"}};
    return registered;
}

TEST(json_schema_reference, other_texts)
{
    for (const schema_case& each : std::vector<schema_case>{
             {all_drafts, R"({"$ref": "http://r/integer.json"})", {"1"}, {"\"x\""}},
             {all_drafts, R"({"$ref": "http://r/integer.json#"})", {"1"}, {"\"x\""}},
             {all_drafts, R"({"$ref": "name without scheme"})", {"1"}, {"\"x\""}},
             {all_drafts,
              R"({"ID": "http://r/d/here", "properties": {"a": {"$ref": "name.json#/definitions/orNull"}}})",
              {R"({"a": null})", R"({"a": "x"})"},
              {R"({"a": 1})"}},
             {all_drafts,
              R"({"ID": "http://r/some", "properties": {"a": {"$ref": "d/ref.json"}}})",
              {R"({"a": {"n": "x"}})"},
              {R"({"a": {"n": 1}})"}},
             {from_draft6, R"({"$ref": "http://r/other.json"})", {"true"}, {"1"}},
             // A text that names no draft is read as the one that refers to it.
             {"4 6 7 2019-09", R"({"$ref": "http://r/list.json"})", {"[1]"}, {"[\"x\"]"}}}) {
        expect_in_each(each, registry());
    }
}

TEST(json_schema_reference, other_drafts)
{
    expect_case({all_drafts, R"({"$ref": "http://r/20.json"})", {"[1]"}, {"[\"x\"]"}}, registry());
    expect_case({all_drafts, R"({"$ref": "http://r/19.json"})", {"[1]", "{}"}, {"[\"x\"]", R"({"a": 1})"}}, registry());
    expect_case({all_drafts, R"({"$ref": "http://r/7.json"})", {"[1]", R"({"a": 1})"}, {"[\"x\"]"}}, registry());
    expect_case({"2020-12",
                 R"({"properties": {"x": {"$id": "http://in/7", "$schema":
        "http://json-schema.org/draft-07/schema", "items": [{"type": "integer"}]}}, "prefixItems": [false]})",
                 {R"({"x": [1]})"},
                 {R"({"x": ["x"]})", "[1]"}});
}

TEST(json_schema_reference, metaschemas)
{
    const std::vector<std::pair<std::string, std::string>> each_draft{
        {"4", "http://json-schema.org/draft-04/schema#"},
        {"6", "http://json-schema.org/draft-06/schema#"},
        {"7", "http://json-schema.org/draft-07/schema#"},
        {"2019-09", "https://json-schema.org/draft/2019-09/schema"},
        {"2020-12", "https://json-schema.org/draft/2020-12/schema"},
        {"2020-12", "http://json-schema.org/schema#"}};
    for (const auto& [draft, uri] : each_draft) {
        expect_case({all_drafts,
                     R"({"$ref": ")" + uri + "\"}",
                     {R"({"minLength": 1, "properties": {"a": {"type": ["string", "null"]}}})", "{}"},
                     {R"({"minLength": -1})", R"({"type": "nonsense"})", R"({"properties": {"a": {"type": 1}}})",
                      R"({"required": "a"})", R"({"allOf": []})", R"({"not": {"not": {"enum": 1}}})", "1"}});
        expect_case({all_drafts,
                     R"({"allOf": [{"$ref": ")" + uri + R"("}], "required": ["type"]})",
                     {R"({"type": "string"})"},
                     {"{}", R"({"type": 1})"}});
        // A metaschema is a schema by itself.
        const auto schema = json_schema::compile(R"({"$ref": ")" + uri + "\"}");
        EXPECT_NO_THROW(json_schema::compile(R"({"$schema": ")" + uri + R"(", "title": "x"})"));
        EXPECT_TRUE(schema->is_valid(R"({"$schema": "x"})"));
    }
    expect_case({all_drafts,
                 R"({"$ref": "http://json-schema.org/draft-07/schema#/definitions/nonNegativeInteger"})",
                 {"0"},
                 {"-1"}});
}

// The anchor in the outermost resource counts, where the reference leads to one by itself.
TEST(json_schema_reference, dynamic)
{
    auto list = [](const char* outer, const char* inner, const char* reference) {
        return std::string{R"({"$id": "http://t/root", "$ref": "list", "$defs": {"foo": {)"} + outer +
               R"(: "items", "type": "string"}, "list": {"$id": "list", "items": {"$dynamicRef": ")" + reference +
               R"("}, "$defs": {"items": {)" + inner + R"(: "items"}}}}})";
    };
    const char dynamic[] = "\"$dynamicAnchor\"";
    const char plain[] = "\"$anchor\"";
    expect_cases(
        {{"2020-12", list(dynamic, dynamic, "#items"), {"[\"a\"]"}, {"[1]"}},
         {"2020-12", list(plain, dynamic, "#items"), {"[1]"}, {}},
         {"2020-12", list(dynamic, plain, "#items"), {"[1]"}, {}},
         {"2020-12", list(dynamic, dynamic, "#/$defs/items"), {"[1]"}, {}},
         {"2020-12", R"({"$defs": {"n": {"$dynamicAnchor": "n", "type": "number"}}, "$ref": "#n"})", {"1"}, {"\"\""}},
         // A resource that was left counts no more.
         {"2020-12",
          R"({"$id": "http://t/main", "if": {"$id": "first", "$defs": {"t": {"$dynamicAnchor": "t",
                      "type": "number"}}}, "then": {"$id": "second", "$ref": "start", "$defs": {"t": {"$dynamicAnchor":
                      "t", "type": "null"}}}, "$defs": {"start": {"$id": "start", "$dynamicRef": "inner#t"}, "t": {
                      "$id":
                      "inner", "$dynamicAnchor": "t", "type": "string"}}})",
          {"null"},
          {"\"x\"", "1"}}});
    const schema_registry tree{
        {"http://t/tree", R"({"$id": "http://t/tree", "$dynamicAnchor": "node", "type": "object", "properties":
            {"data": true, "children": {"type": "array", "items": {"$dynamicRef": "#node"}}}})"}};
    expect_case({"2020-12",
                 R"({"$id": "http://t/strict", "$dynamicAnchor": "node", "$ref": "tree",
        "unevaluatedProperties": false})",
                 {R"({"children": [{"data": 1}]})"},
                 {R"({"children": [{"daat": 1}]})"}},
                tree);
    expect_case(
        {"2020-12", R"({"$ref": "http://t/tree"})", {R"({"children": [{"daat": 1}]})"}, {R"({"children": [1]})"}},
        tree);
}

TEST(json_schema_reference, recursive)
{
    auto schema = [](const char* outer, const char* inner) {
        return std::string{R"({"$id": "http://t/s", "$recursiveAnchor": )"} + outer +
               R"(, "$defs": {"o": {"$id": "o", "$recursiveAnchor": )" + inner +
               R"(, "anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"$recursiveRef": "#"}}]}},
                  "anyOf": [{"type": "integer"}, {"$ref": "#/$defs/o"}]})";
    };
    const std::vector<std::string> texts{"1", R"({"a": "x"})", R"({"a": {"b": "x"}})"};
    const std::vector<std::string> numbers{R"({"a": 1})", R"({"a": {"b": 1}})"};
    expect_cases({{"2019-09", schema("false", "false"), texts, numbers},
                  {"2019-09", schema("false", "true"), texts, numbers},
                  {"2019-09", schema("true", "false"), texts, numbers},
                  {"2019-09", schema("true", "true"), numbers, {"true"}},
                  {"2019-09",
                   R"({"properties": {"a": {"$recursiveRef": "#"}}, "additionalProperties": false})",
                   {R"({"a": {"a": 1}})"},
                   {R"({"a": {"b": 1}})"}}});
}

TEST(json_schema_reference, vocabularies)
{
    const schema_registry metaschemas{
        {"http://m/20", R"({"$id": "http://m/20", "$vocabulary": {
            "https://json-schema.org/draft/2020-12/vocab/core": true,
            "https://json-schema.org/draft/2020-12/vocab/applicator": true, "http://custom": false}})"},
        {"http://m/19", R"({"$id": "http://m/19", "$vocabulary": {
            "https://json-schema.org/draft/2019-09/vocab/core": true,
            "https://json-schema.org/draft/2019-09/vocab/applicator": true}})"},
        {"http://m/old", R"({"$schema": "http://json-schema.org/draft-07/schema#", "$id": "http://m/old"})"},
        {"http://m/needs", R"({"$vocabulary": {"http://custom": true}})"}};
    const std::string rest = R"(", "properties": {"no": false, "n": {"minimum": 10}, "i": {"items": [false]}}})";
    expect_case({all_drafts, R"({"$schema": "http://m/19)" + rest, {R"({"n": 1})"}, {R"({"no": 1})", R"({"i": [1]})"}},
                metaschemas);
    expect_case({all_drafts, R"({"$schema": "http://m/20", "prefixItems": [false], "minimum": 10})", {"1"}, {"[1]"}},
                metaschemas);
    expect_case({all_drafts, R"({"$schema": "http://m/old)" + rest, {R"({"n": 10})"}, {R"({"n": 1})", R"({"i": [1]})"}},
                metaschemas);
    EXPECT_THROW(json_schema::compile(R"({"$schema": "http://m/needs"})", resolver_of(metaschemas)), error);
}

TEST(json_schema_reference, circles_end_with_an_error)
{
    for (const char* schema :
         {R"({"$ref": "#"})", R"({"allOf": [{"$ref": "#"}]})", R"({"not": {"$ref": "#"}})",
          R"({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"})",
          R"({"if": {"$ref": "#"}, "then": true})", R"({"$dynamicAnchor": "a", "$dynamicRef": "#a"})"}) {
        const auto compiled = json_schema::compile(schema);
        try {
            compiled->is_valid("1");
            ADD_FAILURE() << schema;
        } catch (const error& e) {
            EXPECT_STREQ(e.what(), "a JSON Schema refers to itself without an end") << schema;
        }
    }
    // The same schema twice for one value is no circle.
    expect_case({latest_drafts,
                 R"({"$defs": {"i": {"type": "integer"}}, "allOf": [{"$ref": "#/$defs/i"},
        {"$ref": "#/$defs/i"}], "$ref": "#/$defs/i"})",
                 {"1"},
                 {"\"x\""}});
    expect_case({all_drafts, R"({"dependencies": {"a": {"$ref": "#"}}})", {"{}", "1"}, {}});
}

} // namespace
} // namespace etl::validate
