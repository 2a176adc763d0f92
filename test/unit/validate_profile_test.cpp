// The profile of a column against plain counting, however its rows are split, stored and merged.
#include "unit/fake_columns.hpp"
#include "unit/memory_run_store.hpp"
#include "validate/most_frequent.hpp"
#include "validate/profile.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <random>

namespace etl::validate {
namespace {

using test::integer_field;
using test::null_field;
using test::real_field;
using test::text_field;

// One column, and what a scan of it needs.
class one_column {
  public:
    explicit one_column(const char* type) { columns_.push_back(test::fake_column("c", type)); }

    using metric_pointer = std::unique_ptr<column_profile, void (*)(column_profile*)>;

    metric_pointer make(const metric_room& room, std::vector<fingerprint> sought = {})
    {
        metric_spec spec{.kind = metric_kind::profile, .columns = {0}};
        spec.identical = true;
        spec.sought = std::move(sought);
        auto* made = static_cast<column_profile*>(make_metric(spec, columns_view{columns_}, room));
        return {made, [](column_profile* gone) { destroy_metric(gone, std::pmr::get_default_resource()); }};
    }

    metric_pointer of(std::span<const field> values, const metric_room& room = {}, std::vector<fingerprint> sought = {})
    {
        auto made = make(room, std::move(sought));
        add(*made, values);
        return made;
    }

    // What a validation_state does for a metric.
    static void add(column_profile& to, std::span<const field> values)
    {
        for (const field& value : values) {
            ++to.rows;
            if (!value.is_null()) {
                ++to.values;
                to.add(std::span{&value, 1});
            }
        }
    }
    static void merge(column_profile& to, const column_profile& from)
    {
        to.rows += from.rows;
        to.values += from.values;
        to.merge(from);
    }
    metric_pointer through_bytes(column_profile& from, const metric_room& room)
    {
        std::pmr::vector<std::byte> flat;
        byte_writer writer{flat};
        from.write(writer);
        auto made = make(room);
        made->rows = from.rows;
        made->values = from.values;
        byte_reader reader{flat, "a test"};
        made->read(reader);
        reader.expect_end();
        return made;
    }

  private:
    std::vector<column> columns_;
};

// A summary as one text, to compare.
std::string text_of(const profile_summary& of)
{
    std::string made = std::to_string(of.rows) + ' ' + std::to_string(of.values) + " distinct " +
                       (of.distinct ? std::to_string(*of.distinct) : "?") + ' ' + of.least.value_or("?") + " to " +
                       of.greatest.value_or("?") + " mean " + (of.mean ? std::to_string(*of.mean) : "?") + " ± " +
                       (of.deviation ? std::to_string(*of.deviation) : "?");
    for (const std::string& quantile : of.quantiles) {
        made += ' ' + quantile;
    }
    for (const auto& [json, rows] : of.top.value_or(std::vector<profile_summary::counted>{})) {
        made += ' ' + json + '*' + std::to_string(rows);
    }
    if (of.characters) {
        made += ' ' + std::to_string(of.characters->shortest) + ".." + std::to_string(of.characters->longest) + ' ' +
                std::to_string(of.characters->mean);
    }
    for (const fingerprint& print : of.sought) {
        made += ' ' + hex_of(print);
    }
    return made + " /" + of.pattern + '/';
}

// --- known answers -------------------------------------------------------------------------------------------------

TEST(column_profile, of_no_values_is_empty)
{
    for (const char* type : {"bigint", "double precision", "text"}) {
        one_column column{type};
        EXPECT_EQ(text_of(column.of({})->summarize(10)), "0 0 distinct 0 ? to ? mean ? ± ? //");
        const std::vector<field> nulls(3);
        EXPECT_EQ(text_of(column.of(nulls)->summarize(10)), "3 0 distinct 0 ? to ? mean ? ± ? //");
    }
}

TEST(column_profile, of_integers)
{
    one_column column{"bigint"};
    const std::vector values{integer_field(3), integer_field(-1), null_field(), integer_field(3)};
    EXPECT_EQ(text_of(column.of(values)->summarize(10)),
              "4 3 distinct 2 -1 to 3 mean 1.666667 ± 2.309401 -1 -1 3 3 3 3*2 -1*1 //");
    const std::vector one{integer_field(std::numeric_limits<std::int64_t>::min())};
    EXPECT_EQ(column.of(one)->summarize(10).least, "-9223372036854775808");
    EXPECT_EQ(column.of(one)->summarize(10).deviation, std::nullopt);
}

TEST(column_profile, of_floats_has_nan_last)
{
    constexpr double infinity = std::numeric_limits<double>::infinity();
    one_column column{"double precision"};
    const std::vector values{real_field(0.0), real_field(-0.0), real_field(std::nan("")), real_field(-infinity)};
    const profile_summary found = column.of(values)->summarize(10);
    EXPECT_EQ(found.distinct, 3);
    EXPECT_EQ(found.least, "-Infinity");
    EXPECT_EQ(found.greatest, "NaN");
    EXPECT_EQ(found.top->front().rows, 2);
    EXPECT_TRUE(std::isnan(*found.mean));
}

TEST(column_profile, of_texts)
{
    one_column column{"text"};
    const std::vector values{text_field("EU-17"), text_field("US-9"), text_field("EU-17"), text_field("é\"\n"),
                             null_field()};
    EXPECT_EQ(text_of(column.of(values)->summarize(10)),
              "5 4 distinct 3 EU-17 to é\"\n mean ? ± ? \"EU-17\"*2 \"US-9\"*1 \"é\\\"\\u000a\"*1 3..5 4.250000 //");
    EXPECT_EQ(column.of(std::span{values}.first(3))->summarize(10).pattern, "^[A-Z]{2}-[0-9]+$");
}

TEST(column_profile, lists_values_that_occur_once_only_where_they_are_all)
{
    one_column column{"bigint"};
    std::vector<field> values;
    for (int i = 0; i < 10; ++i) {
        values.push_back(integer_field(i));
    }
    EXPECT_EQ(column.of(values)->summarize(10).top->size(), 10U);
    EXPECT_EQ(column.of(values)->summarize(9).top->size(), 0U);
    values.push_back(integer_field(4));
    EXPECT_EQ(column.of(values)->summarize(9).top->size(), 1U);
}

TEST(most_frequent, keeps_the_lesser_of_equally_frequent_keys)
{
    most_frequent<std::uint64_t> found{2};
    for (const auto& [key, rows] : std::map<std::uint64_t, std::uint64_t>{{1, 5}, {2, 7}, {3, 7}, {4, 7}, {5, 6}}) {
        found.add({key, rows});
    }
    const auto kept = found.take();
    ASSERT_EQ(kept.size(), 2U);
    EXPECT_EQ(kept[0].key, 2U);
    EXPECT_EQ(kept[1].key, 3U);
    EXPECT_TRUE(most_frequent<std::uint64_t>{0}.take().empty());
}

// --- any rows, in any parts ----------------------------------------------------------------------------------------

class random_column {
  public:
    random_column(std::string_view type, std::size_t different, std::size_t rows, std::uint64_t seed) : random_{seed}
    {
        for (std::size_t i = 0; i < different; ++i) {
            const std::string number = std::to_string(random_() % 1000000);
            texts_.push_back("k" + number);
            alike_.push_back("K" + number);
            decimals_.emplace_back(number + ".25");
        }
        while (values_.size() < rows) {
            const std::size_t i = std::min(random_() % different, random_() % different);
            values_.push_back(random_() % 10 == 0 ? null_field() : make(type, i));
        }
    }

    std::span<const field> values() const { return values_; }
    std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  private:
    field make(std::string_view type, std::size_t i)
    {
        if (type == "text" || type == "loose") {
            return text_field(type == "loose" && random_() % 2 == 0 ? alike_[i] : texts_[i]);
        }
        return type == "numeric"            ? decimals_[i].as_field()
               : type == "double precision" ? real_field(static_cast<double>(i) / 8)
                                            : integer_field(static_cast<std::int64_t>(i));
    }

    std::mt19937_64 random_;
    std::vector<std::string> texts_;
    std::vector<std::string> alike_;
    std::deque<test::decimal_digits> decimals_;
    std::vector<field> values_;
};

TEST(column_profile, is_the_same_of_any_parts)
{
    for (const char* type : {"bigint", "double precision", "numeric", "text", "loose"}) {
        for (const std::size_t different : {1U, 7U, 900U, 1024U, 1025U, 30000U}) {
            one_column column{type};
            random_column from{type, different, 20000, different};
            const std::string whole = text_of(column.of(from.values())->summarize(10));
            test::memory_run_store store;
            const metric_room room{.budget = 4096, .store = &store};
            auto merged = column.make(room);
            for (auto rest = from.values(); !rest.empty();) {
                const auto part = rest.first(std::min<std::size_t>(rest.size(), 1 + from.below(9000)));
                auto one = column.of(part, room);
                one_column::merge(*merged, *column.through_bytes(*one, room));
                rest = rest.subspan(part.size());
            }
            EXPECT_EQ(text_of(merged->summarize(10)), whole) << different;
        }
    }
}

TEST(column_profile, finds_frequent_texts_by_their_fingerprints)
{
    one_column column{"text"};
    random_column from{"text", 4000, 30000, 5};
    std::map<std::string, std::uint64_t> counted;
    for (const field& value : from.values()) {
        if (!value.is_null()) {
            ++counted[std::string{value.text}];
        }
    }
    std::vector<std::pair<std::string, std::uint64_t>> expected{counted.begin(), counted.end()};
    std::ranges::stable_sort(expected, [](const auto& a, const auto& b) { return a.second > b.second; });

    const profile_summary first = column.of(from.values())->summarize(10);
    EXPECT_EQ(first.distinct, counted.size());
    EXPECT_EQ(first.least, counted.begin()->first);
    EXPECT_EQ(first.greatest, counted.rbegin()->first);
    EXPECT_FALSE(first.top);
    ASSERT_EQ(first.sought.size(), 250U);

    auto left = column.of(from.values().first(100), {}, first.sought);
    const auto right = column.of(from.values().subspan(100), {}, first.sought);
    one_column::merge(*left, *right);
    const auto top = *left->summarize(10).top;
    ASSERT_EQ(top.size(), 10U);
    for (std::size_t i = 0; i < top.size(); ++i) {
        EXPECT_EQ(top[i].json, '"' + expected[i].first + '"');
        EXPECT_EQ(top[i].rows, expected[i].second);
    }
}

TEST(column_profile, of_equal_values_shows_the_one_that_sorts_first)
{
    one_column column{"loose"};
    std::vector values{text_field("b"), text_field("A"), text_field("B"), text_field("a")};
    do {
        const profile_summary found = column.of(values)->summarize(10);
        EXPECT_EQ(found.distinct, 2);
        EXPECT_EQ(found.least, "A");
        EXPECT_EQ(found.greatest, "B");
        EXPECT_EQ(found.top->front().json, "\"A\"");
        EXPECT_EQ(found.pattern, "^[A-Za-z]$");
    } while (std::ranges::next_permutation(values, {}, &field::text).found);
}

TEST(column_profile, gives_up_long_values)
{
    one_column column{"text"};
    std::vector<std::string> texts;
    std::vector<field> values;
    for (int i = 0; i < 1000; ++i) {
        texts.push_back(std::string(500, static_cast<char>('a' + i % 26)) + std::to_string(i));
    }
    for (const std::string& text : texts) {
        values.insert(values.end(), 2, text_field(text));
    }
    const profile_summary found = column.of(values)->summarize(10);
    EXPECT_EQ(found.distinct, 1000);
    EXPECT_EQ(found.sought.size(), 250U);
}

// --- a stranger's bytes --------------------------------------------------------------------------------------------

TEST(column_profile, writes_what_is_large_into_its_store)
{
    test::memory_run_store store;
    one_column whole{"bigint"};
    const auto made = whole.make({.budget = 64 << 20, .store = &store});
    for (std::int64_t i = 0; i < 500'000; ++i) {
        const field value = integer_field(i * 7919);
        one_column::add(*made, std::span{&value, 1});
    }
    std::pmr::vector<std::byte> flat;
    byte_writer writer{flat};
    made->write(writer);
    EXPECT_LT(flat.size(), 1U << 20);
    EXPECT_GT(store.files(), 0U);
}

TEST(column_profile, refuses_damaged_bytes)
{
    std::mt19937_64 random{11};
    for (const char* type : {"bigint", "text"}) {
        for (const std::size_t different : {5U, 3000U}) {
            one_column column{type};
            random_column from{type, different, 4000, 3};
            auto sound = column.of(from.values());
            std::pmr::vector<std::byte> flat;
            byte_writer writer{flat};
            sound->write(writer);
            for (int round = 0; round < 300; ++round) {
                auto damaged = flat;
                damaged[random() % std::min<std::size_t>(damaged.size(), 400)] = static_cast<std::byte>(random());
                damaged.resize(random() % 4 == 0 ? random() % damaged.size() : damaged.size());
                auto read = column.make({});
                read->rows = sound->rows;
                read->values = sound->values;
                try {
                    byte_reader reader{damaged, "a test"};
                    read->read(reader);
                    one_column::merge(*read, *sound);
                    read->summarize(10);
                } catch (const error&) {
                }
            }
        }
    }
}

TEST(profile_metrics, reads_what_plans_tell)
{
    const fingerprint print{0x0102030405060708, 9};
    const json told = json::parse(R"({"identical": true, "sought": [")" + hex_of(print) + R"("]})");
    const auto made = profile_metrics({{2, told}}, 3);
    ASSERT_EQ(made.size(), 1U);
    EXPECT_EQ(made[0].columns, std::vector<std::size_t>{2});
    EXPECT_EQ(made[0].sought, std::vector{print});
    EXPECT_THROW(profile_metrics({{3, told}}, 3), error);
    for (const char* damaged : {"{}", "[]", "7", R"({"identical": 1, "sought": []})", R"({"identical": true})",
                                R"({"identical": true, "sought": ["12"]})", R"({"identical": true, "sought": [7]})"}) {
        EXPECT_THROW(profile_metrics({{0, json::parse(damaged)}}, 3), error) << damaged;
    }
}

} // namespace
} // namespace etl::validate
