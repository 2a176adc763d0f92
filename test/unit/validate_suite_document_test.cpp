// Documents of suites: both generations of Great Expectations, there and back, and expectations that are added.
#include "core/error.hpp"
#include "validate/suite.hpp"
#include "validate/suite_document.hpp"

#include <gtest/gtest.h>

namespace etl::validate {
namespace {

// A document of one expectation without the leading expect_column_.
std::string document(const std::string& type, const std::string& kwargs)
{
    return R"({"name": "s", "expectations": [{"type": "expect_column_)" + type + R"(", "kwargs": )" + kwargs + "}]}";
}

std::string exported(const std::string& from, const char* format)
{
    return json::parse(export_suite(from, format)).dump();
}

TEST(rename_suite, writes_the_current_shape_and_keeps_the_rest)
{
    EXPECT_EQ(rename_suite(R"({"expectation_suite_name": "old", "meta": {"notes": ["é"]}, "expectations": [
                  {"expectation_type": "expect_column_values_to_be_unique", "kwargs": {"column": "c"},
                   "meta": {"a": 1}}]})",
                           "new"),
              R"({"name":"new","meta":{"notes":["é"]},"expectations":[)"
              R"({"type":"expect_column_values_to_be_unique","kwargs":{"column":"c"},"meta":{"a":1}}]})");
}

TEST(rename_suite, reads_as_before)
{
    const std::string from = document("values_to_be_between", R"({"column": "c", "max_value": 1.5, "mostly": 0.25})");
    const suite before = parse_suite(from);
    const suite after = parse_suite(rename_suite(from, "other \"name\""));
    EXPECT_EQ(after.name, "other \"name\"");
    ASSERT_EQ(after.expectations.size(), 1U);
    EXPECT_EQ(after.expectations[0].kwargs, before.expectations[0].kwargs);
    EXPECT_EQ(after.expectations[0].label(), before.expectations[0].label());
    EXPECT_EQ(rename_suite(rename_suite(from, "x"), "x"), rename_suite(from, "x"));
}

// --- export --------------------------------------------------------------------------------------------------------

constexpr char older_document[] = R"({"expectation_suite_name":"s","ge_cloud_id":"7f","data_asset_type":null,)"
                                  R"("evaluation_parameters":{"x":1},"expectations":[)"
                                  R"({"expectation_type":"expect_column_values_to_be_between",)"
                                  R"("kwargs":{"column":"c","min_value":{"$PARAMETER":"x"}},)"
                                  R"("meta":{"notes":{"format":"markdown","content":["why"]},"severity":"info"},)"
                                  R"("ge_cloud_id":"8a"}],"meta":{"great_expectations_version":"0.18.21"}})";

constexpr char current_document[] = R"({"name":"s","id":"7f","suite_parameters":{"x":1},"expectations":[)"
                                    R"({"type":"expect_column_values_to_be_between",)"
                                    R"("kwargs":{"column":"c","min_value":{"$PARAMETER":"x"}},)"
                                    R"("meta":{"notes":{"format":"markdown","content":["why"]}},"id":"8a",)"
                                    R"("severity":"info"}],"meta":{"great_expectations_version":"0.18.21"}})";

TEST(export_suite, goes_from_one_generation_to_the_other_and_back)
{
    EXPECT_EQ(exported(older_document, "1.x"), current_document);
    EXPECT_EQ(exported(older_document, "0.x"), older_document) << "as it came";
    EXPECT_EQ(exported(exported(older_document, "1.x"), "1.x"), current_document);
    const std::string there_and_back = exported(exported(older_document, "1.x"), "0.18");
    EXPECT_EQ(json::parse(there_and_back)["expectations"], json::parse(older_document)["expectations"]);
    EXPECT_EQ(exported(exported(current_document, "0.x"), "1.x"), current_document);
}

TEST(export_suite, is_the_same_from_what_is_stored)
{
    EXPECT_EQ(exported(rename_suite(older_document, "s"), "0.x"), older_document);
    EXPECT_EQ(exported(rename_suite(current_document, "s"), "1.x"), current_document);
}

TEST(export_suite, keeps_what_1x_says_of_an_expectation)
{
    const std::string from = R"({"name":"s","expectations":[{"type":"expect_column_values_to_be_unique",)"
                             R"("kwargs":{"column":"c"},"severity":"warning","description":"d","notes":"n"}]})";
    EXPECT_EQ(
        exported(from, "0.x"),
        R"({"expectation_suite_name":"s","expectations":[{"expectation_type":"expect_column_values_to_be_unique",)"
        R"("kwargs":{"column":"c"},"meta":{"severity":"warning","description":"d","notes":"n"}}]})");
    EXPECT_EQ(exported(exported(from, "0.x"), "1.x"),
              R"({"name":"s","expectations":[{"type":"expect_column_values_to_be_unique","kwargs":{"column":"c"},)"
              R"("meta":{},"severity":"warning","description":"d","notes":"n"}]})");
}

TEST(export_suite, leaves_out_arguments_that_1x_has_not)
{
    const std::string from =
        document("max_to_be_between", R"({"column":"c","max_value":1,"parse_strings_as_datetimes":true})");
    EXPECT_EQ(json::parse(exported(from, "1.x"))["expectations"][0]["kwargs"],
              json::parse(R"({"column":"c","max_value":1})"));
    EXPECT_TRUE(json::parse(exported(from, "0.x"))["expectations"][0]["kwargs"].contains("parse_strings_as_datetimes"));
}

TEST(export_suite, writes_infinities_as_python_does)
{
    const std::string from = document("kl_divergence_to_be_less_than",
                                      R"({"column": "c", "threshold": 0.1, "partition_object":
                                          {"bins": [-Infinity, 0, Infinity], "weights": [0.5, 0.5]}})");
    const std::string made = export_suite(rename_suite(from, "s"), "0.x");
    EXPECT_NE(made.find("-Infinity,"), std::string::npos) << made;
    EXPECT_EQ(made.find("\"-Infinity\""), std::string::npos) << made;
    EXPECT_EQ(rename_suite(made, "s"), rename_suite(export_suite(made, "0.x"), "s"));
    const std::string texts =
        export_suite(document("values_to_be_in_set", R"({"column": "c", "value_set": ["NaN"]})"), "1.x");
    EXPECT_NE(texts.find("\"NaN\""), std::string::npos) << "a set of texts may have it";
}

TEST(export_suite, refuses_other_formats)
{
    try {
        (void)export_suite(older_document, "2.x");
        FAIL();
    } catch (const error& e) {
        EXPECT_STREQ(e.what(), "unknown format of suites \"2.x\"");
        EXPECT_EQ(e.hint(), "The formats are 0.x and 1.x.");
    }
}

// --- adding --------------------------------------------------------------------------------------------------------

TEST(add_expectation, appends_and_replaces)
{
    std::string text = R"({"name":"s","expectations":[],"meta":{"k":1}})";
    auto add = [&text](const char* type, const char* kwargs) {
        const changed_suite made = add_expectation(text, type, kwargs, "critical");
        text = made.document;
        return std::to_string(made.number) + (made.replaced ? " replaced" : " added");
    };
    EXPECT_EQ(add("expect_column_values_to_be_between", R"({"column": "a", "max_value": 1})"), "1 added");
    EXPECT_EQ(add("expect_column_values_to_be_between", R"({"column": "b", "max_value": 1})"), "2 added");
    EXPECT_EQ(add("ExpectColumnValuesToBeBetween", R"({"max_value": 2, "column": "a"})"), "1 replaced");
    EXPECT_EQ(add("expect_column_values_to_be_between", R"({"column": "a", "max_value": 1, "row_condition": "x > 1"})"),
              "3 added")
        << "other rows";
    EXPECT_EQ(add("expect_column_max_to_be_between", R"({"column": "a", "max_value": 1})"), "4 added");
    EXPECT_EQ(add("expect_row_condition", R"({"condition": "x > 1"})"), "5 added");
    EXPECT_EQ(add("expect_row_condition", R"({"condition": "x > 2"})"), "6 added");
    EXPECT_EQ(add("expect_row_condition", R"({"condition": "x > 2", "mostly": 0.5})"), "6 replaced");
    EXPECT_EQ(add("expect_table_row_count_to_equal", R"({"value": 1})"), "7 added");
    EXPECT_EQ(add("expect_table_row_count_to_equal", R"({"value": 2})"), "7 replaced");
    const json made = json::parse(text);
    EXPECT_EQ(made["meta"], json::parse(R"({"k":1})"));
    EXPECT_EQ(made["expectations"][0],
              json::parse(R"({"type":"expect_column_values_to_be_between","kwargs":{"max_value":2,"column":"a"},)"
                          R"("severity":"critical"})"));
}

TEST(add_expectation, checks_what_is_added)
{
    const std::string empty = R"({"expectations":[]})";
    EXPECT_THROW(add_expectation(empty, "expect_x", "{}", "critical"), error);
    EXPECT_THROW(add_expectation(empty, "expect_column_values_to_be_unique", "{}", "critical"), error);
    EXPECT_THROW(add_expectation(empty, "expect_column_values_to_be_unique", "[", "critical"), error);
    EXPECT_THROW(add_expectation(empty, "expect_column_values_to_be_unique", R"({"column": "c"})", "bad"), error);
}

TEST(add_expectation, makes_no_document_that_is_too_deep_to_be_read)
{
    int added = 0;
    for (std::size_t levels = 50; levels < 70; ++levels) {
        const std::string meta = std::string(levels, '[') + std::string(levels, ']');
        try {
            const changed_suite made = add_expectation(R"({"expectations":[]})", "expect_column_values_to_be_unique",
                                                       R"({"column": "c", "meta": )" + meta + "}", "info");
            ++added;
            EXPECT_NO_THROW(parse_suite(made.document)) << levels;
            EXPECT_NO_THROW(parse_suite(export_suite(made.document, "0.x"))) << levels;
        } catch (const error& e) {
            EXPECT_STREQ(e.sqlstate(), sqlstate::program_limit_exceeded);
        }
    }
    EXPECT_GT(added, 5);
    EXPECT_LT(added, 20);
}

} // namespace
} // namespace etl::validate
