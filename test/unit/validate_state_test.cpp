// The state of a validation: what it counts, what it keeps, and that no split of the rows changes the report.
#include "unit/fake_columns.hpp"
#include "unit/vector_buffer.hpp"
#include "validate/report.hpp"

#include <gtest/gtest.h>

#include <random>

namespace etl::validate {
namespace {

using test::integer_field;
using test::null_field;
using test::text_field;
using test::vector_buffer;

constexpr const char* document = R"({"name": "s", "expectations": [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "wallet"}},
    {"type": "expect_column_values_to_match_regex",
     "kwargs": {"column": "wallet", "regex": "^w[0-9]+$", "mostly": 0.5}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "min_value": 0, "max_value": 90}},
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "price"}},
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "wallet"}},
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "wallet", "value_set": ["w1", "w2"]}}]})";

struct row {
    std::string wallet; // empty: NULL
    std::int64_t price;
};

checker make_checker()
{
    std::vector<column> columns;
    columns.push_back(test::fake_column("wallet", field::kind::text));
    columns.push_back(test::fake_column("price", field::kind::integer));
    return {parse_suite(document), std::move(columns)};
}

void add(vector_buffer& buffer, const checker& checks, const row& r, std::size_t number)
{
    if (buffer.size() == 0) {
        validation_state::create(buffer, write_plan({{"wallet", "price"}, document}), checks.checks().size());
    }
    const std::array fields{r.wallet.empty() ? null_field() : text_field(r.wallet), integer_field(r.price)};
    validation_state{buffer}.add_row(
        checks, fields, {1, static_cast<std::uint32_t>(number / 100), static_cast<std::uint16_t>(number % 100)});
}

std::vector<row> random_rows(std::size_t count, unsigned seed)
{
    std::mt19937 random{seed};
    std::vector<row> rows;
    for (std::size_t i = 0; i < count; ++i) {
        const auto kind = random() % 10;
        rows.push_back({kind == 0 ? "" : (kind < 4 ? "x" : "w") + std::to_string(random() % 500),
                        static_cast<std::int64_t>(random() % 100)});
    }
    return rows;
}

void expect_equal(const vector_buffer& a, const vector_buffer& b)
{
    auto left = a;
    auto right = b;
    const auto x = report(left.bytes(), never_poll);
    const auto y = report(right.bytes(), never_poll);
    ASSERT_EQ(x.size(), y.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        EXPECT_EQ(x[i].success, y[i].success);
        EXPECT_EQ(x[i].element_count, y[i].element_count);
        EXPECT_EQ(x[i].missing_count, y[i].missing_count);
        EXPECT_EQ(x[i].unexpected_count, y[i].unexpected_count);
        EXPECT_EQ(x[i].partial_unexpected_list, y[i].partial_unexpected_list);
    }
    const auto d = duplicates(left.bytes(), never_poll);
    const auto e = duplicates(right.bytes(), never_poll);
    ASSERT_EQ(d.size(), e.size());
    for (std::size_t i = 0; i < d.size(); ++i) {
        EXPECT_EQ(d[i].first, e[i].first);
        EXPECT_EQ(d[i].rows, e[i].rows);
    }
}

TEST(validation_state, counts_what_is_wrong)
{
    const checker checks = make_checker();
    vector_buffer state;
    const std::vector<row> rows{{"w1", 5}, {"w2", 5}, {"", 91}, {"zz", -1}, {"w1", 7}};
    for (std::size_t i = 0; i < rows.size(); ++i) {
        add(state, checks, rows[i], i);
    }
    const auto found = report(state.bytes(), never_poll);
    ASSERT_EQ(found.size(), 6U);
    EXPECT_FALSE(found[0].success);
    EXPECT_EQ(found[0].unexpected_count, 1U);
    EXPECT_FALSE(found[0].missing_count.has_value());
    EXPECT_TRUE(found[1].success) << "one of four values fails, and mostly is 0.5";
    EXPECT_EQ(found[1].missing_count, 1U);
    EXPECT_DOUBLE_EQ(*found[1].unexpected_percent, 25.0);
    EXPECT_EQ(found[1].partial_unexpected_list, "[\"zz\"]");
    EXPECT_EQ(found[2].partial_unexpected_list, "[91, -1]");
    EXPECT_EQ(found[3].unexpected_count, 2U) << "both rows of 5";
    EXPECT_EQ(found[4].unexpected_count, 2U) << "both rows of w1; NULL is no duplicate";
    EXPECT_EQ(found[5].unexpected_count, 1U);
}

TEST(validation_state, no_value_is_success)
{
    const checker checks = make_checker();
    vector_buffer state;
    add(state, checks, {"", 1}, 0);
    const auto found = report(state.bytes(), never_poll);
    EXPECT_TRUE(found[1].success);
    EXPECT_FALSE(found[1].unexpected_percent.has_value());
}

TEST(validation_state, any_split_reports_the_same)
{
    const checker checks = make_checker();
    for (unsigned seed = 1; seed <= 20; ++seed) {
        const auto rows = random_rows(1000, seed);
        vector_buffer whole;
        std::array<vector_buffer, 3> parts;
        std::mt19937 random{seed};
        for (std::size_t i = 0; i < rows.size(); ++i) {
            add(whole, checks, rows[i], i);
            add(parts[random() % parts.size()], checks, rows[i], i);
        }
        vector_buffer merged;
        merged = parts[2];
        for (auto* part : {&parts[0], &parts[1]}) {
            const std::vector<std::byte> before{part->bytes().begin(), part->bytes().end()};
            validation_state{merged}.merge(part->bytes());
            EXPECT_TRUE(std::equal(before.begin(), before.end(), part->data())) << "merge reads its second argument";
        }
        validation_state::check_foreign(merged.bytes());
        expect_equal(whole, merged);
    }
}

TEST(validation_state, keeps_the_first_values_in_any_order)
{
    const checker checks = make_checker();
    vector_buffer state;
    for (std::size_t i = 200; i-- > 0;) {
        add(state, checks, {"bad" + std::to_string(i), 1}, i);
    }
    const auto found = report(state.bytes(), never_poll);
    EXPECT_EQ(found[1].unexpected_count, 200U);
    EXPECT_TRUE(found[1].partial_unexpected_list.starts_with("[\"bad0\", \"bad1\", "));
    EXPECT_TRUE(found[1].partial_unexpected_list.ends_with("\"bad19\"]"));
}

TEST(validation_state, refuses_states_of_another_suite)
{
    const checker checks = make_checker();
    vector_buffer a;
    vector_buffer b;
    add(a, checks, {"w1", 1}, 0);
    validation_state::create(b, write_plan({{"wallet", "cost"}, document}), checks.checks().size());
    EXPECT_THROW(validation_state{a}.merge(b.bytes()), error);
}

TEST(validation_state, refuses_every_cut_and_survives_every_flip)
{
    const checker checks = make_checker();
    vector_buffer state;
    const auto rows = random_rows(25, 7);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        add(state, checks, rows[i], i);
    }
    for (std::size_t size = 0; size < state.size(); ++size) {
        EXPECT_THROW(validation_state::check_foreign(state.bytes().first(size)), error);
    }
    for (std::size_t i = 0; i < state.size(); ++i) {
        vector_buffer forged = state;
        forged.data()[i] ^= std::byte{0xFF};
        try {
            validation_state::check_foreign(forged.bytes());
            vector_buffer into = state;
            validation_state{into}.merge(forged.bytes());
            (void)report(forged.bytes(), never_poll);
        } catch (const error&) { // refused, which is as good
        }
    }
}

// The header's members, for forging.
constexpr std::size_t rows_at = 8;
constexpr std::size_t checks_at = 20;
constexpr std::size_t header_bytes = 48;
constexpr std::size_t counter_bytes = 32;

template <class T>
void forge(vector_buffer& state, std::size_t at, T value)
{
    store(state.data() + at, value);
}

vector_buffer empty_state(std::string_view plan, std::size_t checks)
{
    vector_buffer made;
    validation_state::create(made, plan, checks);
    return made;
}

// A plan in which arrays nest so deep that a walk by recursion would not come back.
std::string deep_plan(const std::string& before, const std::string& after)
{
    constexpr std::size_t levels = 1000000;
    return before + std::string(levels, '[') + std::string(levels, ']') + after;
}

TEST(validation_state, refuses_a_forged_number_of_checks)
{
    const checker checks = make_checker();
    vector_buffer state;
    add(state, checks, {"w1", 1}, 0);
    const std::string plan{state_reader{state.bytes()}.plan()};
    for (const std::size_t number : {std::size_t{0}, checks.checks().size() - 1, checks.checks().size() + 1}) {
        vector_buffer forged = empty_state(plan, number);
        validation_state::check_foreign(forged.bytes());
        EXPECT_THROW(validation_state{state}.merge(forged.bytes()), error);
        EXPECT_THROW(validation_state{forged}.merge(state.bytes()), error);
        EXPECT_THROW(add(forged, checks, {"w1", 1}, 1), error) << "the rows of one suite, the state of another";
        EXPECT_THROW((void)report(forged.bytes(), never_poll), error);
    }
}

TEST(validation_state, refuses_counts_that_cannot_be)
{
    const checker checks = make_checker();
    vector_buffer state;
    add(state, checks, {"", 91}, 0);
    const auto plan_bytes = (state_reader{state.bytes()}.plan().size() + 7) / 8 * 8;
    const std::size_t counters = header_bytes + plan_bytes;

    vector_buffer forged = state;
    forge(forged, rows_at, std::uint64_t{1} << 63);
    EXPECT_THROW(validation_state::check_foreign(forged.bytes()), error) << "rows beyond bigint";
    forged = state;
    forge(forged, counters, std::uint64_t{1});
    EXPECT_THROW(validation_state::check_foreign(forged.bytes()), error) << "the one row both missing and unexpected";
    forged = state;
    forge(forged, counters + counter_bytes, std::uint64_t{2});
    EXPECT_THROW(validation_state::check_foreign(forged.bytes()), error) << "more missing than rows";
    forged = state;
    forge(forged, counters + 8, std::uint64_t{0});
    EXPECT_THROW(validation_state::check_foreign(forged.bytes()), error) << "a failing value and no failure";
    forged = state;
    forge(forged, checks_at, std::uint32_t{0xFFFFFFFF});
    EXPECT_THROW(validation_state::check_foreign(forged.bytes()), error);
}

TEST(validation_state, merging_never_overflows_the_rows)
{
    vector_buffer a = empty_state("{}", 0);
    forge(a, rows_at, std::uint64_t{1} << 62);
    vector_buffer b = a;
    validation_state::check_foreign(a.bytes());
    EXPECT_THROW(validation_state{a}.merge(b.bytes()), error);
}

TEST(validation_state, refuses_plans_that_are_none)
{
    for (const std::string& plan :
         {std::string{}, std::string{"x"}, std::string{"[]"}, std::string{"{}"}, std::string{R"({"columns": []})"},
          std::string{R"({"columns": 1, "suite": {}})"}, std::string{R"({"columns": [], "suite": {}})"},
          std::string{R"({"columns": [], "suite": {"expectations": [1]}})"}, std::string{"\xFF\xFE"},
          deep_plan(R"({"columns": [], "suite": {"expectations": )", "}}"),
          deep_plan(R"({"suite": {"expectations": []}, "columns": [)", "]}")}) {
        vector_buffer forged = empty_state(plan, 0);
        validation_state::check_foreign(forged.bytes());
        EXPECT_THROW((void)report(forged.bytes(), never_poll), error) << plan.substr(0, 100);
    }
}

TEST(validation_state, reads_the_plan_of_the_deepest_suite)
{
    std::string deepest;
    for (int levels = 1; levels < 100; ++levels) {
        const auto count = static_cast<std::size_t>(levels);
        const std::string next =
            R"({"expectations": [], "meta": )" + std::string(count, '[') + std::string(count, ']') + "}";
        try {
            parse_suite(next);
        } catch (const error&) {
            break;
        }
        deepest = next;
    }
    vector_buffer state = empty_state(write_plan({{"c"}, deepest}), 0);
    EXPECT_TRUE(report(state.bytes(), never_poll).empty());
}

TEST(validation_state, keeps_its_log_small_while_values_are_replaced)
{
    const checker checks = make_checker();
    vector_buffer state;
    for (std::size_t i = 5000; i-- > 0;) { // backwards, so that every value drives out another
        add(state, checks, {"bad" + std::string(i % 90, 'x'), 1}, i);
    }
    validation_state::check_foreign(state.bytes());
    EXPECT_LT(state.size(), 40000U);
    EXPECT_TRUE(report(state.bytes(), never_poll)[1].partial_unexpected_list.starts_with("[\"bad\", \"badx\", "));
}

TEST(validation_state, without_positions_the_first_rows_to_come_are_kept)
{
    const checker checks = make_checker();
    vector_buffer state;
    validation_state::create(state, write_plan({{"wallet", "price"}, document}), checks.checks().size());
    for (int i = 0; i < 30; ++i) {
        const std::string wallet = "bad" + std::to_string(i);
        const std::array fields{text_field(wallet), integer_field(1)};
        validation_state{state}.add_row(checks, fields, {});
    }
    const auto list = report(state.bytes(), never_poll)[1].partial_unexpected_list;
    EXPECT_TRUE(list.starts_with("[\"bad0\", "));
    EXPECT_TRUE(list.ends_with("\"bad19\"]"));
}

TEST(validation_state, lists_the_first_rows_of_twenty_values_that_repeat)
{
    const checker checks = make_checker();
    vector_buffer state;
    for (std::size_t i = 0; i < 100; ++i) {
        add(state, checks, {"w" + std::to_string((i * 7) % 50), static_cast<std::int64_t>(i)}, i);
    }
    const auto found = duplicates(state.bytes(), never_poll);
    ASSERT_EQ(found.size(), 20U);
    for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].check, 4U);
        EXPECT_EQ(found[i].rows, 2U);
        EXPECT_EQ(found[i].first.offset, i);
    }
    const auto counts = report(state.bytes(), never_poll);
    EXPECT_EQ(counts[3].unexpected_count, 0U);
    EXPECT_EQ(counts[4].unexpected_count, 100U);
    EXPECT_FALSE(counts[4].success);
}

struct stopped {};

void add_different_prices(std::size_t count, poll_fn poll)
{
    const checker checks = make_checker();
    vector_buffer state;
    validation_state::create(state, write_plan({{"wallet", "price"}, document}), checks.checks().size());
    for (std::size_t i = 0; i < count; ++i) {
        const std::array fields{null_field(), integer_field(static_cast<std::int64_t>(i))};
        validation_state{state, poll}.add_row(checks, fields, {});
    }
}

TEST(validation_state, can_be_stopped_while_it_grows)
{
    EXPECT_THROW(add_different_prices(100000, [] { throw stopped{}; }), stopped);
}

// So many values that are right among so many wrong ones and some that are missing.
outcome judged(double mostly, int right, int wrong, int missing)
{
    const std::string rule = R"({"expectations": [{"type": "expect_column_values_to_match_regex", "kwargs":
        {"column": "wallet", "regex": "right", "mostly": )" +
                             std::to_string(mostly) + "}}]}";
    std::vector<column> columns;
    columns.push_back(test::fake_column("wallet", field::kind::text));
    const checker checks{parse_suite(rule), std::move(columns)};
    vector_buffer state = empty_state(write_plan({{"wallet"}, rule}), 1);
    for (const auto& [value, count] :
         {std::pair{text_field("right"), right}, {text_field("wrong"), wrong}, {null_field(), missing}}) {
        for (int i = 0; i < count; ++i) {
            validation_state{state}.add_row(checks, std::array{value}, {});
        }
    }
    return report(state.bytes(), never_poll).at(0);
}

TEST(report, mostly_is_met_exactly_at_its_edge)
{
    EXPECT_TRUE(judged(0.95, 19, 1, 5).success);
    EXPECT_FALSE(judged(0.95, 18, 1, 5).success);
    EXPECT_TRUE(judged(0.7, 7, 3, 0).success);
    EXPECT_TRUE(judged(0.999, 999, 1, 1).success);
    EXPECT_FALSE(judged(0.999, 998, 1, 1).success);
    EXPECT_TRUE(judged(0, 0, 5, 0).success);
    EXPECT_FALSE(judged(1, 99999, 1, 0).success);
}

TEST(report, percents_are_of_the_values_that_are_there)
{
    const outcome some = judged(1, 3, 1, 96);
    EXPECT_EQ(some.element_count, 100U);
    EXPECT_EQ(some.missing_count, 96U);
    EXPECT_EQ(some.unexpected_count, 1U);
    EXPECT_EQ(some.unexpected_percent, 25.0);
    const outcome none = judged(1, 0, 0, 7);
    EXPECT_TRUE(none.success);
    EXPECT_FALSE(none.unexpected_percent.has_value());
    EXPECT_EQ(none.partial_unexpected_list, "[]");
    EXPECT_TRUE(judged(1, 0, 0, 0).success);
}

} // namespace
} // namespace etl::validate
