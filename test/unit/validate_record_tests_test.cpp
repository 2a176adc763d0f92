// Tests of several columns of one row, and those of a second scan.
#include "unit/one_test.hpp"

#include "core/hex.hpp"
#include "validate/metrics.hpp"

#include <gtest/gtest.h>

namespace etl::validate {
namespace {

using test::one_test;
using test::refusal;

constexpr auto kept = verdict::as_expected;
constexpr auto missing = verdict::missing;
constexpr auto wrong = verdict::unexpected;

TEST(greater, compares_two_columns)
{
    one_test greater{"column_pair_values_a_to_be_greater_than_b", R"({"column_A": "i", "column_B": "j"})"};
    EXPECT_EQ(greater.of("ij", {"2", "1"}), kept);
    EXPECT_EQ(greater.of("ij", {"1", "1"}), wrong);
    EXPECT_EQ(greater.of("ij", {"0", "1"}), wrong);
    one_test or_equal{"column_pair_values_a_to_be_greater_than_b",
                      R"({"column_A": "r", "column_B": "q", "or_equal": true})"};
    EXPECT_EQ(or_equal.of("rq", {"nan", "nan"}), kept);
    EXPECT_EQ(or_equal.of("rq", {"-0.0", "0"}), kept);
    EXPECT_EQ(or_equal.of("rq", {"1", "nan"}), wrong);
    one_test loose{"column_pair_values_a_to_be_greater_than_b",
                   R"({"column_A": "l", "column_B": "l", "or_equal": true})"};
    EXPECT_EQ(loose.of("l", {"x"}), kept);
}

TEST(greater, of_numbers_of_two_types)
{
    one_test exact{"column_pair_values_a_to_be_greater_than_b", R"({"column_A": "n", "column_B": "i"})"};
    EXPECT_EQ(exact.of("ni", {"9007199254740993.0001", "9007199254740993"}), kept) << "no double tells them apart";
    EXPECT_EQ(exact.of("ni", {"9007199254740993.0000", "9007199254740993"}), wrong);
    EXPECT_EQ(exact.of("ni", {"-9223372036854775807.5", "-9223372036854775808"}), kept);
    EXPECT_EQ(exact.of("ni", {"0.0001", "0"}), kept);
    EXPECT_EQ(exact.of("ni", {"NaN", "9223372036854775807"}), kept);
    one_test floats{"column_pair_values_a_to_be_greater_than_b", R"({"column_A": "r", "column_B": "i"})"};
    EXPECT_EQ(floats.of("ri", {"1.5", "1"}), kept);
    EXPECT_EQ(floats.of("ri", {"9007199254740992", "9007199254740993"}), wrong);
    EXPECT_EQ(floats.of("ri", {"nan", "1"}), kept);
}

struct ignored {
    const char* mode; // "" is the default
    verdict both;
    verdict either;
};

TEST(pairs, pass_rows_over_as_told)
{
    for (const auto& [mode, both, either] : {ignored{"", missing, wrong},
                                             {"both_values_are_missing", missing, wrong},
                                             {"either_value_is_missing", missing, missing},
                                             {"never", wrong, wrong}}) {
        const std::string given = *mode == '\0' ? "" : std::string{R"(, "ignore_row_if": ")"} + mode + '"';
        for (const char* type : {"column_pair_values_a_to_be_greater_than_b", "column_pair_values_to_be_equal",
                                 "column_pair_values_to_be_in_set"}) {
            const std::string set =
                std::string_view{type}.ends_with("in_set") ? R"(, "value_pairs_set": [[1, 1]])" : "";
            one_test test{type, R"({"column_A": "i", "column_B": "j")" + given + set + "}"};
            EXPECT_EQ(test.of("ij", {nullptr, nullptr}), both) << type << mode;
            EXPECT_EQ(test.of("ij", {"1", nullptr}), either) << type << mode;
            EXPECT_EQ(test.of("ij", {nullptr, "1"}), either) << type << mode;
        }
    }
}

TEST(equal, takes_values_as_their_types_do)
{
    one_test whole{"column_pair_values_to_be_equal", R"({"column_A": "i", "column_B": "n"})"};
    EXPECT_EQ(whole.of("in", {"5", "5.000"}), kept);
    EXPECT_EQ(whole.of("in", {"5", "5.001"}), wrong);
    one_test text{"column_pair_values_to_be_equal", R"({"column_A": "t", "column_B": "u"})"};
    EXPECT_EQ(text.of("tu", {"a", "a"}), kept);
    EXPECT_EQ(text.of("tu", {"a", "A"}), wrong);
    one_test loose{"column_pair_values_to_be_equal", R"({"column_A": "l", "column_B": "t"})"};
    EXPECT_EQ(loose.of("lt", {"a", "A"}), kept) << "by the first column's collation";
}

TEST(pair_set, has_members_of_two_values)
{
    one_test test{"column_pair_values_to_be_in_set",
                  R"({"column_A": "i", "column_B": "t", "value_pairs_set": [[1, "a"], [2, null], [null, "c"]]})"};
    EXPECT_EQ(test.of("it", {"1", "a"}), kept);
    EXPECT_EQ(test.of("it", {"1", "b"}), wrong);
    EXPECT_EQ(test.of("it", {"2", "a"}), wrong);
    EXPECT_EQ(test.of("it", {"2", nullptr}), kept);
    EXPECT_EQ(test.of("it", {nullptr, "c"}), kept);
    EXPECT_EQ(test.of("it", {nullptr, "a"}), wrong);
    EXPECT_EQ(test.of("it", {nullptr, nullptr}), missing);
}

TEST(records, pass_rows_over_as_told)
{
    for (const auto& [mode, both, either] : {ignored{"", missing, kept},
                                             {"all_values_are_missing", missing, kept},
                                             {"any_value_is_missing", missing, missing},
                                             {"never", kept, kept}}) {
        const std::string given = *mode == '\0' ? "" : std::string{R"(, "ignore_row_if": ")"} + mode + '"';
        one_test test{"select_column_values_to_be_unique_within_record", R"({"column_list": ["i", "j"])" + given + "}"};
        EXPECT_EQ(test.of("ij", {nullptr, nullptr}), both) << mode;
        EXPECT_EQ(test.of("ij", {"1", nullptr}), either) << mode;
    }
}

TEST(unique_within_record, compares_all_with_all)
{
    one_test test{"select_column_values_to_be_unique_within_record", R"({"column_list": ["i", "j", "n", "r"]})"};
    EXPECT_EQ(test.of("ijnr", {"1", "2", "3", "4"}), kept);
    EXPECT_EQ(test.of("ijnr", {"1", "2", "3", "1"}), wrong);
    EXPECT_EQ(test.of("ijnr", {"1", "2", "2.00", "4"}), wrong);
    EXPECT_EQ(test.of("ijnr", {"1", nullptr, nullptr, "4"}), kept) << "two NULLs are not equal";
    EXPECT_EQ(
        refusal("select_column_values_to_be_unique_within_record", R"({"column_list": ["i", "t"]})"),
        "42804: expect_select_column_values_to_be_unique_within_record needs columns of one type, but \"i\" is of "
        "type bigint and \"t\" of type text");
}

TEST(sum, is_exact_but_of_floats)
{
    one_test decimals{"multicolumn_sum_to_equal", R"({"column_list": ["n", "m", "i"], "sum_total": 0.3})"};
    EXPECT_EQ(decimals.of("nmi", {"0.1", "0.2", "0"}), kept) << "no rounding of 0.1 + 0.2";
    EXPECT_EQ(decimals.of("nmi", {"0.1", "0.2", nullptr}), kept) << "NULL adds nothing";
    EXPECT_EQ(decimals.of("nmi", {"9007199254740993.3", "-9007199254740993", "0"}), kept);
    EXPECT_EQ(decimals.of("nmi", {"0.1", "0.2", "1"}), wrong);
    EXPECT_EQ(decimals.of("nmi", {nullptr, nullptr, nullptr}), missing);
    one_test floats{"multicolumn_sum_to_equal", R"({"column_list": ["r", "q"], "sum_total": 0.3})"};
    EXPECT_EQ(floats.of("rq", {"0.1", "0.2"}), wrong);
    EXPECT_EQ(floats.of("rq", {"0.3", nullptr}), kept);
    one_test whole{"multicolumn_sum_to_equal", R"({"column_list": ["i", "j"], "sum_total": 18446744073709551614})"};
    EXPECT_EQ(whole.of("ij", {"9223372036854775807", "9223372036854775807"}), kept) << "beyond 64 bits";
    EXPECT_EQ(refusal("multicolumn_sum_to_equal", R"({"column_list": ["i", "d"], "sum_total": 1})"),
              "42804: expect_multicolumn_sum_to_equal needs columns of numbers, but \"d\" is of type timestamp without "
              "time zone");
}

TEST(condition, takes_null_for_missing)
{
    one_test test{"row_condition", R"({"condition": "i > 1"})", {"(i > 1)"}};
    EXPECT_EQ(test.of_last(test::integer_field(1)), kept);
    EXPECT_EQ(test.of_last(test::integer_field(0)), wrong);
    EXPECT_EQ(test.of_last(test::null_field()), missing);
}

TEST(pairs, refuse_columns_that_do_not_fit)
{
    EXPECT_EQ(refusal("column_pair_values_a_to_be_greater_than_b", R"({"column_A": "i", "column_B": "t"})"),
              "42804: expect_column_pair_values_a_to_be_greater_than_b needs columns of one type, but \"i\" is of type "
              "bigint and \"t\" of type text");
    EXPECT_EQ(refusal("column_pair_values_to_be_equal", R"({"column_A": "p", "column_B": "p"})"),
              "42804: expect_column_pair_values_to_be_equal needs a type with an order, but \"p\" is of type point");
}

// --- searches ------------------------------------------------------------------------------------------------------

class search {
  public:
    search(const std::string& type, const std::string& kwargs, const json& sought)
        : columns_{test::all_columns()}, suite_{parse_suite(R"({"expectations": [{"type": "expect_)" + type +
                                                            R"(", "kwargs": )" + kwargs + "}]}")},
          test_{compile_search(suite_.expectations[0], sought, seed, columns_view{columns_})}
    {
    }

    verdict of(const field& i, const field& t) const
    {
        std::vector<field> row(columns_.size());
        row[test::column_names.find('i')] = i;
        row[test::column_names.find('t')] = t;
        return test_->test(row);
    }

    static std::string prints(std::initializer_list<std::pair<std::int64_t, const char*>> of)
    {
        std::vector<fingerprint> made;
        const test::fake_type whole{"bigint"};
        const test::fake_type text{"text"};
        const std::array<const column_type*, 2> types{&whole, &text};
        const std::array<std::size_t, 2> columns{0, 1};
        for (const auto& [i, t] : of) {
            const std::array row{test::integer_field(i), test::text_field(t)};
            made.push_back(*t == '\0' ? print_of(whole, row[0], seed) : print_of_row(row, columns, types, seed));
        }
        return to_hex(std::as_bytes(std::span{made}));
    }

    static constexpr std::uint64_t seed = 7;

  private:
    std::vector<column> columns_;
    suite suite_;
    std::unique_ptr<row_test> test_;
};

fingerprint test_print(const field& i, const field& t)
{
    const test::fake_type whole{"bigint"};
    const test::fake_type text{"text"};
    const std::array row{i, t};
    return print_of_row(row, std::array<std::size_t, 2>{0, 1}, std::array<const column_type*, 2>{&whole, &text},
                        search::seed);
}

TEST(search, finds_rows_of_repeated_values)
{
    const search one{"column_values_to_be_unique",
                     R"({"column": "i"})",
                     {{"repeated", search::prints({{5, ""}, {-1, ""}, {3, ""}})}}};
    for (const std::int64_t value : {5, -1, 3}) {
        EXPECT_EQ(one.of(test::integer_field(value), {}), wrong) << value;
    }
    EXPECT_EQ(one.of(test::integer_field(4), {}), kept);
    EXPECT_EQ(one.of({}, {}), missing);
    const search several{
        "compound_columns_to_be_unique", R"({"column_list": ["i", "t"]})", {{"repeated", search::prints({{5, "a"}})}}};
    EXPECT_EQ(several.of(test::integer_field(5), test::text_field("a")), wrong);
    EXPECT_EQ(several.of(test::integer_field(5), test::text_field("b")), kept);
    EXPECT_EQ(several.of(test::integer_field(5), {}), kept);
}

TEST(search, passes_over_what_the_first_scan_passed_over)
{
    const std::array prints{test_print({}, {})};
    const json sought{{"repeated", to_hex(std::as_bytes(std::span{prints}))}};
    const auto of = [&](const char* ignored) {
        return search{"compound_columns_to_be_unique",
                      std::string{R"({"column_list": ["i", "t"], "ignore_row_if": ")"} + ignored + "\"}", sought}
            .of({}, {});
    };
    EXPECT_EQ(of("never"), wrong) << "rows of NULLs alone repeat";
    EXPECT_EQ(of("all_values_are_missing"), missing);
    EXPECT_EQ(of("any_value_is_missing"), missing);
}

TEST(search, finds_rows_beyond_bounds)
{
    const search both{"column_value_z_scores_to_be_less_than",
                      R"({"column": "i", "threshold": 2, "double_sided": true})",
                      {{"least", -1.5}, {"greatest", 3}}};
    EXPECT_EQ(both.of(test::integer_field(-2), {}), wrong);
    EXPECT_EQ(both.of(test::integer_field(-1), {}), kept);
    EXPECT_EQ(both.of(test::integer_field(2), {}), kept);
    EXPECT_EQ(both.of(test::integer_field(3), {}), wrong) << "a score of the threshold is not less";
    EXPECT_EQ(both.of({}, {}), missing);
}

TEST(search, refuses_damaged_fingerprints)
{
    for (const char* hex : {"0", "00", "zz"}) {
        EXPECT_THROW((search{"column_values_to_be_unique", R"({"column": "i"})", {{"repeated", hex}}}), error) << hex;
    }
}

} // namespace
} // namespace etl::validate
