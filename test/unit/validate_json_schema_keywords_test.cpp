// Each keyword by itself, in the drafts that have it: what it asks, and of which types of values.
#include "unit/json_schema_cases.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace etl::validate {
namespace {

TEST(json_schema_keywords, types)
{
    expect_cases({
        {all_drafts, R"({"type": "null"})", {"null"}, {"0", "\"\"", "false", "[]", "{}"}},
        {all_drafts, R"({"type": "boolean"})", {"true", "false"}, {"0", "\"true\"", "null"}},
        {all_drafts, R"({"type": "number"})", {"1", "1.5", "1e400", "-0"}, {"\"1\"", "true"}},
        {all_drafts, R"({"type": "integer"})", {"1", "-12345678901234567890123"}, {"1.5", "\"1\"", "1e-1", "true"}},
        {from_draft6, R"({"type": "integer"})", {"1.0", "1e2", "150e-1"}, {}},
        {"4", R"({"type": "integer"})", {"10"}, {"1.0", "1e2"}},
        {"4", R"({"type": "number"})", {"1.0", "1e2"}, {}},
        {all_drafts, R"({"type": "string"})", {"\"\"", "\"a\\u0000b\""}, {"1", "null"}},
        {all_drafts, R"({"type": "array"})", {"[]"}, {"{}", "\"[]\""}},
        {all_drafts, R"({"type": "object"})", {"{}"}, {"[]", "null"}},
        {all_drafts, R"({"type": ["integer", "null"]})", {"1", "null"}, {"1.5", "\"\"", "[]"}},
        {all_drafts, R"({"type": ["integer", "number"]})", {"1.5"}, {"null"}},
        {from_draft6, "true", {"1", "{}"}, {}},
        {from_draft6, "false", {}, {"1", "{}", "null"}},
        {all_drafts, "{}", {"1", "{}", "null"}, {}},
    });
}

TEST(json_schema_keywords, constants)
{
    expect_cases({
        {all_drafts,
         R"({"enum": [1, "a", null, [false], {"a": 0}]})",
         {"1", "1.0", "\"\\u0061\"", "null", "[false]", "{\"a\": 0.0}"},
         {"true", "\"b\"", "[0]", "{\"a\": false}", "{\"a\": 0, \"b\": 0}", "[]"}},
        {all_drafts, R"({"enum": [0]})", {"0", "0.0", "-0"}, {"false", "[]", "null"}},
        {all_drafts, R"({"enum": [1,2,3,4,5,6,7,8,9,10,"eleven",[12]]})", {"10.0", "\"eleven\"", "[12]"}, {"11", "12"}},
        {all_drafts, R"({"enum": ["a\u0000b"]})", {"\"a\\u0000b\""}, {"\"a\"", "\"ab\""}},
        {all_drafts, R"({"enum": []})", {}, {"1"}},
        {from_draft6, R"({"const": {"a": [1, 2]}})", {"{\"a\": [1.0, 2]}"}, {"{\"a\": [2, 1]}", "{}"}},
        {from_draft6, R"({"const": null})", {"null"}, {"0", "false", "\"\""}},
        {from_draft6, R"({"const": false})", {"false"}, {"0", "[false]"}},
        {from_draft6,
         R"({"const": 9007199254740992})",
         {"9007199254740992", "9007199254740992.0"},
         {"9007199254740993"}},
        {from_draft6, R"({"const": "\ud800"})", {"\"\\ud800\""}, {"\"\\ud801\""}},
        {"4", R"({"const": 1})", {"2"}, {}},
    });
}

TEST(json_schema_keywords, numbers)
{
    expect_cases({
        {all_drafts, R"({"minimum": 1.1})", {"1.1", "2.6", "\"x\"", "1.10"}, {"0.6", "1.0999999999999999999999999"}},
        {all_drafts, R"({"maximum": 300})", {"300", "300.0", "-1e400"}, {"300.5", "300.00000000000000000001"}},
        {from_draft6, R"({"exclusiveMinimum": 1.1})", {"1.2", "\"x\""}, {"1.1", "1"}},
        {from_draft6, R"({"exclusiveMaximum": 3})", {"2.2"}, {"3", "3.0", "3.5"}},
        {from_draft6,
         R"({"minimum": 1, "exclusiveMinimum": 0, "maximum": 5, "exclusiveMaximum": 4.5})",
         {"1", "4"},
         {"0.5", "4.5", "5"}},
        {"4", R"({"minimum": 1.1, "exclusiveMinimum": true})", {"1.2"}, {"1.1"}},
        {"4", R"({"minimum": 1.1, "exclusiveMinimum": false})", {"1.1"}, {"1"}},
        {"4", R"({"exclusiveMaximum": true, "maximum": 3})", {"2.9"}, {"3"}},
        {"4", R"({"exclusiveMaximum": true})", {"1e9"}, {}},
        {all_drafts, R"({"multipleOf": 0.01})", {"0.07", "4.35", "1.1", "0", "1e300", "\"x\""}, {"0.075", "1.001"}},
        {all_drafts, R"({"multipleOf": 2})", {"10", "1e300", "-4.0"}, {"7", "1.5"}},
        {all_drafts,
         R"({"maximum": 18446744073709551615})",
         {"18446744073709551600", "18446744073709551615.0"},
         {"18446744073709551616"}},
        {from_draft6,
         R"({"exclusiveMaximum": 972783798187987123879878123.18878137})",
         {"972783798187987123879878123.18878136"},
         {"972783798187987123879878123.188781371", "972783798187987123879878124"}},
    });
}

TEST(json_schema_keywords, strings)
{
    expect_cases({
        {all_drafts,
         R"({"minLength": 2})",
         {"\"ab\"", "\"éé\"", "\"💩💩\"", "\"\\ud83d\\udca9a\"", "1"},
         {"\"a\"", "\"é\"", "\"💩\"", "\"\""}},
        {all_drafts, R"({"maxLength": 2})", {"\"💩💩\"", "\"\\u0000a\"", "\"\"", "[1,2,3]"}, {"\"abc\"", "\"💩💩💩\""}},
        {from_draft6, R"({"maxLength": 2.0})", {"\"ab\""}, {"\"abc\""}},
        {all_drafts, R"({"maxLength": 100000000000000000000000})", {"\"ab\""}, {}},
        {all_drafts, R"({"minLength": 1, "maxLength": 1, "pattern": "^."})", {"\"a\""}, {"\"\"", "\"ab\"", "\"\\n\""}},
        {all_drafts, R"({"pattern": "^a*$"})", {"\"aaa\"", "\"\"", "true", "{}"}, {"\"abc\"", "\"aaa\\n\""}},
        {all_drafts, R"({"pattern": "^\\u00e9\\u0000?$"})", {"\"é\"", "\"é\\u0000\""}, {"\"e\""}},
        {all_drafts, R"({"contentEncoding": "base64", "contentMediaType": "application/json"})", {"\"%\"", "1"}, {}},
    });
}

TEST(json_schema_keywords, arrays)
{
    expect_cases({
        {all_drafts, R"({"minItems": 1, "maxItems": 2})", {"[1]", "[1,2]", "\"\"", "{}"}, {"[]", "[1,2,3]"}},
        {all_drafts, R"({"items": {"type": "integer"}})", {"[]", "[1,2]", "{\"0\": \"x\"}"}, {"[1, \"x\"]"}},
        {from_draft6, R"({"items": false})", {"[]", "1"}, {"[1]"}},
        {"4 6 7 2019-09",
         R"({"items": [{"type": "integer"}, {"type": "string"}]})",
         {"[1]", "[1,\"a\",null]", "[]"},
         {"[\"a\"]", "[1, 1]"}},
        {"4 6 7 2019-09",
         R"({"items": [{}], "additionalItems": {"type": "integer"}})",
         {"[null, 2, 3]"},
         {"[1, \"a\"]"}},
        {"4 6 7 2019-09", R"({"items": [{}], "additionalItems": false})", {"[null]"}, {"[1, 2]"}},
        {"4 6 7 2019-09", R"({"items": {}, "additionalItems": false})", {"[1, 2]"}, {}},
        {"4 6 7 2019-09", R"({"additionalItems": false})", {"[1, 2]"}, {}},
        {"2020-12",
         R"({"prefixItems": [{"type": "integer"}], "items": {"type": "string"}})",
         {"[1, \"a\"]", "[]"},
         {"[\"a\"]", "[1, 2]"}},
        {"2020-12", R"({"additionalItems": false, "items": {}})", {"[1]"}, {}},
        {"4 6 7 2019-09", R"({"prefixItems": [{"type": "integer"}]})", {"[\"a\"]"}, {}},
        {from_draft6, R"({"contains": {"minimum": 5}})", {"[1, 5]", "[6]", "{}", "1"}, {"[]", "[1, 2]"}},
        {latest_drafts,
         R"({"contains": {"const": 1}, "minContains": 2, "maxContains": 3})",
         {"[1,1]", "[1,2,1,1]"},
         {"[]", "[1]", "[1,1,1,1]"}},
        {latest_drafts, R"({"contains": {"const": 1}, "minContains": 0})", {"[]", "[2]"}, {}},
        {latest_drafts, R"({"contains": {"const": 1}, "maxContains": 1})", {"[1]"}, {"[]", "[1,1]"}},
        {latest_drafts, R"({"minContains": 2, "maxContains": 1})", {"[]"}, {}},
        {"6 7", R"({"contains": {"const": 1}, "minContains": 2})", {"[1]"}, {"[2]"}},
        {"4", R"({"contains": {"const": 1}})", {"[]"}, {}},
    });
}

TEST(json_schema_keywords, unique_items)
{
    std::string many = "[";
    for (int i = 0; i < 100; ++i) {
        many += std::to_string(i) + ", ";
    }
    expect_cases({
        {all_drafts,
         R"({"uniqueItems": true})",
         {"[]", "[1, 2]", "[1, true]", "[0, false]", "[[1], [true]]", "[{\"a\": 1}, {\"a\": true}]", "[\"1\", 1]",
          "[null, 0, \"\", [], {}]", "[[[1], \"a\"], [[true], \"a\"]]", "\"aa\"", many + "\"a\"]", many + "true]"},
         {"[1, 1]", "[1, 1.0]", "[1, 2, 1.00]", "[\"a\", \"\\u0061\"]", "[{\"a\": 1, \"b\": 2}, {\"b\": 2, \"a\": 1}]",
          "[[1, [2]], [1.0, [2e0]]]", "[null, null]", "[{}, {}]", many + "50.0]", many + "{\"a\": []}, {\"a\": []}]"}},
        {all_drafts, R"({"uniqueItems": false})", {"[1, 1]"}, {}},
    });
}

TEST(json_schema_keywords, objects)
{
    expect_cases({
        {all_drafts,
         R"({"minProperties": 1, "maxProperties": 2})",
         {"{\"a\":1}", "{\"a\":1,\"a\":2,\"b\":3}", "[]"},
         {"{}", "{\"a\":1,\"b\":2,\"c\":3}"}},
        {all_drafts,
         R"({"required": ["a", "__proto__", "é", "a\u0000"]})",
         {"{\"a\":1,\"__proto__\":2,\"\\u00e9\":3,\"a\\u0000\":4}", "[]", "\"a\""},
         {"{}", "{\"a\":1,\"__proto__\":2,\"é\":3}", "{\"a\":1,\"é\":3,\"a\\u0000\":4}"}},
        {all_drafts,
         R"({"properties": {"a": {"type": "integer"}, "constructor": {"type": "string"}}})",
         {"{}", "{\"a\":1,\"b\":\"x\"}", "{\"constructor\":\"x\"}", "[\"a\"]"},
         {"{\"a\":\"1\"}", "{\"constructor\":1}", "{\"a\":1,\"a\":\"x\"}"}},
        {all_drafts, R"({"properties": {"a": {"type": "integer"}}})", {"{\"a\":\"x\",\"a\":1}"}, {}},
        {all_drafts,
         R"({"properties": {"$ref": {"type": "string"}, "properties": {"type": "integer"}}})",
         {"{\"$ref\":\"a\",\"properties\":1}"},
         {"{\"$ref\":1}", "{\"properties\":{}}"}},
        {all_drafts,
         R"({"patternProperties": {"^x": {"type": "integer"}, "y$": {"minimum": 5}}})",
         {"{\"x\":1}", "{\"xy\":5}", "{\"y\":\"a\"}"},
         {"{\"x\":\"a\"}", "{\"xy\":4}", "{\"xy\":5,\"xz\":null}"}},
        {all_drafts,
         R"({"properties": {"a": {}}, "patternProperties": {"^x": {}}, "additionalProperties": false})",
         {"{}", "{\"a\":1,\"x1\":2}", "[1]"},
         {"{\"b\":1}", "{\"a\":1,\"y\":2}"}},
        {all_drafts, R"({"additionalProperties": {"type": "integer"}})", {"{\"a\":1}"}, {"{\"a\":\"x\"}"}},
        {all_drafts,
         R"({"allOf": [{"properties": {"a": {}}}], "additionalProperties": {"type": "integer"}})",
         {"{\"a\":1}"},
         {"{\"a\":\"x\"}"}},
        {from_draft6,
         R"({"propertyNames": {"maxLength": 2, "pattern": "^a"}})",
         {"{\"ab\":1}", "{}", "[\"abc\"]"},
         {"{\"abc\":1}", "{\"b\":1}"}},
        {from_draft6, R"({"propertyNames": false})", {"{}"}, {"{\"a\":1}"}},
        {from_draft6, R"({"properties": {"a": true, "b": false}})", {"{\"a\":1}"}, {"{\"b\":1}"}},
        {"4", R"({"propertyNames": {"maxLength": 1}})", {"{\"abc\":1}"}, {}},
    });
}

TEST(json_schema_keywords, dependencies)
{
    expect_cases({
        {all_drafts,
         R"({"dependencies": {"a": ["b", "c"], "d": {"minProperties": 2}, "e": []}})",
         {"{}", "{\"a\":1,\"b\":2,\"c\":3}", "{\"d\":1,\"x\":2}", "{\"e\":1}", "{\"b\":1}", "[\"a\"]"},
         {"{\"a\":1}", "{\"a\":1,\"b\":2}", "{\"d\":1}"}},
        {from_draft6, R"({"dependencies": {"a": true, "b": false}})", {"{\"a\":1}"}, {"{\"b\":1}"}},
        {latest_drafts,
         R"({"dependentRequired": {"a": ["b"], "b": ["a"]}})",
         {"{\"a\":1,\"b\":2}", "{\"c\":1}"},
         {"{\"a\":1}", "{\"b\":1}"}},
        {latest_drafts,
         R"({"dependentSchemas": {"a": {"properties": {"b": {"type": "integer"}}}, "x": false}})",
         {"{\"a\":1,\"b\":2}", "{\"b\":\"x\"}"},
         {"{\"a\":1,\"b\":\"x\"}", "{\"x\":1}"}},
        {latest_drafts,
         R"({"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"a": {"maxProperties": 2}}})",
         {"{\"a\":1,\"b\":2}"},
         {"{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"c\":3}"}},
        {to_draft7, R"({"dependentRequired": {"a": ["b"]}})", {"{\"a\":1}"}, {}},
    });
}

TEST(json_schema_keywords, combinations)
{
    expect_cases({
        {all_drafts, R"({"allOf": [{"minimum": 2}, {"maximum": 4}]})", {"3", "\"x\""}, {"1", "5"}},
        {all_drafts, R"({"anyOf": [{"type": "integer"}, {"minimum": 2}]})", {"1", "2.5", "\"x\""}, {"1.5"}},
        {all_drafts, R"({"oneOf": [{"type": "integer"}, {"minimum": 2}]})", {"1", "2.5", "\"x\""}, {"1.5", "3"}},
        {from_draft6, R"({"oneOf": [true, false, false]})", {"1"}, {}},
        {from_draft6, R"({"oneOf": [true, true, false]})", {}, {"1"}},
        {all_drafts, R"({"not": {"type": ["integer", "boolean"]}})", {"\"x\"", "1.5"}, {"1", "true"}},
        {all_drafts, R"({"not": {"not": {"type": "integer"}}})", {"1"}, {"\"x\""}},
        {from_draft6, R"({"not": true})", {}, {"1", "{}"}},
        {from_draft7,
         R"({"if": {"exclusiveMaximum": 0}, "then": {"minimum": -10}, "else": {"multipleOf": 2}})",
         {"-1", "4", "0"},
         {"-100", "3"}},
        {from_draft7, R"({"if": {"const": 0}})", {"0", "1"}, {}},
        {from_draft7, R"({"then": {"const": 0}, "else": {"const": 1}})", {"5"}, {}},
        {from_draft7, R"({"if": true, "then": {"const": 0}, "else": {"const": 1}})", {"0"}, {"1"}},
        {from_draft7, R"({"if": false, "else": {"const": 1}})", {"1"}, {"0"}},
        {"4 6", R"({"if": true, "then": {"const": 0, "type": "null"}})", {"5"}, {}},
        {all_drafts, R"({"unknown": {"type": "nonsense"}, "title": 1, "default": [], "$comment": null})", {"5"}, {}},
    });
}

// A schema that names no draft is read as one of the latest; what only earlier drafts have is understood too.
TEST(json_schema_keywords, no_draft_named)
{
    auto verdict_of = [](const char* schema, const char* document) {
        return verdict(*json_schema::compile(schema), document);
    };
    EXPECT_FALSE(verdict_of(R"({"items": [{"type": "integer"}], "additionalItems": false})", "[1, 2]"));
    EXPECT_TRUE(verdict_of(R"({"items": [{"type": "integer"}]})", "[1, 2]"));
    EXPECT_FALSE(verdict_of(R"({"minimum": 1, "exclusiveMinimum": true})", "1"));
    EXPECT_TRUE(verdict_of(R"({"minimum": 1, "exclusiveMinimum": false})", "1"));
    EXPECT_FALSE(verdict_of(R"({"minimum": 0, "exclusiveMinimum": 1})", "1"));
    EXPECT_FALSE(verdict_of(R"({"dependencies": {"a": ["b"]}})", R"({"a": 1})"));
    EXPECT_FALSE(verdict_of(R"({"prefixItems": [{"type": "integer"}]})", "[\"x\"]"));
    EXPECT_FALSE(
        verdict_of(R"({"definitions": {"i": {"type": "integer"}}, "$ref": "#/definitions/i", "minimum": 3})", "1"));
    EXPECT_TRUE(verdict_of(R"({"type": "integer"})", "1.0"));
    EXPECT_FALSE(verdict_of(R"({"$ref": "#i", "$defs": {"i": {"$id": "#i", "type": "integer"}}})", "\"x\""));
    for (const char* strict : {R"({"items": [{}]})", R"({"exclusiveMinimum": true, "minimum": 1})"}) {
        EXPECT_THROW(json_schema::compile(strict, {}, {"2020-12", false, never_poll}), error) << strict;
    }
    EXPECT_THROW(json_schema::compile("{}", {}, {"3", false, never_poll}), error);
}

} // namespace
} // namespace etl::validate
