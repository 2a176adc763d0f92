// Plans, and the checkers that are made from them.
#include "unit/validation_run.hpp"

#include <gtest/gtest.h>

namespace etl::validate {
namespace {

using test::expectation;
using test::validation_run;

plan full_plan()
{
    plan made;
    made.document = R"({"name":"s \"é\"","expectations":[{"type":"expect_column_to_exist","kwargs":{"column":"a"}}]})";
    made.columns = {{"a", "bigint", ""}, {"(a > 1)", "boolean", ""}, {"t \"x\"", "text", "pg_catalog.\"C\""}};
    made.part = {0, 2, 3};
    made.listed = 7;
    made.seed = ~std::uint64_t{0};
    made.proven_unique = {2};
    made.facts = {{3, {{"other", 5}}}};
    made.look_for = {{2, {{"repeated", "00"}}}};
    made.faults = {{4, "broken\nHINT:  mend it"}};
    made.table = json::parse(R"({"columns": [["a", "bigint"]]})");
    made.area = "0102";
    return made;
}

TEST(plan, round_trips)
{
    const std::string text = write_plan(full_plan());
    const plan back = read_plan(text);
    EXPECT_EQ(write_plan(back), text);
    EXPECT_EQ(back.document, full_plan().document);
    EXPECT_EQ(back.columns[1].name, "(a > 1)");
    EXPECT_EQ(back.columns[2].collation, "pg_catalog.\"C\"");
    EXPECT_EQ(back.part, full_plan().part);
    EXPECT_EQ(back.listed, 7U);
    EXPECT_EQ(back.seed, ~std::uint64_t{0});
    EXPECT_TRUE(back.is_proven(2));
    EXPECT_FALSE(back.is_proven(0));
    EXPECT_EQ(back.facts.at(3)["other"], 5);
    EXPECT_EQ(back.look_for, full_plan().look_for);
    EXPECT_EQ(back.faults, full_plan().faults);
    EXPECT_EQ(back.area, "0102");
}

TEST(plan, of_a_part_of_a_suite_knows_the_numbers)
{
    plan part = full_plan();
    EXPECT_EQ(part.number_in_suite(2), 2U);
    part.numbers = {7, 5};
    const plan back = read_plan(write_plan(part));
    EXPECT_EQ(back.numbers, part.numbers);
    EXPECT_EQ(back.number_in_suite(0), 7U);
    EXPECT_EQ(back.number_in_suite(1), 5U);
    EXPECT_EQ(back.number_in_suite(2), 2U); // of a damaged one
}

TEST(plan, refuses_what_is_none)
{
    const std::string good = write_plan(full_plan());
    for (const std::string& text : {std::string{}, std::string{"x"}, std::string{"[]"}, std::string{"{}"},
                                    std::string{"null"}, std::string{"\xFF"}, std::string(100000, '[')}) {
        EXPECT_THROW(read_plan(text), error) << text.substr(0, 20);
    }
    const json parsed = json::parse(good);
    for (const auto& [name, value] : parsed.items()) {
        json without = parsed;
        without.erase(name);
        EXPECT_THROW(read_plan(without.dump()), error) << "without " << name;
        if (name != "suite" && name != "table") {
            json other = parsed;
            other[name] = "x";
            EXPECT_THROW((name == "area" ? throw error("", "") : read_plan(other.dump())), error) << name;
        }
    }
    for (const auto& [name, value] : {std::pair{"listed", json(1 << 25)},
                                      {"seed", json("-x")},
                                      {"seed", json("99999999999999999999")},
                                      {"facts", json{{"x", 1}}},
                                      {"faults", json{{"1", 1}}},
                                      {"columns", json{{"a", "b"}}},
                                      {"part", json{"1"}},
                                      {"part", json{0, 0}},
                                      {"part", json{3, 2}}}) {
        json other = parsed;
        other[name] = value;
        EXPECT_THROW(read_plan(other.dump()), error) << name << value;
    }
}

TEST(plan, may_say_twice_what_is_proven)
{
    json told = json::parse(write_plan(full_plan()));
    told["proven_unique"] = json{5, 2, 5};
    const plan read = read_plan(told.dump());
    EXPECT_TRUE(read.is_proven(2) && read.is_proven(5));
    EXPECT_FALSE(read.is_proven(3));
}

checker to_read(plan told)
{
    return checker::to_read(std::move(told), test::make_fake_type);
}

TEST(checker, refuses_a_part_that_the_suite_does_not_have)
{
    plan told = full_plan();
    EXPECT_THROW(to_read(told), error);
    told.part = {};
    EXPECT_NO_THROW(to_read(told));
}

int polls = 0;

TEST(checker, can_be_stopped_between_columns_and_expectations)
{
    const std::string of_a = expectation("column_max_to_be_between", R"({"column": "a", "max_value": 1})");
    plan told;
    told.document = R"({"expectations": [)" + of_a + ", " + of_a + "]}";
    told.columns = {{"a", "bigint", ""}, {"b", "bigint", ""}, {"c", "bigint", ""}};
    told.part = {0, 1};
    checker::to_read(told, test::make_fake_type, [] { ++polls; });
    EXPECT_GE(polls, 5);
}

TEST(checker, refuses_a_search_for_what_its_suite_does_not_speak_of)
{
    plan told;
    told.document = R"({"expectations": [)" + expectation("column_values_to_be_unique", R"({"column": "a"})") + ", " +
                    expectation("column_values_to_be_null", R"({"column": "a"})") + ", " +
                    expectation("table_row_count_to_be_between", R"({"min_value": 1})") + "]}";
    told.columns = {{"a", "bigint", ""}};
    auto search = [&told](std::size_t number, const char* sought) {
        plan made = told;
        made.part = {number};
        made.look_for[number] = json::parse(sought);
        checker::to_scan(made, test::make_fake_type, [](const std::string&) { return std::nullopt; });
    };
    EXPECT_NO_THROW(search(0, R"({"repeated": ""})"));
    EXPECT_THROW(search(0, R"({"least": 1})"), error);
    EXPECT_THROW(search(0, "7"), error);
    EXPECT_THROW(search(1, R"({"repeated": ""})"), error);
    EXPECT_THROW(search(2, R"({"repeated": ""})"), error);
    EXPECT_THROW(search(2, "{}"), error);
}

TEST(checker, refuses_columns_that_are_not_there)
{
    plan told;
    told.document =
        R"({"expectations": [)" + expectation("column_max_to_be_between", R"({"column": "b", "max_value": 1})") + "]}";
    told.columns = {{"a", "bigint", ""}};
    told.part = {0};
    try {
        to_read(told);
        FAIL();
    } catch (const error& e) {
        EXPECT_STREQ(e.sqlstate(), sqlstate::undefined_column);
        EXPECT_EQ(e.detail(), "Given are a.");
    }
}

TEST(checker, measures_once_what_several_ask_for)
{
    const validation_run run{
        {{"a", "bigint", ""}, {"b", "bigint", ""}, {"(a > 1)", "boolean", ""}},
        expectation("column_mean_to_be_between", R"({"column": "a", "min_value": 1})") + ',' +
            expectation("column_sum_to_be_between", R"({"column": "a", "min_value": 1})") + ',' +
            expectation("column_stdev_to_be_between", R"({"column": "a", "min_value": 1})") + ',' +
            expectation("column_value_z_scores_to_be_less_than",
                        R"({"column": "a", "threshold": 3, "double_sided": true})") +
            ',' + expectation("column_median_to_be_between", R"({"column": "a", "min_value": 1})") + ',' +
            expectation("column_mean_to_be_between", R"({"column": "b", "min_value": 1})") + ',' +
            expectation("column_mean_to_be_between",
                        R"({"column": "a", "min_value": 1, "row_condition": "a > 1", "condition_parser": "sql"})")};
    ASSERT_EQ(run.rules().metrics().size(), 4U) << "moments and samples of a, moments of b, moments of some rows of a";
    EXPECT_EQ(run.rules().metrics()[3].condition >= 0, true);
}

TEST(checker, tests_come_first_and_keep_their_numbers)
{
    const validation_run run{{{"a", "bigint", ""}},
                             expectation("column_values_to_be_unique", R"({"column": "a"})") + ',' +
                                 expectation("column_values_to_be_between", R"({"column": "a", "min_value": 1})") +
                                 ',' + expectation("column_max_to_be_between", R"({"column": "a", "max_value": 1})") +
                                 ',' + expectation("column_values_to_not_be_null", R"({"column": "a"})")};
    ASSERT_EQ(run.rules().tested().size(), 2U);
    std::string numbers;
    for (const rule& r : run.rules().rules()) {
        numbers += std::to_string(r.number);
    }
    EXPECT_EQ(numbers, "1302");
}

TEST(checker, knows_what_is_looked_at)
{
    const std::vector<plan_column> columns{
        {"a", "bigint", ""}, {"b", "bigint", ""}, {"c", "bigint", ""}, {"(b > 1)", "boolean", ""}};
    const std::string expectations =
        expectation("column_values_to_not_be_null",
                    R"({"column": "a", "row_condition": "b > 1", "condition_parser": "sql"})") +
        ',' + expectation("column_values_to_be_unique", R"({"column": "c"})");
    const validation_run gathers{columns, expectations};
    std::string needed;
    for (std::size_t i = 0; i < 4; ++i) {
        needed += gathers.rules().needs_value(i) ? '+' : '-';
    }
    EXPECT_EQ(needed, "--++") << "whether a is NULL, nothing of b, c's values, the condition";
    const validation_run proven{columns, expectations, {.tell = [](plan& told) { told.proven_unique = {1}; }}};
    EXPECT_FALSE(proven.rules().needs_value(2)) << "an index has shown it";
}

TEST(checker, names_what_a_row_breaks)
{
    std::vector<column> columns;
    columns.push_back(test::fake_column("a", "bigint"));
    columns.push_back(test::fake_column("t", "text"));
    columns.push_back(test::fake_column("(a > 5)", "boolean"));
    const checker checks{
        parse_suite(
            R"({"expectations": [)" + expectation("column_values_to_be_between", R"({"column": "a", "max_value": 3})") +
            ',' + expectation("column_values_to_be_unique", R"({"column": "a"})") + ',' +
            expectation("column_values_to_match_regex", R"({"column": "t", "regex": "^x",
                                "row_condition": "a > 5", "condition_parser": "sql"})") +
            ',' + expectation("column_pair_values_to_be_equal", R"({"column_A": "a", "column_B": "a"})") + ',' +
            expectation("select_column_values_to_be_unique_within_record", R"({"column_list": ["a", "a"]})") + "]}"),
        std::move(columns), [](const std::string&) { return std::nullopt; }};
    auto broken = [&checks](std::int64_t a, const char* t) {
        const std::array row{test::integer_field(a), test::text_field(t), test::integer_field(a > 5)};
        std::string made;
        for (const auto& breach : checks.breaches(row)) {
            made += breach.label + '=' + breach.value + ' ';
        }
        EXPECT_EQ(checks.keeps(row), made.empty());
        return made;
    };
    EXPECT_EQ(broken(4, "y"), "expect_column_values_to_be_between(a)=4 "
                              "expect_select_column_values_to_be_unique_within_record(a, a)={\"a\": 4, \"a\": 4} ");
    EXPECT_TRUE(broken(6, "y").starts_with("expect_column_values_to_be_between(a)=6 "
                                           "expect_column_values_to_match_regex(t)=\"y\" "));
    EXPECT_EQ(broken(3, "y").find("regex"), std::string::npos) << "its condition does not hold";
}

} // namespace
} // namespace etl::validate
