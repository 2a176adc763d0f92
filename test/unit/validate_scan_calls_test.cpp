// How a part of a suite becomes calls of the scanning aggregate.
#include "validate/checker.hpp"
#include "validate/scan_calls.hpp"

#include <gtest/gtest.h>

namespace etl::validate {
namespace {

// A suite of one expect_column_values_to_not_be_null for each of so many columns.
std::string suite_of(std::size_t columns)
{
    json document{{"name", "s"}, {"expectations", json::array()}};
    for (std::size_t i = 0; i < columns; ++i) {
        document["expectations"].push_back(
            {{"type", "expect_column_values_to_not_be_null"}, {"kwargs", {{"column", "c" + std::to_string(i)}}}});
    }
    return document.dump();
}

scan_source source_of(std::size_t columns)
{
    scan_source made{.alias = "my \"table\"", .columns = {}, .keys = {}};
    for (std::size_t i = 0; i < columns; ++i) {
        made.columns.push_back({"c" + std::to_string(i), "integer", ""});
    }
    return made;
}

const char* const nothing_told = R"({"listed": 3, "seed": "18446744073709551615"})";

std::vector<std::size_t> numbers_to(std::size_t end)
{
    std::vector<std::size_t> made(end);
    for (std::size_t i = 0; i < end; ++i) {
        made[i] = i;
    }
    return made;
}

TEST(scan_calls, one_is_enough_for_few_columns)
{
    const auto calls = make_scan_calls(suite_of(3), numbers_to(3), {}, read_told(nothing_told), source_of(3));
    ASSERT_EQ(calls.size(), 1U);
    const plan made = read_plan(calls[0].plan);
    EXPECT_EQ(made.part, numbers_to(3));
    EXPECT_EQ(made.numbers, numbers_to(3));
    EXPECT_EQ(made.listed, 3U);
    EXPECT_EQ(made.seed, ~std::uint64_t{0});
    EXPECT_TRUE(calls[0].sql.starts_with("etl._validation_scan(")) << calls[0].sql;
    EXPECT_TRUE(calls[0].sql.ends_with(R"(, "my ""table"""."c0", "my ""table"""."c1", "my ""table"""."c2"))"))
        << calls[0].sql;
}

TEST(scan_calls, many_columns_are_divided_and_each_plan_has_its_own_expectations)
{
    const auto calls = make_scan_calls(suite_of(200), numbers_to(200), {}, read_told(nothing_told), source_of(200));
    ASSERT_EQ(calls.size(), 3U);
    std::vector<std::size_t> numbers;
    for (const scan_call& call : calls) {
        const plan made = read_plan(call.plan);
        EXPECT_LE(made.columns.size(), 94U);
        EXPECT_EQ(made.part, numbers_to(made.numbers.size()));
        EXPECT_EQ(parse_suite(made.document).expectations.size(), made.numbers.size());
        EXPECT_EQ(parse_suite(made.document).expectations[0].columns[0], "c" + std::to_string(made.numbers[0]));
        numbers.insert(numbers.end(), made.numbers.begin(), made.numbers.end());
    }
    EXPECT_EQ(numbers, numbers_to(200));
}

TEST(scan_calls, what_is_told_goes_with_its_expectation)
{
    const scan_told told = read_told(R"({"listed": 1, "seed": "0", "proven_unique": [2], "facts": {"1": {"other": 5}},
                                         "faults": {"1": "broken"}, "look_for": {"2": {"repeated": "00"}}})");
    const std::vector<std::size_t> part{2};
    const std::vector<std::size_t> others{1};
    const auto calls = make_scan_calls(suite_of(3), part, others, told, source_of(3));
    ASSERT_EQ(calls.size(), 1U);
    const plan made = read_plan(calls[0].plan);
    EXPECT_EQ(made.numbers, (std::vector<std::size_t>{2, 1}));
    EXPECT_EQ(made.part, std::vector<std::size_t>{0});
    EXPECT_EQ(made.proven_unique, std::set<std::size_t>{0});
    EXPECT_TRUE(made.look_for.contains(0));
    EXPECT_EQ(made.facts.at(1)["other"], 5);
    EXPECT_EQ(made.faults.at(1), "broken");
    EXPECT_EQ(made.table["columns"].size(), 3U);
    EXPECT_EQ(made.number_in_suite(0), 2U);
    EXPECT_EQ(made.number_in_suite(7), 7U);
}

TEST(scan_calls, a_scan_of_nothing_still_counts_rows)
{
    const auto calls = make_scan_calls(suite_of(1), {}, {}, read_told(nothing_told), source_of(1));
    ASSERT_EQ(calls.size(), 1U);
    EXPECT_TRUE(calls[0].sql.ends_with("', true)")) << calls[0].sql;
}

TEST(scan_calls, places_and_keys_come_first)
{
    scan_source source = source_of(1);
    source.keys = {"c'0"};
    auto calls = make_scan_calls(suite_of(1), numbers_to(1), {}, read_told(nothing_told), source);
    EXPECT_NE(calls[0].sql.find(R"(', json_build_object('c''0', "my ""table"""."c'0")::text, "my)"), std::string::npos)
        << calls[0].sql;
    source.passes_places = true;
    calls = make_scan_calls(suite_of(1), numbers_to(1), {}, read_told(nothing_told), source);
    EXPECT_NE(calls[0].sql.find(R"(', "my ""table""".tableoid, "my ""table""".ctid, "my)"), std::string::npos);
}

TEST(scan_calls, conditions_and_values_before_are_columns)
{
    const expectation what =
        parse_expectation(json::parse(R"({"type": "expect_column_values_to_be_increasing", "kwargs":
                        {"column": "c0", "row_condition": "c1 > 0", "condition_parser": "sql"}})"),
                          1);
    const scan_source source = source_of(2);
    const auto read = columns_read_by(what, 4, source_columns{source});
    ASSERT_EQ(read.size(), 3U);
    EXPECT_EQ(read[1].sql, "(c1 > 0)");
    EXPECT_EQ(read[1].column.type, "boolean");
    EXPECT_EQ(read[2].column.name, previous_name(what));
    EXPECT_EQ(read[2].column.type, "integer");
    EXPECT_EQ(read[2].sql, "\"my \"\"table\"\"\".\"(previous 4)\"");
}

} // namespace
} // namespace etl::validate
