// Counters of values: exact against std::map, space-saving within its bounds, merged in any split, forged.
#include "sketch/most_frequent.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <vector>

namespace {

using etl::counted_value;
using etl::frequency_table;

constexpr std::size_t much = std::size_t{1} << 30;

class any final : public etl::same_value {
  public:
    bool is(const counted_value&) const override { return true; }
};

class by_print final : public etl::value_rules {
  public:
    bool are_equal(const counted_value&, const counted_value&) const override { return true; }
    bool is_shown_before(const counted_value& a, const counted_value& b) const override
    {
        return std::memcmp(a.bytes, b.bytes, sizeof(std::int64_t)) < 0;
    }
};

void add(frequency_table& to, std::int64_t value)
{
    const etl::fingerprint key = fingerprint_of(value, etl::number_kind::integer);
    if (counted_value* found = to.find(key, any{})) {
        to.count(*found);
    } else {
        etl::store(to.add(key, sizeof value).bytes, value);
    }
}

std::int64_t value_of(const counted_value& of)
{
    return etl::load<std::int64_t>(of.bytes);
}

std::vector<std::int64_t> skewed(std::mt19937_64& random, std::size_t count)
{
    std::vector<std::int64_t> made(count);
    for (std::int64_t& value : made) {
        value = static_cast<std::int64_t>(200 * std::pow(static_cast<double>(random() % 10000) / 10000, 3));
    }
    return made;
}

std::map<std::int64_t, std::uint64_t> counted(const std::vector<std::int64_t>& values)
{
    std::map<std::int64_t, std::uint64_t> made;
    for (const std::int64_t value : values) {
        ++made[value];
    }
    return made;
}

void expect_within_bounds(const frequency_table& table, const std::vector<std::int64_t>& values)
{
    auto truth = counted(values);
    EXPECT_EQ(table.rows(), values.size());
    EXPECT_LE(table.floor() * table.counters(), values.size());
    for (const counted_value& value : table.values()) {
        const auto times = truth.at(value_of(value));
        EXPECT_LE(value.least(), times);
        EXPECT_LE(times, value.count);
        EXPECT_LE(value.error * table.counters(), values.size());
        truth.erase(value_of(value));
    }
    for (const auto& [value, times] : truth) {
        EXPECT_LE(times, table.floor()) << value;
    }
}

TEST(MostFrequent, CountsExactlyWithoutABound)
{
    std::mt19937_64 random{1};
    const auto values = skewed(random, 5000);
    frequency_table table{std::pmr::get_default_resource(), 0, much};
    for (const std::int64_t value : values) {
        add(table, value);
    }
    std::map<std::int64_t, std::uint64_t> found;
    for (const counted_value& value : table.values()) {
        EXPECT_EQ(value.error, 0u);
        found[value_of(value)] = value.count;
    }
    EXPECT_EQ(found, counted(values));
    EXPECT_EQ(table.floor(), 0u);
}

TEST(MostFrequent, StaysWithinItsBounds)
{
    std::mt19937_64 random{2};
    for (const std::uint32_t counters : {1u, 2u, 7u, 50u, 150u, 1000u}) {
        const auto values = skewed(random, 3000);
        frequency_table table{std::pmr::get_default_resource(), counters, much};
        for (const std::int64_t value : values) {
            add(table, value);
        }
        ASSERT_LE(table.values().size(), counters);
        expect_within_bounds(table, values);
    }
}

TEST(MostFrequent, StaysWithinThemWhenMerged)
{
    std::mt19937_64 random{3};
    for (int round = 0; round < 60; ++round) {
        const auto counters = static_cast<std::uint32_t>(1 + random() % 60);
        frequency_table whole{std::pmr::get_default_resource(), counters, much};
        std::vector<std::int64_t> all;
        for (int part = 0; part < 4; ++part) {
            frequency_table table{std::pmr::get_default_resource(), counters, much};
            for (const std::int64_t value : skewed(random, random() % 800)) {
                add(table, value + part * 10);
                all.push_back(value + part * 10);
            }
            whole.merge(table, by_print{}, etl::never_poll);
            expect_within_bounds(whole, all);
        }
        for (const std::int64_t value : skewed(random, 300)) { // and goes on from there
            add(whole, value);
            all.push_back(value);
        }
        expect_within_bounds(whole, all);
    }
}

TEST(MostFrequent, MergedExactlyIsTheWhole)
{
    std::mt19937_64 random{4};
    const auto values = skewed(random, 2000);
    frequency_table whole{std::pmr::get_default_resource(), 0, much};
    for (std::size_t part = 0; part < 3; ++part) {
        frequency_table table{std::pmr::get_default_resource(), 0, much};
        for (std::size_t i = part; i < values.size(); i += 3) {
            add(table, values[i]);
        }
        whole.merge(table, by_print{}, etl::never_poll);
    }
    std::map<std::int64_t, std::uint64_t> found;
    for (const counted_value& value : whole.values()) {
        found[value_of(value)] = value.count;
    }
    EXPECT_EQ(found, counted(values));
}

TEST(MostFrequent, RefusesMoreThanMemoryHasRoomFor)
{
    frequency_table table{std::pmr::get_default_resource(), 0, 10000};
    try {
        for (std::int64_t value = 0;; ++value) {
            add(table, value);
            ASSERT_LT(value, 1000);
        }
    } catch (const etl::error& e) {
        EXPECT_STREQ(e.sqlstate(), etl::sqlstate::program_limit_exceeded);
    }
}

std::pmr::vector<std::byte> stored(std::uint32_t counters, std::uint64_t rows,
                                   const std::vector<etl::stored_frequency>& values)
{
    std::pmr::vector<std::byte> made;
    etl::byte_writer to{made};
    etl::write_frequencies_header(to, {6, 0, counters, rows, "pg_catalog", "text", "", ""}, values.size());
    for (const auto& value : values) {
        etl::write_frequency(to, value);
    }
    return made;
}

void expect_refused(std::span<const std::byte> bytes)
{
    EXPECT_THROW(etl::check_frequencies(bytes, etl::never_poll), etl::error);
}

TEST(MostFrequentReader, RefusesForgedBytes)
{
    const auto good = stored(2, 5, {{3, 1, "a"}, {2, 0, "b"}});
    etl::check_frequencies(good, etl::never_poll);
    for (std::size_t size = 0; size < good.size(); ++size) {
        expect_refused(std::span{good}.first(size));
    }
    expect_refused(stored(0, 5, {{3, 1, "a"}, {2, 0, "b"}})); // an error where counting is exact
    expect_refused(stored(0, 6, {{3, 0, "a"}, {2, 0, "b"}})); // a row too many
    expect_refused(stored(1, 5, {{3, 0, "a"}, {2, 0, "b"}})); // a value too many
    expect_refused(stored(2, 5, {{3, 3, "a"}, {2, 0, "b"}})); // nothing is left of a count
    expect_refused(stored(2, 4, {{3, 1, "a"}, {2, 0, "b"}})); // more counted than there were
    expect_refused(stored(0, 0, {{0, 0, "a"}}));
    expect_refused(stored(0, ~std::uint64_t{0}, {{~std::uint64_t{0}, 0, "a"}}));
}

} // namespace
