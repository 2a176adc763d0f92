// The first failing rows: the same under any plan and in any order of merging.
#include "validate/failures.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace etl::validate {
namespace {

struct row final : row_locator {
    explicit row(std::uint32_t number) : number{number} {}
    row_position position() const override { return {1, number, 1}; }
    std::string keys() const override { return std::to_string(number); }
    std::uint32_t number;
};

void fail(failures& found, std::uint32_t number)
{
    ++found.unexpected;
    found.list(row{number}, [number] { return 'v' + std::to_string(number); });
}

std::string listed(const failures& found)
{
    std::string made;
    for (const auto& failure : found.listed()) {
        EXPECT_EQ("v" + std::string{failure.keys}, std::string{failure.values});
        made += std::string{failure.values} + ' ';
    }
    return made;
}

std::vector<std::byte> flat_of(const failures& found)
{
    std::pmr::vector<std::byte> made{std::pmr::get_default_resource()};
    byte_writer to{made};
    found.write(to);
    return {made.begin(), made.end()};
}

failures none(std::uint32_t most)
{
    return {most, std::pmr::get_default_resource()};
}

TEST(failures, lists_the_first_by_position)
{
    failures found = none(3);
    for (const std::uint32_t number : {9, 2, 7, 4, 8, 1}) {
        fail(found, number);
    }
    EXPECT_EQ(listed(found), "v1 v2 v4 ");
    EXPECT_EQ(found.unexpected, 6U);
}

TEST(failures, makes_no_list_of_rows_that_are_not_kept)
{
    failures found = none(1);
    fail(found, 1);
    found.list(row{2}, []() -> std::string { throw error{"XX000", "asked for in vain"}; });
    failures nothing = none(0);
    nothing.list(row{1}, []() -> std::string { throw error{"XX000", "asked for in vain"}; });
    EXPECT_EQ(listed(nothing), "");
}

TEST(failures, any_split_merges_to_the_whole)
{
    std::mt19937 random{1};
    for (int round = 0; round < 200; ++round) {
        std::vector<std::uint32_t> numbers(random() % 40);
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            numbers[i] = static_cast<std::uint32_t>(i * 3);
        }
        std::ranges::shuffle(numbers, random);
        const std::uint32_t most = random() % 12;
        failures whole = none(most);
        std::vector<failures> parts(1 + random() % 5, none(most));
        for (const std::uint32_t number : numbers) {
            fail(whole, number);
            fail(parts[random() % parts.size()], number);
        }
        std::ranges::shuffle(parts, random);
        failures merged = none(most);
        for (const failures& part : parts) {
            merged.merge(part);
        }
        EXPECT_EQ(listed(merged), listed(whole));
        EXPECT_EQ(flat_of(merged), flat_of(whole));
    }
}

TEST(failures, keep_the_first_ones_that_fit_into_memory)
{
    constexpr std::uint32_t many = 20'000;
    const std::string values(5000, 'v');
    const auto gather = [&](auto number_of) {
        failures made = none(1 << 24);
        for (std::uint32_t i = 0; i < many; ++i) {
            ++made.unexpected;
            made.list(row{number_of(i)}, [&] { return values; });
        }
        return made;
    };
    for (const bool backwards : {false, true}) {
        const auto kept = gather([=](std::uint32_t i) { return backwards ? many - 1 - i : i; }).listed();
        EXPECT_GT(kept.size(), failures::least_budget / 6000);
        EXPECT_LT(kept.size(), many);
        EXPECT_EQ(kept.front().keys, "0");
        EXPECT_EQ(std::string{kept.back().keys}, std::to_string(kept.size() - 1));
    }
    const failures whole = gather([](std::uint32_t i) { return i; });
    failures back = none(1 << 24);
    const auto flat = flat_of(whole);
    byte_reader from{flat, "a state"};
    back.read(from, many);
    EXPECT_EQ(back.listed().size(), whole.listed().size());
}

TEST(failures, round_trip_and_go_on)
{
    failures found = none(3);
    for (const std::uint32_t number : {9, 2, 7, 4}) {
        fail(found, number);
    }
    found.passed_over += 5;
    found.missing += 6;
    const auto flat = flat_of(found);
    failures back = none(3);
    byte_reader from{flat, "a state"};
    back.read(from, 15);
    EXPECT_EQ(from.left(), 0U);
    EXPECT_EQ(flat_of(back), flat);
    fail(back, 1);
    EXPECT_EQ(listed(back), "v1 v2 v4 ");
    EXPECT_EQ(back.missing, 6U);
    EXPECT_EQ(back.passed_over, 5U);
}

TEST(failures, refuse_counters_that_contradict_each_other)
{
    const auto read = [](std::uint64_t passed_over, std::uint64_t missing, std::uint64_t unexpected,
                         std::uint32_t count, std::uint64_t rows = 5) {
        std::pmr::vector<std::byte> bytes{std::pmr::get_default_resource()};
        byte_writer to{bytes};
        to.value(passed_over);
        to.value(missing);
        to.value(unexpected);
        to.value(count);
        for (std::uint32_t i = 0; i < count; ++i) {
            to.value(std::uint32_t{1});
            to.value(i);
            to.value(std::uint16_t{1});
            to.string("1");
            to.string("");
        }
        byte_reader from{bytes, "a state"};
        none(2).read(from, rows);
    };
    EXPECT_NO_THROW(read(0, 1, 4, 2));
    EXPECT_NO_THROW(read(2, 1, 2, 2));
    EXPECT_NO_THROW(read(0, 0, 0, 0, 0));
    EXPECT_THROW(read(6, 0, 0, 0), error) << "more passed over than rows";
    EXPECT_THROW(read(0, 6, 0, 0), error) << "more missing than rows";
    EXPECT_THROW(read(1, 1, 4, 0), error) << "more in all than rows";
    EXPECT_THROW(read(0, 0, 1, 2), error) << "more listed than unexpected";
    EXPECT_THROW(read(0, 0, 5, 3), error) << "more listed than are kept";
    EXPECT_THROW(read(0, ~0ULL, 2, 0), error) << "counts that overflow";
}

} // namespace
} // namespace etl::validate
