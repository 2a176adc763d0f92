// The state of a validation: any split of the rows merges to the whole, byte for byte; and strangers' bytes are refused.
#include "core/hex.hpp"
#include "unit/memory_run_store.hpp"
#include "unit/validation_run.hpp"

#include <gtest/gtest.h>

#include <random>

namespace etl::validate {
namespace {

using test::expectation;
using test::flat_of;
using test::validation_run;

// Every metric and some tests; conditions are columns too.
const std::vector<plan_column> columns{{"i", "bigint", ""},
                                       {"n", "numeric", ""},
                                       {"t", "text", ""},
                                       {"r", "double precision", ""},
                                       {"(i > 0)", "boolean", ""}};

std::string all_expectations()
{
    const std::string condition = R"(, "row_condition": "i > 0", "condition_parser": "sql"})";
    std::string made;
    for (const std::string& one :
         {expectation("column_values_to_be_between", R"({"column": "i", "max_value": 3})"),
          expectation("column_values_to_match_regex",
                      R"({"column": "t", "regex": "^[a-m]", "mostly": 0.5)" + condition),
          expectation("column_values_to_not_be_null", R"({"column": "n"})"),
          expectation("column_pair_values_a_to_be_greater_than_b", R"({"column_A": "i", "column_B": "n"})"),
          expectation("multicolumn_sum_to_equal", R"({"column_list": ["i", "n", "r"], "sum_total": 1})"),
          expectation("column_values_to_be_unique", R"({"column": "t"})"),
          expectation("column_values_to_be_unique", R"({"column": "i")" + condition),
          expectation("compound_columns_to_be_unique", R"({"column_list": ["i", "t"]})"),
          expectation("column_mean_to_be_between", R"({"column": "n", "max_value": 3})"),
          expectation("column_sum_to_be_between", R"({"column": "r", "max_value": 3)" + condition),
          expectation("column_max_to_be_between", R"({"column": "t", "max_value": "x"})"),
          expectation("column_min_to_be_between", R"({"column": "n", "max_value": 3})"),
          expectation("column_median_to_be_between", R"({"column": "r", "max_value": 3})"),
          expectation("column_value_z_scores_to_be_less_than",
                      R"({"column": "i", "threshold": 2, "double_sided": true})"),
          expectation("column_distinct_values_to_be_in_set", R"({"column": "i", "value_set": [1, 2]})"),
          expectation("column_unique_value_count_to_be_between", R"({"column": "n", "max_value": 5})")}) {
        made += (made.empty() ? "" : ",") + one;
    }
    return made;
}

std::vector<field> random_row(const validation_run& run, std::mt19937& random)
{
    const int number = static_cast<int>(random() % 20) - 8;
    const std::string whole = std::to_string(number);
    const std::string part = whole + ".125";
    const std::string text(1 + random() % 2, static_cast<char>('a' + random() % 20));
    auto maybe = [&random](const std::string& value) { return random() % 10 == 0 ? nullptr : value.c_str(); };
    const char* i = maybe(whole);
    return run.row({i, maybe(part), maybe(text), maybe(part), i == nullptr ? nullptr : number > 0 ? "true" : "false"});
}

// What a second scan is told to look for, with the values themselves in place of the file that holds them.
std::string sought_of(const json& look_for, run_store* store)
{
    if (store == nullptr || !look_for.contains("repeated")) {
        return look_for.dump();
    }
    const json& written = look_for["repeated"];
    std::vector<std::byte> bytes(written[1].get<std::size_t>());
    store->read({written[0].get<std::uint64_t>(), bytes.size()}, 0, bytes);
    return json{{"repeated", to_hex(bytes)}}.dump();
}

std::string answers(const validation_run& run, validation_state& state, run_store* store = nullptr)
{
    std::string made;
    for (const outcome& o : run.judge(state)) {
        made += o.what->label() + ' ' + std::to_string(o.success) + ' ' + std::to_string(o.element_count.value_or(0)) +
                ' ' + std::to_string(o.missing_count.value_or(0)) + ' ' +
                std::to_string(o.unexpected_count.value_or(0)) + ' ' + o.observed_value.dump() +
                sought_of(o.look_for, store) + o.fault;
        for (const auto& failure : o.listed) {
            made += ' ' + std::string{failure.values} + std::string{failure.keys};
        }
        made += '\n';
    }
    return made;
}

TEST(validation_state, any_split_merges_to_the_whole)
{
    const validation_run run{columns, all_expectations()};
    const validation_run elsewhere{columns, all_expectations()};
    std::mt19937 random{1};
    for (int round = 0; round < 30; ++round) {
        const auto whole = run.empty();
        std::vector<std::unique_ptr<validation_state>> parts;
        for (std::size_t i = 0; i < 1 + random() % 4; ++i) {
            parts.push_back(run.empty());
        }
        const std::size_t rows = random() % 120;
        for (std::size_t i = 0; i < rows; ++i) {
            const auto row = random_row(run, random);
            run.add(*whole, row, i);
            run.add(*parts[random() % parts.size()], row, i);
        }
        const auto merged = elsewhere.empty();
        for (const auto& part : parts) {
            const auto sent = elsewhere.read(flat_of(*part));
            merged->merge(round % 2 == 0 ? *part : *sent);
        }
        ASSERT_EQ(flat_of(*merged), flat_of(*whole));
        ASSERT_EQ(answers(elsewhere, *merged), answers(run, *whole));
        const auto back = elsewhere.read(flat_of(*whole));
        ASSERT_EQ(flat_of(*back), flat_of(*whole));
        ASSERT_EQ(answers(elsewhere, *back), answers(run, *whole));
    }
}

TEST(validation_state, spills_and_answers_the_same)
{
    test::memory_run_store store;
    const std::string unique = expectation("column_values_to_be_unique", R"({"column": "i"})") + ',' +
                               expectation("column_median_to_be_between", R"({"column": "i", "max_value": 3})");
    const std::vector<plan_column> one{{"i", "bigint", ""}};
    const validation_run spilling{one, unique, {.budget = 65536, .store = &store}};
    const validation_run keeping{one, unique};
    const auto a = spilling.empty();
    const auto b = spilling.empty();
    const auto whole = keeping.empty();
    for (int i = 0; i < 60000; ++i) {
        const std::vector<field> row{test::integer_field(i % 59999)};
        spilling.add(i % 3 == 0 ? *a : *b, row, static_cast<std::size_t>(i));
        keeping.add(*whole, row, static_cast<std::size_t>(i));
    }
    EXPECT_GT(store.files(), 0U);
    a->merge(*b);
    EXPECT_EQ(answers(spilling, *a, &store), answers(keeping, *whole));
    EXPECT_EQ(keeping.judge(*whole)[0].unexpected_count, 2U);
}

TEST(validation_state, of_no_rows)
{
    const validation_run run{columns, all_expectations()};
    const auto none = run.empty();
    for (const outcome& o : run.judge(*none)) {
        EXPECT_EQ(o.fault, "") << o.what->label();
        EXPECT_EQ(o.element_count, 0U);
        EXPECT_FALSE(o.unexpected_percent.has_value());
    }
    EXPECT_EQ(none->rows(), 0U);
}

TEST(validation_state, lists_so_many_rows_as_it_is_told)
{
    for (const std::uint32_t listed : {0U, 1U, 3U, 100U}) {
        const validation_run run{{{"i", "bigint", ""}},
                                 expectation("column_values_to_be_between", R"({"column": "i", "max_value": 3})"),
                                 {.tell = [listed](plan& told) { told.listed = listed; }}};
        const auto state = run.state_of({{"4"}, {"1"}, {"5"}, {nullptr}, {"6"}, {"7"}});
        const outcome found = run.judge(*state)[0];
        EXPECT_EQ(found.unexpected_count, 4U);
        EXPECT_EQ(found.listed.size(), std::min<std::size_t>(listed, 4));
        if (listed == 3) {
            EXPECT_EQ(found.listed[2].values, "6");
            EXPECT_EQ(found.listed[2].keys, "{\"n\": 4}");
        }
    }
}

TEST(validation_state, knows_its_own_plan)
{
    const validation_run run{columns, all_expectations()};
    const validation_run other{columns, expectation("column_values_to_not_be_null", R"({"column": "n"})")};
    const auto a = run.empty();
    const auto b = other.empty();
    EXPECT_THROW(a->merge(*b), error);
    EXPECT_EQ(validation_state::plan_of(flat_of(*a)), run.text);
}

// A flat state whose head says so many rows.
std::vector<std::byte> with_rows(const validation_run& run, std::uint64_t rows)
{
    auto flat = flat_of(*run.empty());
    std::memcpy(flat.data() + 8 + 8 + run.text.size(), &rows, sizeof rows);
    return flat;
}

TEST(validation_state, never_counts_more_rows_than_a_bigint)
{
    const validation_run run{columns, all_expectations()};
    EXPECT_THROW(run.read(with_rows(run, ~std::uint64_t{0})), error);
    const auto a = run.read(with_rows(run, std::uint64_t{1} << 62));
    const auto b = run.read(with_rows(run, std::uint64_t{1} << 62));
    EXPECT_THROW(a->merge(*b), error);
}

TEST(validation_state, refuses_bytes_that_are_cut_or_more)
{
    const validation_run run{columns, all_expectations()};
    const auto state = run.state_of({{"1", "2.5", "a", "1", "true"}, {"5", nullptr, "z", "nan", "true"}});
    auto flat = flat_of(*state);
    for (std::size_t size = 0; size < flat.size(); ++size) {
        EXPECT_THROW(run.read(std::span{flat}.first(size)), error) << size;
    }
    flat.push_back(std::byte{0});
    EXPECT_THROW(run.read(flat), error);
}

TEST(validation_state, refuses_forged_bytes_or_lives_with_them)
{
    const validation_run run{columns, all_expectations()};
    const auto state = run.state_of(
        {{"1", "2.5", "a", "1", "true"}, {"5", nullptr, "z", "nan", "true"}, {"5", "-1", nullptr, "7", "true"}});
    const auto flat = flat_of(*state);
    const std::size_t body = 16 + run.text.size();
    std::mt19937 random{9};
    for (int round = 0; round < 5000; ++round) {
        auto forged = flat;
        for (std::size_t changes = 1 + random() % 3; changes > 0; --changes) {
            forged[body + random() % (forged.size() - body)] = static_cast<std::byte>(random());
        }
        try {
            const auto read = run.read(forged);
            read->merge(*state);
            run.add(*read, random_row(run, random), 1);
            answers(run, *read);
        } catch (const error&) {
        }
    }
}

struct stopped {};

TEST(validation_state, can_be_stopped)
{
    const validation_run run{{{"i", "bigint", ""}}, expectation("column_values_to_be_unique", R"({"column": "i"})")};
    metric_room room = run.room();
    room.poll = [] { throw stopped{}; };
    validation_state state{run.rules(), run.text, room};
    const auto fill = [&] {
        for (int i = 0; i < 1000000; ++i) {
            run.add(state, {test::integer_field(i)}, 1);
        }
    };
    EXPECT_THROW(fill(), stopped);
}

} // namespace
} // namespace etl::validate
