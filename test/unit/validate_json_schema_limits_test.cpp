// Hostile schemas and documents: they cost an error, or time in proportion to their length.
#include "unit/json_schema_cases.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace etl::validate {
namespace {

std::string sqlstate_of(const json_schema& schema, const std::string& document)
{
    try {
        (void)schema.is_valid(document);
        return "";
    } catch (const error& e) {
        return e.sqlstate();
    }
}

std::string sqlstate_of_schema(const std::string& text)
{
    try {
        json_schema::compile(text);
        return "";
    } catch (const error& e) {
        return e.sqlstate();
    }
}

TEST(json_schema_limits, deep_documents)
{
    const auto any = json_schema::compile("true");
    const auto tree = json_schema::compile(R"({"properties": {"a": {"$ref": "#"}}, "items": {"$ref": "#"}, "not":
                                              {"const": "no"}})");
    for (const std::string& deep :
         {nested("[", 600, "1", "]"), nested("{\"a\":", 600, "1", "}"), nested("[{\"a\":", 300, "1", "}]")}) {
        EXPECT_TRUE(any->is_valid(deep));
        EXPECT_TRUE(tree->is_valid(deep));
    }
    EXPECT_FALSE(tree->is_valid(nested("[", 600, "\"no\"", "]")));
    EXPECT_EQ(tree->errors(nested("[", 600, "\"no\"", "]")).size(), 1U);
    EXPECT_EQ(sqlstate_of(*any, nested("[", 100'000, "1", "]")), sqlstate::program_limit_exceeded);
    EXPECT_FALSE(any->is_valid(std::string(900, '[')));
    const auto slow = json_schema::compile(R"({"allOf": [{"allOf": [{"items": {"$ref": "#"}}]}]})");
    EXPECT_EQ(sqlstate_of(*slow, nested("[", 999, "1", "]")), sqlstate::program_limit_exceeded);
}

TEST(json_schema_limits, deep_schemas)
{
    EXPECT_TRUE(json_schema::compile(nested(R"({"allOf":[)", 450, "true", "]}"))->is_valid("1"));
    EXPECT_FALSE(json_schema::compile(nested(R"({"not":)", 801, "true", "}"))->is_valid("1"));
    EXPECT_THROW(json_schema::compile(nested(R"({"not":)", 2000, "true", "}")), error);
    EXPECT_THROW(json_schema::compile(nested("[", 5000, "", "]")), error);
    EXPECT_TRUE(
        json_schema::compile(R"({"const": )" + nested("[", 900, "", "]") + "}")->is_valid(nested("[", 900, "", "]")));
    // A long chain of references.
    std::string chain = R"({"$ref": "#/$defs/d0", "$defs": {"d5000": true)";
    for (int i = 0; i < 5000; ++i) {
        chain += ", \"d" + std::to_string(i) + R"(": {"$ref": "#/$defs/d)" + std::to_string(i + 1) + "\"}";
    }
    EXPECT_EQ(sqlstate_of(*json_schema::compile(chain + "}}"), "1"), sqlstate::program_limit_exceeded);
    EXPECT_THROW(json_schema::compile(std::string(json_schema::longest_schema + 1, ' ')), error);
}

// Each level doubles the work: two to the fortieth schemas.
TEST(json_schema_limits, explosions)
{
    std::string schema = R"({"$ref": "#/$defs/d0", "$defs": {"d40": true)";
    for (int i = 0; i < 40; ++i) {
        const std::string next = R"({"$ref": "#/$defs/d)" + std::to_string(i + 1) + "\"}";
        schema += ", \"d" + std::to_string(i) + R"(": {"allOf": [)" + next + ", " + next + "]}";
    }
    schema += "}}";
    EXPECT_EQ(sqlstate_of(*json_schema::compile(schema), "1"), sqlstate::program_limit_exceeded);
    struct stop {};
    const auto cancelled = json_schema::compile(schema, {}, {{}, false, [] { throw stop{}; }});
    EXPECT_THROW((void)cancelled->is_valid("1"), stop);
}

TEST(json_schema_limits, many_items)
{
    std::string numbers = "[";
    std::string objects = "[";
    for (int i = 0; i < 100'000; ++i) {
        numbers += (i == 0 ? "" : ",") + std::to_string(i);
        objects += (i == 0 ? "{\"a\":" : ",{\"a\":") + std::to_string(i) + ",\"b\":[1]}";
    }
    const auto unique = json_schema::compile(R"({"uniqueItems": true})");
    EXPECT_TRUE(unique->is_valid(numbers + "]"));
    EXPECT_FALSE(unique->is_valid(numbers + ",50000.0]"));
    EXPECT_TRUE(unique->is_valid(objects + "]"));
    EXPECT_FALSE(unique->is_valid(objects + ",{\"b\":[1.0],\"a\":5}]"));
    const auto one_of_many = json_schema::compile(R"({"items": {"enum": )" + numbers + "]}}");
    EXPECT_TRUE(one_of_many->is_valid(numbers + "]"));
    EXPECT_FALSE(one_of_many->is_valid(numbers + ",-1]"));
}

TEST(json_schema_limits, many_names)
{
    std::string object = "{";
    std::string required = "[";
    std::string properties = "{";
    for (int i = 0; i < 50'000; ++i) {
        const std::string name = "\"name" + std::to_string(i) + '"';
        object += (i == 0 ? "" : ",") + name + ":1";
        required += (i == 0 ? "" : ",") + name;
        properties += (i == 0 ? "" : ",") + name + R"(:{"type":"integer"})";
    }
    const auto all = json_schema::compile(R"({"required": )" + required + R"(], "properties": )" + properties +
                                          R"(}, "additionalProperties": false})");
    EXPECT_TRUE(all->is_valid(object + "}"));
    EXPECT_FALSE(all->is_valid(object + ",\"x\":1}"));
    EXPECT_EQ(all->errors("{}").size(), 50'000U);
    const auto twice = json_schema::compile(R"({"maxProperties": 50000})");
    EXPECT_TRUE(twice->is_valid(object + "," + object.substr(1) + "}"));
    EXPECT_FALSE(twice->is_valid(object + ",\"x\":1}"));
}

TEST(json_schema_limits, large_documents)
{
    std::string document = "[";
    while (document.size() < 10'000'000) {
        document += R"({"id": 123456, "name": "some \"quoted\" name", "tags": ["a", "b", "c"], "score": 1.25e1},)";
    }
    document.back() = ']';
    const auto schema =
        json_schema::compile(R"({"type": "array", "items": {"type": "object", "required": ["id", "name"],
        "properties": {"id": {"type": "integer"}, "name": {"type": "string", "pattern": "^some"}, "tags": {"type":
        "array", "uniqueItems": true, "items": {"enum": ["a", "b", "c"]}}, "score": {"multipleOf": 0.25}},
        "additionalProperties": false}})");
    const auto start = std::chrono::steady_clock::now();
    EXPECT_TRUE(schema->is_valid(document));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds{20}); // and not hours
    document.insert(document.size() - 1, ", {\"id\": 1}");
    EXPECT_EQ(schema->errors(document).size(), 1U);
}

TEST(json_schema_limits, regular_expressions)
{
    std::string patterns = R"({"patternProperties": {)";
    for (int i = 0; i <= 1000; ++i) {
        patterns += (i == 0 ? "\"^a" : ",\"^a") + std::to_string(i) + "[b]\": true";
    }
    try {
        json_schema::compile(patterns + "}}");
        FAIL();
    } catch (const error& e) {
        EXPECT_STREQ(e.sqlstate(), sqlstate::program_limit_exceeded);
    }
    const auto bomb = json_schema::compile(R"({"pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"})");
    EXPECT_FALSE(bomb->is_valid('"' + std::string(200'000, 'a') + '"'));
}

// Few characters make large programs: all of them together are limited.
TEST(json_schema_limits, large_regular_expressions)
{
    std::string patterns = R"({"allOf": [)";
    for (int i = 0; i < 40; ++i) {
        patterns += (i == 0 ? "" : ",") + (R"({"pattern": "\\p{L}{150}x)" + std::to_string(i)) + "\"}";
    }
    patterns += "]}";
    EXPECT_EQ(sqlstate_of_schema(patterns), sqlstate::program_limit_exceeded);
    struct stop {};
    EXPECT_THROW(json_schema::compile(patterns, {}, {{}, false, [] { throw stop{}; }}), stop);
}

// Every resource could be the target of every name.
TEST(json_schema_limits, many_dynamic_anchors)
{
    std::string schema = R"({"$defs": {)";
    for (int i = 0; i < 20'000; ++i) {
        const std::string name = std::to_string(i);
        schema += (i == 0 ? "\"" : ",\"") + name + R"(": {"$id": "r)" + name + R"(", "$dynamicRef": "#a)" + name +
                  R"(", "$defs": {"x": {"$dynamicAnchor": "a)" + name + R"(", "type": "integer"}}})";
    }
    const auto compiled = json_schema::compile(schema + R"(}, "items": {"$ref": "r19999"}})");
    EXPECT_TRUE(compiled->is_valid("[1]"));
    EXPECT_FALSE(compiled->is_valid("[\"1\"]"));
}

TEST(json_schema_limits, many_references)
{
    constexpr int many = 50'000;
    std::string definitions = R"({"$defs": {)";
    std::string references = R"(}, "allOf": [)";
    for (int i = 0; i < many; ++i) {
        const std::string name = "d" + std::to_string(i);
        definitions += (i == 0 ? "\"" : ",\"") + name + R"(": {"minimum": )" + std::to_string(i) + '}';
        references += (i == 0 ? "" : ",") + (R"({"$ref": "#/$defs/)" + name) + "\"}";
    }
    const auto start = std::chrono::steady_clock::now();
    const auto schema = json_schema::compile(definitions + references + "]}");
    EXPECT_TRUE(schema->is_valid(std::to_string(many)));
    EXPECT_EQ(schema->errors("0").size(), many - 1U);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds{20}); // and not the square
}

// A value is read whole at each of its levels: no step of the evaluation is small.
TEST(json_schema_limits, polls_by_the_work)
{
    static int polls;
    const json_schema_options counting{{}, false, [] { ++polls; }};
    const std::string deep =
        nested("[1,2,3,4,5,6,7,8,", 500, nested("[", 1, '"' + std::string(300'000, 'a') + '"', "]"), "]");
    for (const char* text : {R"({"uniqueItems": true, "items": {"$ref": "#"}})",
                             R"({"not": {"enum": [[0], [0, 1, 2, 3, 4, 5, 6, 7, 8]]}, "items": {"$ref": "#"}})",
                             R"({"not": {"const": [0, 1, 2, 3, 4, 5, 6, 7, 8]}, "items": {"$ref": "#"}})"}) {
        const auto schema = json_schema::compile(text, {}, counting);
        polls = 0;
        EXPECT_TRUE(schema->is_valid(deep)) << text;
        EXPECT_GT(polls, 250) << text;
    }
    const auto patterns =
        json_schema::compile(R"({"allOf": [{"pattern": "a$"}, {"pattern": "^[a-z]+$"}]})", {}, counting);
    polls = 0;
    EXPECT_TRUE(patterns->is_valid('"' + std::string(1'000'000, 'a') + '"'));
    EXPECT_GE(polls, 2);
    const auto formats = json_schema::compile(R"({"items": {"format": "regex"}})", {}, {{}, true, [] { ++polls; }});
    polls = 0;
    EXPECT_TRUE(formats->is_valid(R"(["a", "b", "c"])"));
    EXPECT_EQ(polls, 3);
}

// A text of many patterns, which costs more than its few values let expect, is no excess.
TEST(json_schema_limits, long_texts)
{
    std::string patterns = R"({"allOf": [)";
    for (int i = 0; i < 100; ++i) {
        patterns += (i == 0 ? "" : ",") + (R"({"pattern": "[^b]$|)" + std::to_string(i)) + "\"}";
    }
    EXPECT_TRUE(json_schema::compile(patterns + "]}")->is_valid('"' + std::string(5'000'000, 'a') + '"'));
}

// Errors cost by the length of their paths.
TEST(json_schema_limits, explosions_of_errors)
{
    std::string schema = R"({"$ref": "#/$defs/d0", "$defs": {"d40": false)";
    for (int i = 0; i < 40; ++i) {
        const std::string next = R"({"$ref": "#/$defs/d)" + std::to_string(i + 1) + "\"}";
        schema += ", \"d" + std::to_string(i) + R"(": {"allOf": [)" + next + ", " + next + "]}";
    }
    std::size_t errors = 0;
    EXPECT_THROW(json_schema::compile(schema + "}}")->errors("1", [&errors](json_schema_error&&) { ++errors; }), error);
    EXPECT_LT(errors, 1'000'000U);
}

TEST(json_schema_limits, numbers)
{
    const std::string long_number = "1" + std::string(200'000, '0');
    expect_cases({{all_drafts,
                   R"({"multipleOf": 3, "type": "number"})",
                   {"0", "0.000e5"},
                   {long_number, "1e999999999999999999"}},
                  {all_drafts,
                   R"({"maximum": 1e300})",
                   {"1e-999999999999999999999999"},
                   {long_number, "1e99999999999999999999999999"}},
                  {from_draft6, R"({"uniqueItems": true})", {"[1e400, 1e401]"}, {"[" + long_number + ", 1e200000]"}}});
}

TEST(json_schema_limits, polls)
{
    struct stop {};
    std::string document = "[0";
    for (int i = 0; i < 20'000; ++i) {
        document += ",0";
    }
    const auto schema =
        json_schema::compile(R"({"items": {"type": "integer"}})", {}, {{}, false, [] { throw stop{}; }});
    EXPECT_TRUE(schema->is_valid("[1]"));
    EXPECT_THROW((void)schema->is_valid(document + "]"), stop);
    EXPECT_TRUE(schema->is_valid("[1]")); // still fit for use
}

} // namespace
} // namespace etl::validate
