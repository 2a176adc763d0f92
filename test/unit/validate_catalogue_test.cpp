// The catalogue: what every type of expectation takes and what it refuses, and how names are found.
#include "core/error.hpp"
#include "validate/catalogue.hpp"
#include "validate/kwarg_value.hpp"
#include "validate/nearest.hpp"
#include "validate/suite.hpp"

#include <gtest/gtest.h>

#include <set>

namespace etl::validate {
namespace {

struct example {
    const char* type;
    const char* good;
    const char* bad; // the same with an argument of the wrong kind, which the message names
    const char* bad_argument;
};

constexpr example examples[] = {
    {"expect_column_values_to_be_null", R"({"column": "a"})", R"({"column": 1})", "column"},
    {"expect_column_values_to_not_be_null", R"({"column": "a", "mostly": 0.5})", R"({"column": "a", "mostly": 2})",
     "mostly"},
    {"expect_column_values_to_be_unique", R"({"column": "a", "result_format": "COMPLETE"})",
     R"({"column": "a", "result_format": "ALL"})", "result_format"},
    {"expect_column_values_to_be_in_set", R"({"column": "a", "value_set": [1, "b", null]})",
     R"({"column": "a", "value_set": {"b": 1}})", "value_set"},
    {"expect_column_values_to_not_be_in_set", R"({"column": "a", "value_set": []})",
     R"({"column": "a", "value_set": [[]]})", "value_set"},
    {"expect_column_values_to_be_between", R"({"column": "a", "min_value": "2020-01-01", "strict_max": false})",
     R"({"column": "a", "min_value": {}})", "min_value"},
    {"expect_column_values_to_be_of_type", R"({"column": "a", "type_": "INTEGER"})", R"({"column": "a", "type_": 1})",
     "type_"},
    {"expect_column_values_to_be_in_type_list", R"({"column": "a", "type_list": ["int64"]})",
     R"({"column": "a", "type_list": "int64"})", "type_list"},
    {"expect_column_values_to_match_regex", R"({"column": "a", "regex": "^x"})", R"({"column": "a", "regex": ["x"]})",
     "regex"},
    {"expect_column_values_to_not_match_regex", R"({"column": "a", "regex": "^x"})", R"({"column": "a", "regex": 1})",
     "regex"},
    {"expect_column_values_to_match_regex_list", R"({"column": "a", "regex_list": ["x", "y"], "match_on": "all"})",
     R"({"column": "a", "regex_list": ["x"], "match_on": "some"})", "match_on"},
    {"expect_column_values_to_not_match_regex_list", R"({"column": "a", "regex_list": ["x"]})",
     R"({"column": "a", "regex_list": []})", "regex_list"},
    {"expect_column_values_to_match_like_pattern", R"({"column": "a", "like_pattern": "%"})",
     R"({"column": "a", "like_pattern": true})", "like_pattern"},
    {"expect_column_values_to_not_match_like_pattern", R"({"column": "a", "like_pattern": "%"})",
     R"({"column": "a", "like_pattern": []})", "like_pattern"},
    {"expect_column_values_to_match_like_pattern_list", R"({"column": "a", "like_pattern_list": ["%"]})",
     R"({"column": "a", "like_pattern_list": [1]})", "like_pattern_list"},
    {"expect_column_values_to_not_match_like_pattern_list", R"({"column": "a", "like_pattern_list": ["%"]})",
     R"({"column": "a", "like_pattern_list": "%"})", "like_pattern_list"},
    {"expect_column_values_to_match_strftime_format", R"({"column": "a", "strftime_format": "%Y"})",
     R"({"column": "a", "strftime_format": 1})", "strftime_format"},
    {"expect_column_values_to_be_dateutil_parseable", R"({"column": "a"})", R"({"column": []})", "column"},
    {"expect_column_values_to_be_json_parseable", R"({"column": "a"})", R"({"column": ""})", "column"},
    {"expect_column_values_to_match_json_schema", R"({"column": "a", "json_schema": {"type": "object"}})",
     R"({"column": "a", "json_schema": 1})", "json_schema"},
    {"expect_column_values_to_be_increasing", R"({"column": "a", "strictly": true, "order_by": "b"})",
     R"({"column": "a", "order_by": 1})", "order_by"},
    {"expect_column_values_to_be_decreasing", R"({"column": "a", "parse_strings_as_datetimes": true})",
     R"({"column": "a", "strictly": "yes"})", "strictly"},
    {"expect_column_value_lengths_to_equal", R"({"column": "a", "value": 3.0})", R"({"column": "a", "value": -1})",
     "value"},
    {"expect_column_value_lengths_to_be_between", R"({"column": "a", "min_value": 3})",
     R"({"column": "a", "min_value": "quack"})", "min_value"},
    {"expect_column_value_z_scores_to_be_less_than", R"({"column": "a", "threshold": 3, "double_sided": true})",
     R"({"column": "a", "threshold": "high"})", "threshold"},
    {"expect_column_min_to_be_between", R"({"column": "a"})", R"({"column": "a", "min_value": []})", "min_value"},
    {"expect_column_max_to_be_between", R"({"column": "a", "max_value": "z", "output_strftime_format": "%Y"})",
     R"({"column": "a", "strict_max": 1})", "strict_max"},
    {"expect_column_mean_to_be_between", R"({"column": "a", "min_value": 1.5})", R"({"column": "a", "strict_min": 1})",
     "strict_min"},
    {"expect_column_median_to_be_between", R"({"column": "a", "min_value": 1.5})",
     R"({"column": "a", "max_value": {}})", "max_value"},
    {"expect_column_stdev_to_be_between", R"({"column": "a", "min_value": 1.5})",
     R"({"column": "a", "min_value": "x"})", "min_value"},
    {"expect_column_sum_to_be_between", R"({"column": "a", "min_value": 1.5})", R"({"column": "a", "min_value": [1]})",
     "min_value"},
    {"expect_column_unique_value_count_to_be_between", R"({"column": "a", "max_value": 10})",
     R"({"column": "a", "max_value": "ten"})", "max_value"},
    {"expect_column_proportion_of_unique_values_to_be_between", R"({"column": "a", "min_value": 0.5})",
     R"({"column": "a", "min_value": true})", "min_value"},
    {"expect_column_proportion_of_non_null_values_to_be_between", R"({"column": "a", "min_value": 0.5})",
     R"({"column": "a", "min_value": "half"})", "min_value"},
    {"expect_column_quantile_values_to_be_between",
     R"({"column": "a", "quantile_ranges": {"quantiles": [0, 0.5], "value_ranges": [[1, null], [2, 3]]}})",
     R"({"column": "a", "quantile_ranges": {"quantiles": [0, 0.5], "value_ranges": [[1, null]]}})", "quantile_ranges"},
    {"expect_column_most_common_value_to_be_in_set", R"({"column": "a", "value_set": [1], "ties_okay": true})",
     R"({"column": "a", "value_set": [1], "ties_okay": "yes"})", "ties_okay"},
    {"expect_column_distinct_values_to_be_in_set", R"({"column": "a", "value_set": null})",
     R"({"column": "a", "value_set": 1})", "value_set"},
    {"expect_column_distinct_values_to_contain_set", R"({"column": "a", "value_set": [1]})",
     R"({"column": "a", "value_set": "1"})", "value_set"},
    {"expect_column_distinct_values_to_equal_set", R"({"column": "a", "value_set": [1]})",
     R"({"column": "a", "value_set": true})", "value_set"},
    {"expect_column_kl_divergence_to_be_less_than",
     R"({"column": "a", "partition_object": {"values": ["x"], "weights": [1]}, "threshold": null,
         "tail_weight_holdout": 0.1, "internal_weight_holdout": 0, "bucketize_data": false})",
     R"({"column": "a", "partition_object": {"values": ["x"]}, "threshold": 0.1})", "partition_object"},
    {"expect_column_chisquare_test_p_value_to_be_greater_than",
     R"({"column": "a", "partition_object": {"values": ["x"], "weights": [1]}, "p": 0.05})",
     R"({"column": "a", "partition_object": [1]})", "partition_object"},
    {"expect_column_bootstrapped_ks_test_p_value_to_be_greater_than",
     R"({"column": "a", "partition_object": {"bins": [0, "Infinity"], "weights": [1]}, "bootstrap_samples": 10})",
     R"({"column": "a", "partition_object": {"bins": ["x", 1], "weights": [1]}})", "partition_object"},
    {"expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than",
     R"({"column": "a", "distribution": "norm", "p": 0.05, "params": {"mean": 0, "std_dev": 1}})",
     R"({"column": "a", "distribution": "norm", "params": "0, 1"})", "params"},
    {"expect_column_pair_values_a_to_be_greater_than_b",
     R"({"column_A": "a", "column_B": "b", "or_equal": true, "allow_cross_type_comparisons": true})",
     R"({"column_A": "a", "column_B": "b", "ignore_row_if": "often"})", "ignore_row_if"},
    {"expect_column_pair_values_to_be_equal", R"({"column_a": "a", "column_b": "b"})",
     R"({"column_A": "a", "column_B": 2})", "column_B"},
    {"expect_column_pair_values_to_be_in_set",
     R"({"column_A": "a", "column_B": "b", "value_pairs_set": [[1, "x"], [null, 2]]})",
     R"({"column_A": "a", "column_B": "b", "value_pairs_set": [[1]]})", "value_pairs_set"},
    {"expect_column_pair_cramers_phi_value_to_be_less_than",
     R"({"column_A": "a", "column_B": "b", "bins_A": [0, 1], "bins_B": [["a", "b"], ["c"]], "n_bins_B": 3,
         "threshold": 0.2})",
     R"({"column_A": "a", "column_B": "b", "bins_A": 3})", "bins_A"},
    {"expect_compound_columns_to_be_unique", R"({"column_list": ["a", "b"]})", R"({"column_list": []})", "column_list"},
    {"expect_select_column_values_to_be_unique_within_record",
     R"({"column_list": ["a", "b"], "ignore_row_if": "any_value_is_missing"})",
     R"({"column_list": ["a", "b"], "ignore_row_if": "both_values_are_missing"})", "ignore_row_if"},
    {"expect_multicolumn_values_to_be_unique", R"({"column_list": ["a", "b"]})", R"({"column_list": "a"})",
     "column_list"},
    {"expect_multicolumn_sum_to_equal", R"({"column_list": ["a", "b"], "sum_total": 3})",
     R"({"column_list": ["a", "b"], "sum_total": null})", "sum_total"},
    {"expect_row_condition", R"({"condition": "a > b"})", R"({"condition": 1})", "condition"},
    {"expect_column_to_exist", R"({"column": "a", "column_index": 0})", R"({"column": "a", "column_index": "x"})",
     "column_index"},
    {"expect_table_column_count_to_equal", R"({"value": 1})", R"({"value": "1"})", "value"},
    {"expect_table_column_count_to_be_between", R"({"min_value": 1})", R"({"max_value": 1.5})", "max_value"},
    {"expect_table_columns_to_match_ordered_list", R"({"column_list": ["a"]})", R"({"column_list": "a"})",
     "column_list"},
    {"expect_table_columns_to_match_set", R"({"column_set": ["a"], "exact_match": false})", R"({"column_set": [1]})",
     "column_set"},
    {"expect_table_row_count_to_equal", R"({"value": 0})", R"({"value": null})", "value"},
    {"expect_table_row_count_to_be_between", R"({})", R"({"min_value": "quack"})", "min_value"},
    {"expect_table_row_count_to_equal_other_table", R"({"other_table_name": "b"})", R"({"other_table_name": 1})",
     "other_table_name"},
    {"unexpected_rows_expectation", R"({"unexpected_rows_query": "SELECT * FROM {batch}"})",
     R"({"unexpected_rows_query": 1})", "unexpected_rows_query"},
};

std::string document(const std::string& type, const std::string& kwargs)
{
    return R"({"expectations": [{"type": ")" + type + R"(", "kwargs": )" + kwargs + "}]}";
}

TEST(catalogue, takes_and_refuses_arguments_of_every_type)
{
    std::set<std::string> seen;
    for (const auto& [type, good, bad, argument] : examples) {
        seen.insert(type);
        EXPECT_NO_THROW(parse_suite(document(type, good))) << type;
        try {
            parse_suite(document(type, bad));
            ADD_FAILURE() << type << " takes " << bad;
        } catch (const error& e) {
            EXPECT_STREQ(e.sqlstate(), sqlstate::invalid_parameter_value);
            EXPECT_NE(std::string{e.what()}.find('"' + std::string{argument} + '"'), std::string::npos) << e.what();
            EXPECT_NE(std::string{e.what()}.find(type), std::string::npos) << e.what();
        }
    }
    for (const expectation_type* type : all_types()) {
        EXPECT_TRUE(seen.contains(type->name)) << type->name << " has no example";
    }
    EXPECT_EQ(seen.size(), all_types().size());
}

TEST(catalogue, needs_what_is_required)
{
    for (const expectation_type* type : all_types()) {
        for (const kwarg& k : type->own) {
            if (k.required) {
                EXPECT_THROW(parse_suite(document(type->name, "{}")), error) << type->name << " without " << k.name;
            }
        }
    }
}

TEST(catalogue, takes_a_parameter_for_any_argument)
{
    for (const expectation_type* type : all_types()) {
        std::string kwargs;
        for (const kwarg* k : type->kwargs()) {
            kwargs += (kwargs.empty() ? "{\"" : ", \"") + std::string{k->name} + R"(": {"$PARAMETER": "p"})";
        }
        EXPECT_NO_THROW(parse_suite(document(type->name, kwargs + "}"))) << kwargs;
    }
}

TEST(catalogue, says_what_everything_means)
{
    for (const expectation_type* type : all_types()) {
        EXPECT_FALSE(std::string_view{type->meaning}.empty()) << type->name;
        std::set<std::string_view> names;
        for (const kwarg* k : type->kwargs()) {
            EXPECT_TRUE(names.insert(k->name).second) << type->name << " has " << k->name << " twice";
            EXPECT_FALSE(std::string_view{k->meaning}.empty()) << type->name << ' ' << k->name;
            EXPECT_EQ(k->kind == kwarg_kind::choice, !k->choices.empty()) << type->name << ' ' << k->name;
            EXPECT_FALSE(kind_in_words(*k).empty());
            if (k->otherwise != nullptr) {
                EXPECT_NO_THROW(check_value(*type, *k, json::parse(k->otherwise))) << type->name << ' ' << k->name;
            }
        }
    }
}

TEST(catalogue, finds_a_type_by_both_names)
{
    for (const expectation_type* type : all_types()) {
        EXPECT_EQ(find_type(type->name), type);
        EXPECT_EQ(find_type(class_name(*type)), type);
    }
    EXPECT_EQ(class_name(*find_type("expect_column_values_to_be_in_set")), "ExpectColumnValuesToBeInSet");
    EXPECT_EQ(class_name(*find_type("UnexpectedRowsExpectation")), "UnexpectedRowsExpectation");
    EXPECT_STREQ(find_type("ExpectColumnKLDivergenceToBeLessThan")->name,
                 "expect_column_kl_divergence_to_be_less_than");
    EXPECT_STREQ(find_type("expect_column_pair_values_A_to_be_greater_than_B")->name,
                 "expect_column_pair_values_a_to_be_greater_than_b");
    EXPECT_EQ(find_type(""), nullptr);
    EXPECT_EQ(find_type("expect_"), nullptr);
}

TEST(catalogue, knows_what_one_row_decides)
{
    EXPECT_TRUE(find_type("expect_column_pair_values_to_be_equal")->row_level);
    EXPECT_TRUE(find_type("expect_row_condition")->row_level);
    for (const char* type : {"expect_column_values_to_be_unique", "expect_column_values_to_be_increasing",
                             "expect_column_value_z_scores_to_be_less_than", "expect_compound_columns_to_be_unique",
                             "expect_column_min_to_be_between", "expect_table_row_count_to_equal"}) {
        EXPECT_FALSE(find_type(type)->row_level) << type;
    }
}

TEST(nearest, counts_letters)
{
    EXPECT_EQ(edit_distance("", ""), 0U);
    EXPECT_EQ(edit_distance("abc", ""), 3U);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
    EXPECT_EQ(edit_distance("mostly", "msotly"), 1U) << "neighbours that change places";
}

TEST(nearest, suggests_at_most_three)
{
    const std::vector<std::string_view> known{"abcd", "abce", "abcf", "abcg", "zzzz"};
    EXPECT_EQ(did_you_mean("abcx", known), "Did you mean \"abcd\", \"abce\" or \"abcf\"? ");
    EXPECT_EQ(did_you_mean("zzz", known), "Did you mean \"zzzz\"? ");
    EXPECT_EQ(did_you_mean("qqqq", known), "");
    EXPECT_EQ(did_you_mean(std::string(100000, 'a'), known), "") << "too long to be a slip";
}

TEST(nearest, shortens_between_characters)
{
    EXPECT_EQ(shortened("abc"), "abc");
    const std::string long_text = std::string(199, 'a') + "é" + std::string(50, 'b');
    EXPECT_EQ(shortened(long_text), std::string(199, 'a') + "…");
}

} // namespace
} // namespace etl::validate
