// Mapping documents, and what they make of records.
#include "core/error.hpp"
#include "extract/mapping.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

const std::vector<std::string> columns{"id", "price", "note", "at"};

std::vector<std::string> map(const std::string& document, const std::string& record)
{
    const auto rules = etl::mapping::parse(document, columns);
    etl::record_mapper mapper{rules};
    std::vector<std::string> made;
    for (const auto& value : mapper.map(record)) {
        made.emplace_back(value.is == etl::column_text::kind::missing ? "missing" : value.json());
    }
    return made;
}

using texts = std::vector<std::string>;

std::string refused(const std::string& document)
{
    try {
        etl::mapping::parse(document, columns);
        return "no";
    } catch (const etl::error& e) {
        return std::string{e.sqlstate()} + " " + e.what() + ": " + e.detail();
    }
}

TEST(mapping, rules_are_in_the_order_of_the_columns)
{
    EXPECT_EQ(map(R"({"note": "n", "id": "i"})", R"({"n": 1, "i": 2})"), (texts{"2", "1"}));
}

TEST(mapping, the_first_alternative_that_is_not_null)
{
    const std::string document = R"({"id": "event_id|eventId|event.id"})";
    EXPECT_EQ(map(document, R"({"event_id": 1, "eventId": 2})"), (texts{"1"}));
    EXPECT_EQ(map(document, R"({"event_id": null, "eventId": 2})"), (texts{"2"}));
    EXPECT_EQ(map(document, R"({"event": {"id": 3}})"), (texts{"3"}));
    EXPECT_EQ(map(document, R"({"event": 3, "eventId": null})"), (texts{"missing"}));
}

TEST(mapping, paths_in_an_array_are_not_parted)
{
    EXPECT_EQ(map(R"({"id": {"from": ["/a|b", "c"]}})", R"({"a|b": 1, "a": 2})"), (texts{"1"}));
}

TEST(mapping, defaults_keep_their_digits)
{
    const std::string document = R"({"price": {"from": "p", "default": 12345678901234567890.10},
                                     "note": {"default": "a\"b"}, "id": {"from": "i", "default": null}})";
    EXPECT_EQ(map(document, R"({"i": null})"), (texts{"missing", "12345678901234567890.10", R"("a\"b")"}));
    EXPECT_EQ(map(document, R"({"p": null})").at(1), "12345678901234567890.10");
    EXPECT_EQ(map(document, R"({"p": 0})").at(1), "0");
    EXPECT_EQ(map(document, R"({"p": ""})").at(1), "\"\"");
}

TEST(mapping, records_that_hold_nothing_that_is_mapped)
{
    const auto state = [](const std::string& document, const std::string& record) -> std::string {
        try {
            map(document, record);
            return "";
        } catch (const etl::bad_record& e) {
            return std::string{e.sqlstate()} + " " + e.what() + ": " + e.detail();
        }
    };
    const std::string fields = R"({"id": "a|b", "note": {"from": "c.d", "default": "x"}})";
    for (const std::string record : {"1", " null ", "\"x\"", "[]", "[{\"a\": 1}]", "true"}) {
        EXPECT_EQ(state(fields, record).substr(0, 35), "2203C the record is no JSON object:") << record;
    }
    const std::string none = "2203A the record has none of the fields that are mapped: Mapped are a, b, c.d.";
    EXPECT_EQ(state(fields, "{}"), none);
    EXPECT_EQ(state(fields, R"({"A": 1, "c": {"e": 2}, "x": [1]})"), none);
    EXPECT_EQ(state(fields, R"({"c": {"d": null}})"), "");
    // Places in arrays, and the whole record; a mapping without a path wants an object.
    EXPECT_EQ(state(R"({"id": "1"})", "[1, 2]"), "");
    EXPECT_EQ(state(R"({"id": "1"})", "[1]").substr(0, 5), "2203C");
    EXPECT_EQ(state(R"({"note": "$"})", "1"), "");
    EXPECT_EQ(state(R"({"note": "$"})", "null").substr(0, 5), "2203C");
    EXPECT_EQ(state(R"({"note": {"default": 1}})", "{}"), "");
    EXPECT_EQ(state(R"({"note": {"default": 1}})", "1").substr(0, 5), "2203C");
    // An expression may read the record, and nothing else does.
    EXPECT_EQ(state(R"({"id": "a", "note": {"sql": "RECORD ->> 'z'"}})", R"({"z": 1})"), "");
    EXPECT_EQ(state(R"({"id": "a", "note": {"sql": "id + 1"}})", R"({"z": 1})").substr(0, 5), "2203A");
    EXPECT_EQ(state(R"({"id": "a", "note": {"sql": "record ->> 0"}})", "7").substr(0, 5), "2203C");
}

TEST(mapping, by_equal_names)
{
    const std::vector<std::string> names{"a", "b.c"};
    const auto rules = etl::mapping::by_names(names);
    etl::record_mapper mapper{rules};
    const auto found = mapper.map(R"({"b.c": 2, "b": {"c": 3}, "a": 1})");
    EXPECT_EQ(found[0].text, "1");
    EXPECT_EQ(found[1].text, "2");
}

TEST(mapping, lists_of_fields)
{
    const auto rules =
        etl::mapping::parse(R"({"id": "Id|ID", "note": {"from": "n.x", "default": "d"}, "at": "t"})", columns);
    etl::record_mapper mapper{rules};
    const std::vector<std::string> names{"t", "ID", "n.x"};
    mapper.name_fields(names);
    using kind = etl::column_text::kind;
    const std::vector<etl::column_text> fields{{kind::plain, false, "5"}, {kind::plain, false, "7"}};
    const auto found = mapper.map(fields);
    EXPECT_EQ(found[0].text, "7");
    EXPECT_EQ(found[1].text, "d"); // a path of two keys is in no list
    EXPECT_EQ(found[2].text, "5");
}

TEST(mapping, refuses_what_is_no_mapping)
{
    EXPECT_EQ(refused("[]").substr(0, 5), "22023");
    EXPECT_EQ(refused("{}").substr(0, 5), "22023");
    EXPECT_EQ(refused("{").substr(0, 5), "22023");
    EXPECT_EQ(refused(R"({"nope": "a"})"),
              "42703 the mapping has a rule for column \"nope\", which the table does not have: Columns that can be "
              "mapped are id, price, note, at.");
    EXPECT_EQ(refused(R"({"id": 1})"),
              "22023 the rule of column \"id\" is not valid: It is neither a text nor an object.");
    EXPECT_EQ(refused(R"({"id": ""})"),
              "22023 the rule of column \"id\" is not valid: \"id\" must be a text that is not "
              "empty.");
    EXPECT_EQ(refused(R"({"id": "a||b"})").substr(0, 27), "22023 \"\" is no path to a fi");
    EXPECT_EQ(refused(R"({"id": {}})"),
              "22023 the rule of column \"id\" is not valid: It says nowhere what the column gets.");
    EXPECT_EQ(refused(R"({"id": {"form": "a"}})"),
              "22023 the rule of column \"id\" is not valid: It has a member \"form\".");
    EXPECT_EQ(refused(R"({"id": {"from": "a", "required": 1}})"),
              "22023 the rule of column \"id\" is not valid: \"required\" must be true or false.");
    EXPECT_EQ(refused(R"({"id": {"from": [], "required": true}})"),
              "22023 the rule of column \"id\" is not valid: \"from\" has no path.");
    EXPECT_EQ(refused(R"({"id": {"sql": "1", "default": 2}})"),
              "22023 the rule of column \"id\" is not valid: Of \"default\" and \"sql\" it can have one.");
    EXPECT_EQ(refused(R"({"id": {"sql": "1", "format": "hex"}})"),
              "22023 the rule of column \"id\" is not valid: \"format\" tells how the values of \"from\" are written.");
}

} // namespace
