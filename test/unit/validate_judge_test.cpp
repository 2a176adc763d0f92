// From what a scan has found to verdicts: what is counted in rows, and columns as a whole.
#include "unit/validation_run.hpp"

#include <gtest/gtest.h>

namespace etl::validate {
namespace {

using test::cells;
using test::judged;

const std::vector<plan_column> whole{{"x", "bigint", ""}};
const std::vector<plan_column> real{{"x", "double precision", ""}};
const std::vector<plan_column> number{{"x", "numeric", ""}};
const std::vector<plan_column> text{{"x", "text", ""}};
const std::vector<plan_column> moment{{"x", "timestamp without time zone", ""}};

// "1 2 - 3": a row each, - is NULL.
struct rows_of {
    explicit rows_of(const std::string& list)
    {
        for (std::size_t at = 0; at < list.size();) {
            const std::size_t end = std::min(list.find(' ', at), list.size());
            texts.push_back(list.substr(at, end - at));
            at = end + 1;
        }
        for (const std::string& value : texts) {
            rows.push_back({value == "-" ? nullptr : value.c_str()});
        }
    }
    std::deque<std::string> texts;
    std::vector<cells> rows;
};

// Success and observed value of expect_column_<type> over a column x.
std::string of(const std::vector<plan_column>& columns, const std::string& type, const std::string& kwargs,
               const std::string& values)
{
    return judged{columns, "column_" + type, R"({"column": "x", )" + kwargs + '}', rows_of{values}.rows}.answer();
}

// --- rows ----------------------------------------------------------------------------------------------------------

std::string counts(const std::string& type, const std::string& kwargs, const std::string& values)
{
    const judged found{whole, "column_" + type, R"({"column": "x", )" + kwargs + '}', rows_of{values}.rows};
    const outcome& o = found.is;
    return std::string{o.success ? "keeps " : "breaks "} + std::to_string(o.element_count.value()) + ' ' +
           (o.missing_count ? std::to_string(*o.missing_count) : "-") + ' ' +
           std::to_string(o.unexpected_count.value()) + ' ' +
           (o.unexpected_percent ? json(*o.unexpected_percent).dump() : "-") + o.fault;
}

TEST(judge_rows, counts_and_percent)
{
    EXPECT_EQ(counts("values_to_be_between", R"("max_value": 2)", "1 - 2 3"), "breaks 4 1 1 33.333333333333336");
    EXPECT_EQ(counts("values_to_be_between", R"("max_value": 3)", "1 - 2 3"), "keeps 4 1 0 0.0");
    EXPECT_EQ(counts("values_to_be_between", R"("max_value": 3)", "- -"), "keeps 2 2 0 -") << "no value, no failure";
    EXPECT_EQ(counts("values_to_be_between", R"("max_value": 3)", ""), "keeps 0 0 0 -");
    EXPECT_EQ(counts("values_to_not_be_null", R"("mostly": 1)", "1 - 2 -"), "breaks 4 - 2 50.0")
        << "where NULL is the matter none is missing";
    EXPECT_EQ(counts("values_to_be_null", R"("mostly": 0.5)", "1 - 2 -"), "keeps 4 - 2 50.0");
    EXPECT_EQ(counts("values_to_not_be_null", R"("mostly": 1)", ""), "keeps 0 - 0 -");
}

TEST(judge_rows, say_where_a_list_is_not_whole)
{
    constexpr std::int64_t values = 250'001;
    const auto details_of = [](std::int64_t repeating) {
        const test::validation_run run{whole,
                                       test::expectation("column_values_to_be_unique", R"({"column": "x"})"),
                                       {.tell = [](plan& told) { told.listed = 20; }}};
        const auto state = run.empty();
        for (std::int64_t i = 0; i < 2 * repeating; ++i) {
            run.add(*state, {test::integer_field(i / 2)}, static_cast<std::size_t>(i));
        }
        return run.judge(*state).at(0).details;
    };
    EXPECT_EQ(details_of(values).value("partial_list", ""),
              "250001 values repeat: the rows of 250000 of them, others in every run, are listed");
    EXPECT_TRUE(details_of(values - 1).is_null());
}

TEST(judge_rows, mostly_is_met_exactly_at_its_edge)
{
    const auto of = [](double mostly, int right, int wrong, int missing) {
        std::string values;
        for (const auto& [value, count] : {std::pair{"1 ", right}, {"9 ", wrong}, {"- ", missing}}) {
            for (int i = 0; i < count; ++i) {
                values += value;
            }
        }
        return counts("values_to_be_between", R"("max_value": 5, "mostly": )" + json(mostly).dump(), values)
            .starts_with("keeps");
    };
    EXPECT_TRUE(of(0.95, 19, 1, 5));
    EXPECT_FALSE(of(0.95, 18, 1, 5));
    EXPECT_TRUE(of(0.7, 7, 3, 0));
    EXPECT_TRUE(of(0.999, 999, 1, 1));
    EXPECT_FALSE(of(0.999, 998, 1, 1));
    EXPECT_TRUE(of(0, 0, 5, 0));
    EXPECT_FALSE(of(1, 9999, 1, 0));
    for (int k = 1; k <= 1000; k += 7) {
        EXPECT_TRUE(of(k / 1000.0, k, 1000 - k, 0)) << k;
    }
}

TEST(judge_rows, uniqueness_counts_every_row_of_a_repeated_value)
{
    EXPECT_EQ(counts("values_to_be_unique", R"("mostly": 1)", "1 2 1 - - 3 1"), "breaks 7 2 3 60.0");
    EXPECT_EQ(counts("values_to_be_unique", R"("mostly": 0.4)", "1 2 1 - - 3 1"), "keeps 7 2 3 60.0");
    EXPECT_EQ(counts("values_to_be_unique", R"("mostly": 1)", "- -"), "keeps 2 2 0 -");
    EXPECT_EQ(counts("values_to_be_unique", R"("mostly": 1)", ""), "keeps 0 0 0 -");
}

TEST(judge_rows, a_second_scan_finds_what_repeats)
{
    const judged first{whole, "column_values_to_be_unique", R"({"column": "x"})", rows_of{"1 2 1 - 3 2"}.rows};
    ASSERT_TRUE(first.is.look_for.contains("repeated"));
    const judged second{whole,
                        "column_values_to_be_unique",
                        R"({"column": "x"})",
                        rows_of{"1 2 1 - 3 2"}.rows,
                        {.tell = [&first](plan& told) {
                            told.look_for = {{0, first.is.look_for}};
                        }}};
    EXPECT_EQ(second.is.unexpected_count, 4U);
    std::string listed;
    for (const auto& failure : second.is.listed) {
        listed += failure.values;
    }
    EXPECT_EQ(listed, "1212");
    const judged none{whole, "column_values_to_be_unique", R"({"column": "x"})", rows_of{"1 2"}.rows};
    EXPECT_TRUE(none.is.look_for.is_null());
}

TEST(judge_rows, proven_uniqueness_needs_no_values)
{
    const judged found{
        whole, "column_values_to_be_unique", R"({"column": "x"})", rows_of{"1 1 -"}.rows, {.tell = [](plan& told) {
            told.proven_unique = {0};
        }}};
    EXPECT_TRUE(found.is.success) << "the index is believed";
    EXPECT_EQ(found.is.missing_count, 1U);
}

TEST(judge_rows, compound_keys_pass_rows_over_as_told)
{
    const std::vector<plan_column> two{{"a", "bigint", ""}, {"b", "bigint", ""}};
    const std::vector<cells> rows{{"1", "1"},     {"1", "1"},         {"1", nullptr},
                                  {"1", nullptr}, {nullptr, nullptr}, {nullptr, nullptr}};
    struct wanted {
        const char* mode;
        std::uint64_t missing;
        std::uint64_t unexpected;
    };
    for (const auto& [mode, missing, unexpected] :
         {wanted{"all_values_are_missing", 2, 4}, {"any_value_is_missing", 4, 2}, {"never", 0, 6}}) {
        const judged found{two, "compound_columns_to_be_unique",
                           std::string{R"({"column_list": ["a", "b"], "ignore_row_if": ")"} + mode + "\"}", rows};
        EXPECT_EQ(found.is.missing_count, missing) << mode;
        EXPECT_EQ(found.is.unexpected_count, unexpected) << mode;
    }
}

TEST(judge_rows, z_scores)
{
    // mean 2, deviation 2 (of a sample): 6 scores 2
    constexpr auto values = "0 1 1 2 6";
    EXPECT_EQ(counts("value_z_scores_to_be_less_than", R"("threshold": 1.5, "double_sided": true)", values),
              "breaks 5 0 1 20.0");
    EXPECT_EQ(counts("value_z_scores_to_be_less_than", R"("threshold": 3, "double_sided": true)", values),
              "keeps 5 0 0 0.0");
    EXPECT_EQ(counts("value_z_scores_to_be_less_than", R"("threshold": 1, "double_sided": true)", "-5 0 0 0 0 5"),
              "breaks 6 0 2 33.333333333333336");
    EXPECT_EQ(counts("value_z_scores_to_be_less_than", R"("threshold": 1, "double_sided": false)", "-5 0 0 0 0 5"),
              "breaks 6 0 1 16.666666666666668");
    EXPECT_EQ(counts("value_z_scores_to_be_less_than", R"("threshold": 1, "double_sided": true)", ""), "keeps 0 0 0 -");
    EXPECT_NE(judged(whole, "column_value_z_scores_to_be_less_than",
                     R"({"column": "x", "threshold": 1, "double_sided": true})", rows_of{"5 5 5"}.rows)
                  .is.fault,
              "")
        << "without a deviation there are no scores";
}

// --- numbers -------------------------------------------------------------------------------------------------------

TEST(judge_aggregate, bounds)
{
    EXPECT_EQ(of(whole, "max_to_be_between", R"("min_value": 3, "max_value": 3)", "1 3 -"), "keeps 3");
    EXPECT_EQ(of(whole, "max_to_be_between", R"("min_value": 3, "strict_min": true)", "1 3 -"), "breaks 3");
    EXPECT_EQ(of(whole, "min_to_be_between", R"("max_value": 1, "strict_max": true)", "1 3 -"), "breaks 1");
    EXPECT_EQ(of(whole, "min_to_be_between", R"("max_value": 1.5)", "1 3 -"), "keeps 1");
    EXPECT_EQ(of(whole, "min_to_be_between", R"("min_value": 9, "max_value": 1)", "1 3"), "breaks 1")
        << "between crossed bounds lies nothing";
    EXPECT_EQ(of(real, "mean_to_be_between", R"("min_value": "-Infinity", "max_value": "Infinity")", "1 2"),
              "keeps 1.5");
}

TEST(judge_aggregate, extremes)
{
    EXPECT_EQ(of(text, "max_to_be_between", R"("max_value": "c")", "a b é"), "breaks \"é\"");
    EXPECT_EQ(of(text, "min_to_be_between", R"("min_value": "a")", "b a"), "keeps \"a\"");
    EXPECT_EQ(of(number, "max_to_be_between", R"("max_value": 10.5)", "10.50 9"), "keeps 10.5");
    EXPECT_EQ(of(real, "max_to_be_between", R"("max_value": 10)", "1 nan"), "breaks \"NaN\"");
    EXPECT_EQ(of(number, "max_to_be_between", R"("min_value": 1)", "NaN 1"), "breaks \"NaN\"") << "NaN is no success";
    EXPECT_EQ(of(real, "median_to_be_between", R"("min_value": 1)", "nan"), "breaks \"NaN\"");
    EXPECT_EQ(of(moment, "max_to_be_between", R"("max_value": "20")", "10 15"), "keeps \"15\"");
}

TEST(judge_aggregate, mean_sum_and_deviation)
{
    EXPECT_EQ(of(whole, "mean_to_be_between", R"("min_value": 2, "max_value": 2)", "1 2 3 -"), "keeps 2.0");
    EXPECT_EQ(of(whole, "sum_to_be_between", R"("min_value": 6, "max_value": 6)", "1 2 3 -"), "keeps 6");
    EXPECT_EQ(of(number, "sum_to_be_between", R"("min_value": 0.3, "max_value": 0.3)", "0.1 0.2"), "keeps 0.3");
    EXPECT_EQ(of(real, "sum_to_be_between", R"("min_value": 0)", "inf 1"), "keeps \"Infinity\"");
    EXPECT_EQ(of(real, "sum_to_be_between", R"("min_value": 0)", "nan 1"), "breaks \"NaN\"");
    EXPECT_EQ(of(whole, "stdev_to_be_between", R"("min_value": 1.15, "max_value": 1.16)", "1 1 3"),
              "keeps 1.1547005383792515");
    EXPECT_EQ(of(real, "mean_to_be_between", R"("min_value": 0)", "nan 1"), "breaks \"NaN\"");
}

TEST(judge_aggregate, median)
{
    EXPECT_EQ(of(whole, "median_to_be_between", R"("min_value": 2, "max_value": 2)", "3 1 2"), "keeps 2");
    EXPECT_EQ(of(whole, "median_to_be_between", R"("min_value": 2.5, "max_value": 2.5)", "4 1 2 3"), "keeps 2.5");
    EXPECT_EQ(of(whole, "median_to_be_between", R"("min_value": 5)", "5"), "keeps 5");
    EXPECT_EQ(of(real, "median_to_be_between", R"("max_value": 1)", "1 nan 0"), "keeps 1.0");
    EXPECT_EQ(of(moment, "median_to_be_between", R"("max_value": "15")", "10 20"), "keeps \"15\"");
    const std::string first{"-9223372036854775808"};
    const std::string last{"9223372036854775807"};
    EXPECT_EQ(of(moment, "median_to_be_between", R"("max_value": "15")", first + ' ' + last), "keeps \"" + first + '"')
        << "between infinite moments lies none";
    EXPECT_EQ(of(moment, "median_to_be_between", R"("min_value": "15")", "20 " + last), "keeps \"20\"");
    EXPECT_EQ(of(moment, "median_to_be_between", R"("min_value": "-1")", "-9223372036854775807 9223372036854775806"),
              "keeps \"-1\"")
        << "far apart";
}

// 19 ones and a hundred: a quantile is the first value whose cumulative part is at least so great.
TEST(judge_aggregate, quantiles)
{
    const auto quantiles = [](const std::string& quantiles, const std::string& ranges, const std::string& values) {
        return judged{whole, "column_quantile_values_to_be_between",
                      R"({"column": "x", "quantile_ranges": {"quantiles": )" + quantiles + R"(, "value_ranges": )" +
                          ranges + "}}",
                      rows_of{values}.rows};
    };
    const judged in_order = quantiles("[0, 0.25, 0.5, 0.75, 1]", "[[1,1],[2,2],[4,4],[6,6],[8,8]]", "8 7 6 5 4 3 2 1");
    EXPECT_EQ(in_order.observed(), R"({"quantiles":[0.0,0.25,0.5,0.75,1.0],"values":[1,2,4,6,8]})");
    EXPECT_TRUE(in_order.is.success);
    const judged any_order = quantiles("[0.9, 0.1, 0.9]", "[[2, null], [null, 0], [null, null]]", "1 2 3 -");
    EXPECT_EQ(any_order.observed(), R"({"quantiles":[0.9,0.1,0.9],"values":[3,1,3]})");
    EXPECT_EQ(any_order.is.details.dump(), R"({"success_details":[true,false,true]})");
    EXPECT_FALSE(any_order.is.success);
    EXPECT_TRUE(quantiles("[0.5]", "[[99.99999, 99.999999]]", "100").is.success) << "a bound that is close is equal";
    EXPECT_FALSE(quantiles("[0.5]", "[[99, 99.9]]", "100").is.success);
}

TEST(judge_aggregate, different_values)
{
    EXPECT_EQ(of(text, "unique_value_count_to_be_between", R"("min_value": 2, "max_value": 2)", "a b a -"), "keeps 2");
    EXPECT_EQ(
        of(text, "proportion_of_unique_values_to_be_between", R"("min_value": 0.5, "max_value": 0.5)", "a b a b -"),
        "keeps 0.5");
    EXPECT_EQ(of(text, "proportion_of_unique_values_to_be_between", R"("min_value": 1)", "a a a a"), "breaks 0.25");
}

TEST(judge_aggregate, sets_of_values)
{
    struct wanted {
        const char* set;
        const char* answers; // in_set, contain_set, equal_set
    };
    for (const auto& [set, answers] : {wanted{"[1, 2, 3]", "+--"},
                                       {"[1, 2]", "+++"},
                                       {"[2, 1, 1, 2.0, \"1\"]", "+++"},
                                       {"[1]", "-+-"},
                                       {"[1, 5]", "---"},
                                       {"[1, 2, 1.5]", "+--"},
                                       {"[]", "++-"}}) {
        std::string found;
        for (const char* type : {"be_in_set", "contain_set", "equal_set"}) {
            const auto answer =
                of(whole, std::string{"distinct_values_to_"} + type, std::string{R"("value_set": )"} + set, "2 1 - 2");
            EXPECT_TRUE(answer.ends_with(" [1,2]")) << answer;
            found += answer.starts_with("keeps") ? '+' : '-';
        }
        for (std::size_t i = 0; i < 3; ++i) {
            EXPECT_EQ(found[i], answers[i]) << set << i;
        }
    }
    const judged counted{text, "column_distinct_values_to_be_in_set", R"({"column": "x", "value_set": null})",
                         rows_of{"b a b -"}.rows};
    EXPECT_TRUE(counted.is.success) << "null is every set";
    EXPECT_EQ(counted.is.details_text, R"({"value_counts":[{"value":"a","count":1},{"value":"b","count":2}]})");
}

TEST(judge_aggregate, most_common)
{
    EXPECT_EQ(of(text, "most_common_value_to_be_in_set", R"("value_set": ["a"])", "a a b -"), "keeps [\"a\"]");
    EXPECT_EQ(of(text, "most_common_value_to_be_in_set", R"("value_set": ["b"])", "a a b -"), "breaks [\"a\"]");
    EXPECT_EQ(of(text, "most_common_value_to_be_in_set", R"("value_set": ["a"])", "a b"), "breaks [\"a\",\"b\"]");
    EXPECT_EQ(of(text, "most_common_value_to_be_in_set", R"("value_set": ["a"], "ties_okay": true)", "a b"),
              "keeps [\"a\",\"b\"]");
}

TEST(judge_aggregate, of_no_values)
{
    for (const char* values : {"", "- -"}) {
        for (const char* type : {"max", "min", "mean", "sum", "stdev", "median"}) {
            EXPECT_EQ(of(whole, std::string{type} + "_to_be_between", R"("max_value": 1)", values), "breaks null")
                << type;
        }
        EXPECT_EQ(of(whole, "unique_value_count_to_be_between", R"("max_value": 1)", values), "keeps 0");
        EXPECT_EQ(of(whole, "unique_value_count_to_be_between", R"("min_value": 1)", values), "breaks 0");
        EXPECT_TRUE(
            of(whole, "proportion_of_unique_values_to_be_between", R"("min_value": 0)", values).starts_with("keeps 0"));
        EXPECT_EQ(of(whole, "distinct_values_to_be_in_set", R"("value_set": [1])", values), "keeps []");
        EXPECT_EQ(of(whole, "distinct_values_to_contain_set", R"("value_set": [1])", values), "breaks []");
        EXPECT_EQ(of(whole, "distinct_values_to_equal_set", R"("value_set": [1])", values), "breaks []");
        EXPECT_EQ(of(whole, "most_common_value_to_be_in_set", R"("value_set": [1])", values), "breaks []");
    }
    EXPECT_EQ(of(whole, "stdev_to_be_between", R"("max_value": 1)", "5"), "breaks null") << "of one value";
}

TEST(judge_aggregate, decimals_beyond_doubles)
{
    const std::string huge = '1' + std::string(400, '0');
    for (const char* type : {"max", "min", "sum", "mean"}) {
        const judged found{number, std::string{"column_"} + type + "_to_be_between",
                           R"({"column": "x", "min_value": 0})", rows_of{huge + " 1" + std::string(400, '0')}.rows};
        EXPECT_TRUE(found.is.success) << type << found.is.fault;
        EXPECT_FALSE(found.is.observed_value.is_null()) << type;
    }
    const judged distinct{number, "column_distinct_values_to_be_in_set", R"({"column": "x", "value_set": null})",
                          rows_of{huge}.rows};
    EXPECT_EQ(distinct.is.observed_value.size(), 1U);
}

// --- faults --------------------------------------------------------------------------------------------------------

TEST(judge, tells_why_nothing_is_decided)
{
    const judged broken{whole,
                        "column_max_to_be_between",
                        R"({"column": "x", "max_value": 1})",
                        rows_of{"1"}.rows,
                        {.tell = [](plan& told) {
                            told.part.clear();
                            told.faults[0] = "column \"x\" is broken";
                        }}};
    EXPECT_EQ(broken.is.fault, "column \"x\" is broken");
    EXPECT_FALSE(broken.is.success);
    const judged elsewhere{whole,
                           "column_max_to_be_between",
                           R"({"column": "x", "max_value": 1})",
                           rows_of{"1"}.rows,
                           {.tell = [](plan& told) { told.part.clear(); }}};
    EXPECT_TRUE(
        elsewhere.is.fault.starts_with("expect_column_max_to_be_between(x) is decided by etl.validate() alone"));
    EXPECT_EQ(judged(whole, "column_max_to_be_between", R"({"column": "x", "max_value": "dear"})", rows_of{"1"}.rows)
                  .is.fault.substr(0, 11),
              "no number: ");
}

TEST(judge, one_fault_does_not_stop_the_others)
{
    const test::validation_run run{
        whole, test::expectation("column_max_to_be_between", R"({"column": "x", "max_value": "dear"})") + ',' +
                   test::expectation("column_min_to_be_between", R"({"column": "x", "max_value": 1})")};
    const auto state = run.state_of({{"1"}});
    const auto found = run.judge(*state);
    EXPECT_FALSE(found[0].success);
    EXPECT_TRUE(found[1].success);
}

} // namespace
} // namespace etl::validate
