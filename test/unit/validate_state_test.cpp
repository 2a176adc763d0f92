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
    {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "wallet", "regex": "^w[0-9]+$", "mostly": 0.5}},
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
            validation_state{merged}.merge(part->bytes(), never_poll);
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
    EXPECT_THROW(validation_state{a}.merge(b.bytes(), never_poll), error);
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
            validation_state{into}.merge(forged.bytes(), never_poll);
            (void)report(forged.bytes(), never_poll);
        } catch (const error&) { // refused, which is as good
        }
    }
}

} // namespace
} // namespace etl::validate
