// What is said of documents that break a schema, with both paths; and of schemas that are none.
#include "unit/json_schema_cases.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace etl::validate {
namespace {

// instance_path|schema_path|keyword|message, in the order of the texts.
std::vector<std::string> errors_of(const std::string& schema, const std::string& document,
                                   const json_schema_options& options = {})
{
    std::vector<std::string> found;
    for (const json_schema_error& each : json_schema::compile(schema, {}, options)->errors(document)) {
        found.push_back(each.instance_path + '|' + each.schema_path + '|' + each.keyword + '|' + each.message);
    }
    std::sort(found.begin(), found.end());
    return found;
}

using texts = std::vector<std::string>;

TEST(json_schema_errors, every_keyword_says_what_is_wrong)
{
    EXPECT_EQ(errors_of(R"({"type": "string"})", "1"), texts{"|/type|type|1 is not of type string"});
    EXPECT_EQ(errors_of(R"({"type": ["string", "null"]})", "{}"),
              texts{"|/type|type|the object is not of any of the types string, null"});
    EXPECT_EQ(errors_of(R"({"enum": ["a", 1, [2]]})", "true"),
              texts{R"(|/enum|enum|true is not one of "a", 1, the array)"});
    EXPECT_EQ(errors_of(R"({"const": "a"})", "\"b\""), texts{R"(|/const|const|"b" is not "a")"});
    EXPECT_EQ(errors_of(R"({"minimum": 2, "exclusiveMinimum": 2.5, "multipleOf": 0.3})", "1.0"),
              (texts{"|/exclusiveMinimum|exclusiveMinimum|1.0 is not greater than 2.5",
                     "|/minimum|minimum|1.0 is less than 2", "|/multipleOf|multipleOf|1.0 is not a multiple of 0.3"}));
    EXPECT_EQ(
        errors_of(R"({"maximum": 2, "exclusiveMaximum": 2})", "3"),
        (texts{"|/exclusiveMaximum|exclusiveMaximum|3 is not less than 2", "|/maximum|maximum|3 is greater than 2"}));
    EXPECT_EQ(
        errors_of(R"({"minLength": 4, "maxLength": 1, "pattern": "^b", "format": "date"})", "\"aé\"",
                  {{}, true, never_poll}),
        (texts{R"(|/format|format|"aé" is no valid date)", R"(|/maxLength|maxLength|"aé" is longer than 1 character)",
               R"(|/minLength|minLength|"aé" is shorter than 4 characters)",
               R"(|/pattern|pattern|"aé" does not match "^b")"}));
    EXPECT_EQ(errors_of(R"({"minItems": 3, "uniqueItems": true, "contains": {"const": 1}})", "[2, 2.0]"),
              (texts{"|/contains|contains|no item matches the schema",
                     "|/minItems|minItems|the array has 2 items, fewer than 3",
                     "|/uniqueItems|uniqueItems|items 0 and 1 are equal"}));
    EXPECT_EQ(errors_of(R"({"maxItems": 0, "contains": {"const": 1}, "minContains": 2})", "[1]"),
              (texts{"|/maxItems|maxItems|the array has 1 item, more than 0",
                     "|/minContains|minContains|1 item matches the schema, fewer than 2"}));
    EXPECT_EQ(errors_of(R"({"contains": true, "maxContains": 1})", "[1, 2]"),
              texts{"|/maxContains|maxContains|2 items match the schema, more than 1"});
    EXPECT_EQ(
        errors_of(R"({"minProperties": 2, "required": ["a", "b"], "dependentRequired": {"c": ["a"]},
                            "propertyNames": {"maxLength": 0}})",
                  R"({"c": 1})"),
        (texts{R"(|/dependentRequired|dependentRequired|property "a" is missing, which property "c" asks for)",
               "|/minProperties|minProperties|the object has 1 property, fewer than 2",
               R"(|/propertyNames/maxLength|maxLength|"c" is longer than 0 characters)",
               R"(|/required|required|property "a" is missing)", R"(|/required|required|property "b" is missing)"}));
    EXPECT_EQ(errors_of(R"({"maxProperties": 0, "anyOf": [false, {"type": "null"}], "oneOf": [true, {}, true],
                            "not": {}})",
                        R"({"c": 1})"),
              (texts{"|/anyOf|anyOf|the object matches none of the 2 schemas",
                     "|/maxProperties|maxProperties|the object has 1 property, more than 0",
                     "|/not|not|the object is what it must not be",
                     "|/oneOf|oneOf|the object matches more than one schema: 0 and 1"}));
    EXPECT_EQ(errors_of(R"({"oneOf": [false]})", "1"), texts{"|/oneOf|oneOf|1 matches none of the 1 schemas"});
    EXPECT_EQ(errors_of("false", "1"), texts{"||false|nothing is allowed here"});
}

TEST(json_schema_errors, paths)
{
    EXPECT_EQ(errors_of(R"({"properties": {"a/b": {"items": {"$ref": "#/$defs/~0"}}}, "$defs": {"~": {"allOf":
                            [true, {"type": "integer"}]}}})",
                        R"({"a/b": [1, "x", [2]]})"),
              (texts{R"(/a~1b/1|/properties/a~1b/items/$ref/allOf/1/type|type|"x" is not of type integer)",
                     "/a~1b/2|/properties/a~1b/items/$ref/allOf/1/type|type|the array is not of type integer"}));
    EXPECT_EQ(errors_of(R"({"properties": {"a": false}, "additionalProperties": false, "patternProperties": {"^b":
                            {"const": 1}}})",
                        R"({"a": 1, "b~": 2, "c": 3})"),
              (texts{R"(/a|/properties/a|properties|nothing is allowed here)",
                     R"(/b~0|/patternProperties/^b/const|const|2 is not 1)",
                     R"(/c|/additionalProperties|additionalProperties|property "c" is not allowed)"}));
    EXPECT_EQ(errors_of(R"({"prefixItems": [true], "items": false, "if": {"minItems": 2}, "then": {"maxItems": 1}})",
                        "[1, 2]"),
              (texts{"/1|/items|items|nothing is allowed here",
                     "|/then/maxItems|maxItems|the array has 2 items, more than 1"}));
    EXPECT_EQ(errors_of(R"({"properties": {"a": true}, "unevaluatedProperties": {"type": "null"},
                            "unevaluatedItems": false})",
                        R"({"a": 1, "b": 2})"),
              texts{"/b|/unevaluatedProperties/type|type|2 is not of type null"});
    EXPECT_EQ(errors_of(R"({"dependentSchemas": {"a": {"required": ["b"]}}})", R"({"a": 1})"),
              texts{R"(|/dependentSchemas/a/required|required|property "b" is missing)"});
    EXPECT_EQ(errors_of(R"({"properties": {"": {"type": "null"}}})", R"({"": 1})"),
              texts{"/|/properties//type|type|1 is not of type null"});
}

// PostgreSQL's text holds neither.
TEST(json_schema_errors, unusual_characters)
{
    EXPECT_EQ(errors_of(R"({"properties": {"a\u0000": {"const": "\ud800"}}, "required": ["\udfff"]})",
                        R"({"a\u0000": "x\u0000\n"})"),
              (texts{R"(/a\u0000|/properties/a\u0000/const|const|"x\u0000\u000a" is not "\ud800")",
                     R"(|/required|required|property "\udfff" is missing)"}));
}

TEST(json_schema_errors, a_text_that_is_no_json)
{
    EXPECT_EQ(errors_of("{}", "[1,]"), texts{"|||is no JSON: after 3 bytes, a value is expected"});
    EXPECT_FALSE(json_schema::compile("true")->is_valid("[1,]"));
    EXPECT_FALSE(json_schema::compile("true")->is_valid(""));
}

struct refusal {
    std::string sqlstate;
    std::string message;
    std::string detail;
};

refusal refused(const std::string& schema, const json_schema_options& options = {})
{
    try {
        json_schema::compile(schema, {}, options);
    } catch (const error& e) {
        return {e.sqlstate(), e.what(), e.detail()};
    }
    return {"", "accepted: " + schema, ""};
}

TEST(json_schema_errors, schemas_that_are_none)
{
    const std::string of = " of a JSON Schema must be ";
    for (const auto& [schema, message, detail] : std::vector<std::tuple<std::string, std::string, std::string>>{
             {"1", "\"\"" + of + "a schema: an object or a boolean", "It is 1, at #."},
             {R"({"type": "text"})",
              "\"type\"" + of + "one or some of null, boolean, integer, number, string, array, object",
              "It is \"text\", at #/type."},
             {R"({"type": ["null", 1]})",
              "\"type\"" + of + "one or some of null, boolean, integer, number, string, array, object",
              "It is 1, at #/type/1."},
             {R"({"properties": {"a~/": {"minLength": -1}}})", "\"minLength\"" + of + "an integer that is not negative",
              "It is -1, at #/properties/a~0~1/minLength."},
             {R"({"allOf": [true, {"maxItems": 1.5}]})", "\"maxItems\"" + of + "an integer that is not negative",
              "It is 1.5, at #/allOf/1/maxItems."},
             {R"({"minimum": "1"})", "\"minimum\"" + of + "a number", "It is \"1\", at #/minimum."},
             {R"({"multipleOf": 0})", "\"multipleOf\"" + of + "greater than zero, and of at most 36 digits",
              "It is 0, at #/multipleOf."},
             {R"({"pattern": 1})", "\"pattern\"" + of + "a string", "It is 1, at #/pattern."},
             {R"({"uniqueItems": 1})", "\"uniqueItems\"" + of + "true or false", "It is 1, at #/uniqueItems."},
             {R"({"required": "a"})", "\"required\"" + of + "an array of names", "It is \"a\", at #/required."},
             {R"({"required": ["a", 1]})", "\"required\"" + of + "an array of names", "It is 1, at #/required/1."},
             {R"({"enum": 1})", "\"enum\"" + of + "an array", "It is 1, at #/enum."},
             {R"({"anyOf": {}})", "\"anyOf\"" + of + "an array of schemas", "It is the object, at #/anyOf."},
             {R"({"properties": []})", "\"properties\"" + of + "an object", "It is the array, at #/properties."},
             {R"({"not": "x"})", "\"\"" + of + "a schema: an object or a boolean", "It is \"x\", at #/not."},
             {R"({"$ref": 1})", "\"$ref\"" + of + "a URI reference", "It is 1, at #/$ref."},
             {R"({"dependentRequired": {"a": "b"}})", "\"dependentRequired\"" + of + "an array of names",
              "It is \"b\", at #/dependentRequired/a."}}) {
        const refusal found = refused(schema);
        EXPECT_EQ(found.sqlstate, sqlstate::invalid_parameter_value) << schema;
        EXPECT_EQ(found.message, "keyword " + message) << schema;
        EXPECT_EQ(found.detail, detail) << schema;
    }
    const refusal text = refused("{");
    EXPECT_EQ(text.message, "the JSON Schema is no JSON");
    EXPECT_EQ(text.detail, "After 1 bytes: a name in quotes is expected.");
    EXPECT_EQ(refused(R"({"pattern": "("})").sqlstate, sqlstate::invalid_regular_expression);
    EXPECT_EQ(refused("{}", {"5", false, never_poll}).message, "unknown draft of JSON Schema: \"5\"");
}

TEST(json_schema_errors, references_that_lead_nowhere)
{
    refusal found = refused(R"({"$id": "http://a/b", "properties": {"x": {"$ref": "c#/d"}}})");
    EXPECT_EQ(found.sqlstate, sqlstate::undefined_object);
    EXPECT_EQ(found.message, "JSON Schema \"http://a/c\" is not registered");
    EXPECT_EQ(found.detail, "It is what \"c#/d\" refers to in \"http://a/b\".");
    found = refused(R"({"$ref": "#/$defs/a"})");
    EXPECT_EQ(found.sqlstate, sqlstate::invalid_parameter_value);
    EXPECT_EQ(found.message, "reference \"#/$defs/a\" of a JSON Schema leads nowhere");
    EXPECT_EQ(found.detail, "There is no \"$defs\" at that place.");
    found = refused(R"({"$ref": "#a"})");
    EXPECT_EQ(found.detail, "There is no anchor of that name in the schema.");
    found = refused(R"({"$schema": "http://no.where/x#"})");
    EXPECT_EQ(found.sqlstate, sqlstate::undefined_object);
    EXPECT_EQ(found.message, "metaschema \"http://no.where/x\" is not registered");
    EXPECT_EQ(refused(R"({"$schema": "http://json-schema.org/draft-03/schema#"})").sqlstate,
              sqlstate::undefined_object);
    EXPECT_EQ(refused(R"({"$ref": "#/a/01", "a": [1, 2]})").message,
              "reference \"#/a/01\" of a JSON Schema leads nowhere");
    // What nothing refers to is not looked at.
    EXPECT_NO_THROW(json_schema::compile(R"({"$defs": {"a": {"$ref": "http://a/b"}}})"));
}

TEST(json_schema_errors, registration)
{
    auto check = [](const char* uri, const char* text) -> std::string {
        try {
            json_schema::check_registration(uri, text);
            return "";
        } catch (const error& e) {
            return std::string{e.sqlstate()} + ' ' + e.what();
        }
    };
    EXPECT_EQ(check("http://a/b", R"({"items": [{}], "$id": "#x", "$ref": "http://not/yet"})"), "");
    EXPECT_EQ(check("http://a/b", R"({"$schema": "http://not/yet"})"), "");
    EXPECT_EQ(check("http://a/b", R"({"$schema": "http://a/b", "$id": "http://a/b", "type": "object"})"), "");
    EXPECT_EQ(check("http://a/b", "true"), "");
    EXPECT_EQ(check("http://a/b", R"({"$schema": "http://json-schema.org/draft-07/schema#", "type": 1})"),
              "22023 the JSON Schema is invalid by its metaschema \"http://json-schema.org/draft-07/schema\"");
    EXPECT_EQ(check("http://a/b", "[]"), "22023 a JSON Schema must be an object, or true or false");
    EXPECT_EQ(check("http://a/b", "{"), "22023 the JSON Schema is no JSON");
    EXPECT_EQ(check("http://a/b#c", "{}"),
              "22023 the URI of a JSON Schema must have a name and no fragment: \"http://a/b#c\"");
    EXPECT_EQ(check("", "{}"), "22023 the URI of a JSON Schema must have a name and no fragment: \"\"");
    EXPECT_EQ(check("https://json-schema.org/draft/2020-12/schema", "{}"),
              "42710 JSON Schema \"https://json-schema.org/draft/2020-12/schema\" is built in");
}

} // namespace
} // namespace etl::validate
