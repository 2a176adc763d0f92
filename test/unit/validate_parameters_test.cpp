// Parameters of suites: where their values come from, and Great Expectations' expressions over them.
#include "core/error.hpp"
#include "validate/parameter_expression.hpp"
#include "validate/parameters.hpp"
#include "validate/suite.hpp"

#include <gtest/gtest.h>

namespace etl::validate {
namespace {

constexpr std::int64_t noon = 1700000000000000; // 2023-11-14 22:13:20

std::string value_of(const std::string& expression, const char* given = R"({"n": 3, "r": 2.5, "t": "x", "day":
    "2024-02-28", "at": "2024-02-28 10:30:00.25", "list": [1], "s": "7"})")
{
    const parameter_scope scope{json::parse(given), json::object(), noon};
    try {
        return evaluate_parameter(expression, scope).dump();
    } catch (const error& e) {
        EXPECT_STREQ(e.sqlstate(), sqlstate::invalid_parameter_value) << expression;
        return std::string{"! "} + e.what();
    }
}

TEST(parameter_expression, reckons_with_numbers)
{
    EXPECT_EQ(value_of("1"), "1");
    EXPECT_EQ(value_of(" n "), "3");
    EXPECT_EQ(value_of("n * 2 + 1"), "7");
    EXPECT_EQ(value_of("1 + 2 * 3"), "7");
    EXPECT_EQ(value_of("(1 + 2) * 3"), "9");
    EXPECT_EQ(value_of("2 - 3 - 4"), "-5");
    EXPECT_EQ(value_of("n / 2"), "1.5");
    EXPECT_EQ(value_of("4 / 2"), "2.0") << "as Python does";
    EXPECT_EQ(value_of("2^3^2"), "512");
    EXPECT_EQ(value_of("2^-1"), "0.5");
    EXPECT_EQ(value_of("-2^2"), "4") << "the sign of a number binds closer";
    EXPECT_EQ(value_of("- -n"), "3");
    EXPECT_EQ(value_of("-(n + 1)"), "-4");
    EXPECT_EQ(value_of("r * n"), "7.5");
    EXPECT_EQ(value_of("s + 1"), "8.0") << "a number in quotes";
    EXPECT_EQ(value_of(".5 + 1e2"), "100.5");
    EXPECT_EQ(value_of("9223372036854775807 + 1"), "9.223372036854776e+18");
    EXPECT_EQ(value_of("PI * 0"), "0.0");
    EXPECT_EQ(value_of("round(E * 100)"), "272");
}

TEST(parameter_expression, has_functions)
{
    EXPECT_EQ(value_of("abs(-2)"), "2");
    EXPECT_EQ(value_of("abs(-2.5)"), "2.5");
    EXPECT_EQ(value_of("round(2.5)"), "2") << "half to even";
    EXPECT_EQ(value_of("round(3.5)"), "4");
    EXPECT_EQ(value_of("round(2.345, 1)"), "2.3");
    EXPECT_EQ(value_of("trunc(-2.7)"), "-2");
    EXPECT_EQ(value_of("sgn(-3) + sgn(0) + sgn(5) * 10"), "9");
    EXPECT_EQ(value_of("exp(0) + sin(0) + cos(0) + tan(0)"), "2.0");
    EXPECT_EQ(value_of("trunc(n * 0.9)"), "2");
}

TEST(parameter_expression, reckons_with_moments)
{
    EXPECT_EQ(value_of("now()"), "\"2023-11-14T22:13:20\"");
    EXPECT_EQ(value_of("now() - timedelta(days=1)"), "\"2023-11-13T22:13:20\"");
    EXPECT_EQ(value_of("now() - timedelta(weeks=52*100)"), "\"1924-03-18T22:13:20\"");
    EXPECT_EQ(value_of("now() + timedelta(1, 1, 1)"), "\"2023-11-15T22:13:21.000001\"");
    EXPECT_EQ(value_of("datetime(2003, 1, 31)"), "\"2003-01-31T00:00:00\"");
    EXPECT_EQ(value_of("datetime(year=2003, month=2, day=1, hour=5)"), "\"2003-02-01T05:00:00\"");
    EXPECT_EQ(value_of("day + timedelta(days=2)"), "\"2024-03-01T00:00:00\"");
    EXPECT_EQ(value_of("at - timedelta(minutes=n)"), "\"2024-02-28T10:27:00.250000\"");
    EXPECT_EQ(value_of("now() + 2 * timedelta(hours=1) - timedelta(hours=3) / 2 - -timedelta(seconds=1)"),
              "\"2023-11-14T22:43:21\"");
    EXPECT_EQ(value_of("now() - (now() - datetime(2000, 1, 1))"), "\"2000-01-01T00:00:00\"");
}

TEST(parameter_expression, takes_a_name_of_any_type)
{
    EXPECT_EQ(value_of("list"), "[1]");
    EXPECT_EQ(value_of("t"), "\"x\"");
    EXPECT_EQ(value_of("my-name", R"({"my-name": 5})"), "5") << "a name that looks like an expression";
    EXPECT_EQ(value_of("now", R"({"now": 5})"), "5");
    EXPECT_EQ(value_of("E", R"({"E": 5})"), "5");
}

TEST(parameter_expression, refuses_what_is_none)
{
    for (const char* text : {"", "1 +", "(1", "1)", "1 2", "*1", "n n", "n +* 2", "#", "abs(", "abs(1", "abs(1,)",
                             "1..2", "datetime(2003 1 1)", "'x'"}) {
        EXPECT_EQ(value_of(text), "! parameter expression \"" + std::string{text} + "\" is not understood") << text;
    }
    EXPECT_EQ(value_of("x + 1"), "! parameter \"x\" has no value");
    EXPECT_EQ(value_of("t + 1"), "! parameter \"t\" of an expression must be a number or a moment");
    EXPECT_EQ(value_of("list + 1"), "! parameter \"list\" of an expression must be a number or a moment");
    EXPECT_EQ(value_of("1 / 0"), "! division by zero in a parameter expression");
    EXPECT_EQ(value_of("10^400"), "! value of a parameter expression is out of range");
    EXPECT_EQ(value_of("trunc(1e30)"), "! value of a parameter expression is out of range");
    EXPECT_EQ(value_of("now() + timedelta(days=99999999999)"), "! value of a parameter expression is out of range");
    EXPECT_EQ(value_of("now() + timedelta(days=9999999)"), "! value of a parameter expression is out of range");
    EXPECT_EQ(value_of("exec(1)"), "! unknown function \"exec\" in a parameter expression");
    EXPECT_EQ(value_of("urn:great_expectations:validations:a"),
              "! parameter \"urn:great_expectations:validations:a\" has no value");
    for (const char* text : {"abs()", "abs(1, 2)", "abs(x=1)", "abs(now())", "now(1)", "datetime(2003, 2, 30)",
                             "datetime(2003)", "datetime(2003, 1.5, 1)", "timedelta(years=1)", "round(1, 2, 3)"}) {
        EXPECT_NE(value_of(text).find("in a parameter expression do not suit it"), std::string::npos) << text;
    }
    for (const char* text : {"now() + now()", "now() * 2", "1 - now()", "timedelta(1) / 0", "timedelta(1) ^ 2"}) {
        EXPECT_EQ(value_of(text), "! a parameter expression cannot reckon so with numbers, moments and spans") << text;
    }
    EXPECT_EQ(value_of("-now()"), "! a moment in a parameter expression has no negative");
    EXPECT_EQ(value_of("timedelta(1)"), "! the value of a parameter expression must not be a span of time");
}

TEST(parameter_expression, is_not_deep)
{
    const parameter_scope scope{json::object(), json::object(), 0};
    EXPECT_THROW(evaluate_parameter(std::string(100000, '('), scope), error);
    std::string powers = "1";
    for (int i = 0; i < 100000; ++i) {
        powers += "^1";
    }
    EXPECT_THROW(evaluate_parameter(powers, scope), error);
    EXPECT_EQ(evaluate_parameter(std::string(100001, '-') + "1", scope).dump(), "-1");
}

// --- suites --------------------------------------------------------------------------------------------------------

std::string document(const std::string& max_value, const std::string& more = "")
{
    return R"({"name": "s", )" + more + R"("expectations": [{"type": "expect_column_values_to_be_between", "kwargs":)" +
           R"({"column": "c", "max_value": )" + max_value + "}}]}";
}

std::string bound(const std::string& max_value, const char* values, const std::string& more = "")
{
    const json made = json::parse(bind_parameters(document(max_value, more), values, noon));
    return made["expectations"][0]["kwargs"]["max_value"].dump();
}

TEST(bind_parameters, takes_the_value_of_this_run_first)
{
    constexpr char with_default[] = R"({"$PARAMETER": "x", "$PARAMETER.x": 5})";
    EXPECT_EQ(bound(R"({"$PARAMETER": "x"})", R"({"x": 7})"), "7");
    EXPECT_EQ(bound(with_default, ""), "5");
    EXPECT_EQ(bound(with_default, R"({"x": 7})"), "7");
    EXPECT_EQ(bound(R"({"$PARAMETER": "x"})", "", R"("evaluation_parameters": {"x": 6}, )"), "6");
    EXPECT_EQ(bound(R"({"$PARAMETER": "x"})", "null", R"("suite_parameters": {"x": 6}, )"), "6");
    EXPECT_EQ(bound(R"({"$PARAMETER": "x + y"})", R"({"x": 1})", R"("suite_parameters": {"x": 6, "y": 2}, )"), "3");
    EXPECT_EQ(bound(R"({"$PARAMETER": "x"})", R"({"x": Infinity})"), "\"Infinity\"");
    EXPECT_EQ(bound("5", R"({"unused": 1})"), "5");
}

TEST(bind_parameters, reaches_any_depth)
{
    const std::string from = R"({"expectations": [{"type": "expect_column_values_to_be_in_set", "kwargs": {"column":
        {"$PARAMETER": "c"}, "value_set": [1, {"$PARAMETER": "x"}, {"$PARAMETER": "x*2"}]},
        "meta": {"$PARAMETER": "x"}}], "meta": {"$PARAMETER": "x"}})";
    const suite read = parse_suite(bind_parameters(from, R"({"c": "col", "x": 2})"));
    EXPECT_EQ(read.columns(), std::vector<std::string>{"col"});
    EXPECT_EQ(read.expectations[0].kwargs["value_set"].dump(), "[1,2,4]");
}

TEST(bind_parameters, leaves_the_values_to_be_checked)
{
    const std::string made = bind_parameters(document(R"({"$PARAMETER": "x"})"), R"({"x": [1]})");
    EXPECT_THROW(parse_suite(made), error);
}

TEST(bind_parameters, refuses_a_parameter_without_a_value)
{
    try {
        (void)bind_parameters(document(R"({"$PARAMETER": "least_prise"})"), R"({"least_price": 1, "other": 2})");
        FAIL();
    } catch (const error& e) {
        EXPECT_STREQ(e.what(), "parameter \"least_prise\" has no value");
        EXPECT_EQ(e.detail(), "Those that have one are least_price, other.");
        EXPECT_EQ(e.hint(), "Did you mean \"least_price\"? Give it one: params => '{\"least_prise\": …}'.");
    }
    try {
        (void)bind_parameters(document(R"({"$PARAMETER": "x"})"), "");
        FAIL();
    } catch (const error& e) {
        EXPECT_EQ(e.detail(), "No parameter has one.");
    }
}

TEST(bind_parameters, refuses_what_are_no_values)
{
    for (const char* values : {"[1]", "1", "{", "\"x\""}) {
        EXPECT_THROW(bind_parameters(document("1"), values), error) << values;
    }
    EXPECT_THROW(bind_parameters(document(R"({"$PARAMETER": 1})"), ""), error);
}

} // namespace
} // namespace etl::validate
