// Each kind of check on the values where its answer turns.
#include "unit/fake_columns.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <array>
#include <limits>

namespace etl::validate {
namespace {

using test::integer_field;
using test::null_field;
using test::real_field;
using test::text_field;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

// Two columns of every kind: i, j integers, r, q floats, t, u texts.
std::vector<column> columns()
{
    std::vector<column> made;
    for (const char* name : {"i", "j"}) {
        made.push_back(test::fake_column(name, field::kind::integer));
    }
    for (const char* name : {"r", "q"}) {
        made.push_back(test::fake_column(name, field::kind::real));
    }
    for (const char* name : {"t", "u"}) {
        made.push_back(test::fake_column(name, field::kind::text));
    }
    return made;
}

constexpr std::string_view names = "ijrqtu";

class one_check {
  public:
    one_check(const std::string& type, const std::string& kwargs)
        : checks_{
              parse_suite(R"({"expectations": [{"type": "expect_column_)" + type + R"(", "kwargs": )" + kwargs + "}]}"),
              columns()}
    {
    }

    // The verdict where one column has this value and all others are NULL.
    verdict of(char name, const field& value) const { return of(name, value, name, value); }

    verdict of(char name, const field& value, char other, const field& other_value) const
    {
        std::array<field, names.size()> row{};
        row[names.find(name)] = value;
        row[names.find(other)] = other_value;
        return checks_.checks()[0].test(row);
    }

    bool keeps(char name, const field& value) const { return of(name, value) == verdict::as_expected; }

  private:
    checker checks_;
};

std::string refusal(const std::string& type, const std::string& kwargs)
{
    try {
        one_check made{type, kwargs};
    } catch (const error& e) {
        return std::string{e.sqlstate()} + ": " + e.what();
    }
    return "accepted";
}

TEST(not_be_null, knows_no_missing_value)
{
    const one_check check{"values_to_not_be_null", R"({"column": "t"})"};
    EXPECT_EQ(check.of('t', null_field()), verdict::unexpected);
    EXPECT_EQ(check.of('t', text_field("")), verdict::as_expected);
}

TEST(be_unique, leaves_the_answer_to_the_state)
{
    const one_check check{"values_to_be_unique", R"({"column": "i"})"};
    EXPECT_EQ(check.of('i', null_field()), verdict::missing);
    EXPECT_EQ(check.of('i', integer_field(1)), verdict::undecided);
}

TEST(be_in_set, of_texts)
{
    const one_check check{"values_to_be_in_set", R"({"column": "t", "value_set": ["", "a", "é", 1, true]})"};
    EXPECT_EQ(check.of('t', null_field()), verdict::missing);
    for (const char* text : {"", "a", "é", "1", "true"}) {
        EXPECT_TRUE(check.keeps('t', text_field(text))) << text;
    }
    for (const char* text : {"A", "a ", "e", "TRUE", "aa"}) {
        EXPECT_EQ(check.of('t', text_field(text)), verdict::unexpected) << text;
    }
}

TEST(be_in_set, of_numbers)
{
    const one_check integers{"values_to_be_in_set", R"({"column": "i", "value_set": [3, "-1", 2.0, 3]})"};
    for (const std::int64_t value : {3, -1, 2}) {
        EXPECT_TRUE(integers.keeps('i', integer_field(value)));
    }
    EXPECT_FALSE(integers.keeps('i', integer_field(0)));
    const one_check reals{"values_to_be_in_set", R"({"column": "r", "value_set": [0, "NaN", 0.1]})"};
    for (const double value : {-0.0, nan, 0.1}) {
        EXPECT_TRUE(reals.keeps('r', real_field(value)));
    }
    EXPECT_FALSE(reals.keeps('r', real_field(infinity)));
}

TEST(be_in_set, a_set_of_nothing_but_null_holds_nothing)
{
    const one_check check{"values_to_be_in_set", R"({"column": "t", "value_set": [null]})"};
    EXPECT_EQ(check.of('t', text_field("")), verdict::unexpected);
    EXPECT_EQ(check.of('t', null_field()), verdict::missing);
}

TEST(be_between, includes_its_bounds)
{
    const one_check check{"values_to_be_between", R"({"column": "i", "min_value": 1, "max_value": 3})"};
    EXPECT_EQ(check.of('i', null_field()), verdict::missing);
    EXPECT_FALSE(check.keeps('i', integer_field(0)));
    EXPECT_TRUE(check.keeps('i', integer_field(1)));
    EXPECT_TRUE(check.keeps('i', integer_field(3)));
    EXPECT_FALSE(check.keeps('i', integer_field(4)));
}

TEST(be_between, strict_bounds_exclude_themselves)
{
    const one_check check{"values_to_be_between",
                          R"({"column": "i", "min_value": 1, "max_value": 3, "strict_min": true, "strict_max": true})"};
    EXPECT_FALSE(check.keeps('i', integer_field(1)));
    EXPECT_TRUE(check.keeps('i', integer_field(2)));
    EXPECT_FALSE(check.keeps('i', integer_field(3)));
}

TEST(be_between, needs_one_bound_only)
{
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    constexpr auto greatest = std::numeric_limits<std::int64_t>::max();
    const one_check above{"values_to_be_between", R"({"column": "i", "min_value": 0})"};
    EXPECT_TRUE(above.keeps('i', integer_field(greatest)));
    EXPECT_FALSE(above.keeps('i', integer_field(least)));
    const one_check below{"values_to_be_between", R"({"column": "i", "max_value": 0})"};
    EXPECT_TRUE(below.keeps('i', integer_field(least)));
    EXPECT_FALSE(below.keeps('i', integer_field(greatest)));
}

TEST(be_between, orders_nan_above_all)
{
    const one_check check{"values_to_be_between", R"({"column": "r", "min_value": 0, "max_value": "Infinity"})"};
    EXPECT_TRUE(check.keeps('r', real_field(-0.0)));
    EXPECT_TRUE(check.keeps('r', real_field(infinity)));
    EXPECT_FALSE(check.keeps('r', real_field(nan)));
    const one_check unbounded{"values_to_be_between", R"({"column": "r", "min_value": 0})"};
    EXPECT_TRUE(unbounded.keeps('r', real_field(nan)));
}

TEST(be_between, of_texts)
{
    const one_check check{"values_to_be_between", R"({"column": "t", "min_value": "", "max_value": "b"})"};
    EXPECT_TRUE(check.keeps('t', text_field("")));
    EXPECT_TRUE(check.keeps('t', text_field("b")));
    EXPECT_FALSE(check.keeps('t', text_field("ba")));
}

TEST(be_between, refuses_bounds_the_wrong_way_round)
{
    EXPECT_EQ(refusal("values_to_be_between", R"({"column": "i", "min_value": 10, "max_value": 9})"),
              "22023: expect_column_values_to_be_between(i) has a min_value \"10\" greater than its max_value \"9\"");
    EXPECT_EQ(refusal("values_to_be_between", R"({"column": "i", "min_value": 9, "max_value": 9})"), "accepted");
}

TEST(match_regex, finds_anywhere_and_sees_padding)
{
    const one_check check{"values_to_match_regex", R"({"column": "t", "regex": "b$"})"};
    EXPECT_EQ(check.of('t', null_field()), verdict::missing);
    EXPECT_TRUE(check.keeps('t', text_field("ab")));
    EXPECT_FALSE(check.keeps('t', text_field("")));
    field padded = text_field(std::string_view{"ab  "}.substr(0, 2));
    padded.padding = 2;
    EXPECT_FALSE(check.keeps('t', padded));
}

TEST(lengths_to_equal, counts_characters)
{
    const one_check two{"value_lengths_to_equal", R"({"column": "t", "value": 2})"};
    EXPECT_EQ(two.of('t', null_field()), verdict::missing);
    EXPECT_TRUE(two.keeps('t', text_field("ab")));
    EXPECT_TRUE(two.keeps('t', text_field("é日")));
    EXPECT_FALSE(two.keeps('t', text_field("é")));
    const one_check none{"value_lengths_to_equal", R"({"column": "t", "value": 0})"};
    EXPECT_TRUE(none.keeps('t', text_field("")));
    EXPECT_FALSE(none.keeps('t', text_field(" ")));
}

TEST(pair, compares_two_columns)
{
    const one_check greater{"pair_values_a_to_be_greater_than_b", R"({"column_A": "i", "column_B": "j"})"};
    EXPECT_EQ(greater.of('i', integer_field(2), 'j', integer_field(1)), verdict::as_expected);
    EXPECT_EQ(greater.of('i', integer_field(1), 'j', integer_field(1)), verdict::unexpected);
    EXPECT_EQ(greater.of('i', integer_field(0), 'j', integer_field(1)), verdict::unexpected);
    const one_check or_equal{"pair_values_a_to_be_greater_than_b",
                             R"({"column_A": "r", "column_B": "q", "or_equal": true})"};
    EXPECT_EQ(or_equal.of('r', real_field(nan), 'q', real_field(nan)), verdict::as_expected);
    EXPECT_EQ(or_equal.of('r', real_field(-0.0), 'q', real_field(0)), verdict::as_expected);
    EXPECT_EQ(or_equal.of('r', real_field(1), 'q', real_field(nan)), verdict::unexpected);
}

TEST(pair, passes_rows_over_as_told)
{
    struct expected {
        const char* mode;
        verdict both;
        verdict either;
    };
    for (const auto& [mode, both, either] : {expected{"", verdict::missing, verdict::unexpected},
                                             {"both_values_are_missing", verdict::missing, verdict::unexpected},
                                             {"either_value_is_missing", verdict::missing, verdict::missing},
                                             {"never", verdict::unexpected, verdict::unexpected}}) {
        const std::string given = *mode == '\0' ? "" : std::string{R"(, "ignore_row_if": ")"} + mode + '"';
        const one_check check{"pair_values_a_to_be_greater_than_b",
                              R"({"column_A": "i", "column_B": "j")" + given + "}"};
        EXPECT_EQ(check.of('i', null_field(), 'j', null_field()), both) << mode;
        EXPECT_EQ(check.of('i', integer_field(1), 'j', null_field()), either) << mode;
        EXPECT_EQ(check.of('i', null_field(), 'j', integer_field(1)), either) << mode;
    }
}

TEST(checks, refuse_a_column_that_is_not_there)
{
    EXPECT_EQ(refusal("values_to_be_unique", R"({"column": "x"})"),
              "42703: expect_column_values_to_be_unique expects column \"x\", which is not among the given ones");
    EXPECT_EQ(refusal("pair_values_a_to_be_greater_than_b", R"({"column_A": "i", "column_B": "x"})"),
              "42703: expect_column_pair_values_a_to_be_greater_than_b expects column \"x\", which is not among the "
              "given ones");
}

TEST(checks, refuse_a_column_of_the_wrong_type)
{
    EXPECT_EQ(refusal("values_to_match_regex", R"({"column": "i", "regex": "a"})"),
              "42804: expect_column_values_to_match_regex needs a column of text, but \"i\" is of type bigint");
    EXPECT_EQ(
        refusal("value_lengths_to_equal", R"({"column": "r", "value": 1})"),
        "42804: expect_column_value_lengths_to_equal needs a column of text, but \"r\" is of type double precision");
    EXPECT_EQ(refusal("pair_values_a_to_be_greater_than_b", R"({"column_A": "i", "column_B": "t"})"),
              "42804: expect_column_pair_values_a_to_be_greater_than_b needs two columns of one type, but \"i\" is of "
              "type bigint and \"t\" of type text");
}

TEST(checker, names_what_a_row_breaks_in_the_order_of_the_suite)
{
    const checker checks{parse_suite(R"({"expectations": [
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "t", "value_set": ["a"]}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "i"}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "i"}},
        {"type": "expect_column_values_to_be_in_set",
         "kwargs": {"column": "t", "value_set": ["b"], "mostly": 0.1}}]})"),
                         columns()};
    std::array<field, names.size()> row{};
    EXPECT_EQ(checks.broken(row), (std::vector<std::string>{"expect_column_values_to_not_be_null(i)"}));
    row[names.find('t')] = text_field("c");
    EXPECT_EQ(checks.broken(row), (std::vector<std::string>{"expect_column_values_to_be_in_set(t)",
                                                            "expect_column_values_to_not_be_null(i)",
                                                            "expect_column_values_to_be_in_set(t)"}))
        << "mostly is a matter of all rows";
}

TEST(checker, needs_values_of_columns_that_it_does_more_than_look_for)
{
    const checker checks{parse_suite(R"({"expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "i"}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "r"}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "r"}},
        {"type": "expect_column_pair_values_a_to_be_greater_than_b", "kwargs": {"column_A": "t", "column_B": "u"}}]})"),
                         columns()};
    std::string needed;
    for (std::size_t i = 0; i < names.size(); ++i) {
        needed += checks.needs_value(i) ? names[i] : '-';
    }
    EXPECT_EQ(needed, "--r-tu");
}

} // namespace
} // namespace etl::validate
