#include "rollup/distinct_rows.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <string_view>

namespace {

using etl::rollup::distinct_rows;

constexpr std::size_t no_limit = std::size_t{1} << 30;

std::span<const std::byte> bytes(std::string_view text)
{
    return std::as_bytes(std::span{text});
}

std::string text(std::span<const std::byte> row)
{
    return {reinterpret_cast<const char*>(row.data()), row.size()};
}

distinct_rows rows(std::size_t most_rows, std::size_t most_bytes = no_limit)
{
    return {{most_rows, most_bytes}, std::pmr::new_delete_resource()};
}

TEST(distinct_rows, has_none_at_first)
{
    const auto none = rows(10);
    EXPECT_EQ(none.count(), 0U);
    EXPECT_FALSE(none.is_overrun());
}

TEST(distinct_rows, keeps_each_once_in_the_order_of_their_coming)
{
    auto kept = rows(10);
    for (const char* row : {"hour 7", "hour 8", "hour 7", "", "hour 9 and more than eight", "hour 8", ""}) {
        EXPECT_TRUE(kept.add(bytes(row)));
    }
    ASSERT_EQ(kept.count(), 4U);
    EXPECT_EQ(text(kept.row(0)), "hour 7");
    EXPECT_EQ(text(kept.row(1)), "hour 8");
    EXPECT_EQ(text(kept.row(2)), "");
    EXPECT_EQ(text(kept.row(3)), "hour 9 and more than eight");
    EXPECT_FALSE(kept.is_overrun());
}

TEST(distinct_rows, tells_rows_apart_that_differ_in_their_length_only)
{
    using namespace std::string_view_literals;
    auto kept = rows(10);
    for (const auto row : {"a"sv, "a\0"sv, "a\0\0\0\0\0\0\0"sv, "a\0\0\0\0\0\0\0\0"sv}) {
        kept.add(bytes(row));
    }
    EXPECT_EQ(kept.count(), 4U);
}

TEST(distinct_rows, rows_lie_at_multiples_of_eight)
{
    auto kept = rows(100);
    for (std::size_t length = 0; length < 100; ++length) {
        kept.add(bytes(std::string(length, 'x')));
    }
    for (std::size_t i = 0; i < kept.count(); ++i) {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(kept.row(i).data()) % 8, 0U);
    }
}

TEST(distinct_rows, has_room_for_just_as_many_as_it_was_told)
{
    auto kept = rows(2);
    EXPECT_TRUE(kept.add(bytes("a")));
    EXPECT_TRUE(kept.add(bytes("b")));
    EXPECT_TRUE(kept.add(bytes("a")));
    EXPECT_FALSE(kept.is_overrun()) << "known rows take no room";
    EXPECT_FALSE(kept.add(bytes("c")));
    EXPECT_TRUE(kept.is_overrun());
    EXPECT_EQ(kept.count(), 2U);
}

TEST(distinct_rows, keeps_nothing_new_once_it_was_overrun)
{
    auto kept = rows(10, 24);
    EXPECT_TRUE(kept.add(bytes("a")));
    EXPECT_FALSE(kept.add(bytes("more than twenty-four bytes")));
    EXPECT_TRUE(kept.is_overrun());
    EXPECT_FALSE(kept.add(bytes("b"))) << "there would be room";
    EXPECT_TRUE(kept.add(bytes("a")));
    EXPECT_EQ(kept.count(), 1U);
}

TEST(distinct_rows, counts_bytes_in_words_of_eight)
{
    auto kept = rows(10, 24);
    EXPECT_TRUE(kept.add(bytes("a")));
    EXPECT_TRUE(kept.add(bytes("just 16 bytes...")));
    EXPECT_FALSE(kept.add(bytes("b")));
    EXPECT_TRUE(kept.is_overrun());
}

TEST(distinct_rows, keeps_none_where_none_is_allowed)
{
    auto none = rows(0);
    EXPECT_FALSE(none.add(bytes("a")));
    EXPECT_TRUE(none.is_overrun());
    auto no_bytes = rows(10, 0);
    EXPECT_TRUE(no_bytes.add(bytes("")));
    EXPECT_FALSE(no_bytes.add(bytes("a")));
}

TEST(distinct_rows, is_a_set_of_many_random_rows)
{
    std::mt19937 random{7};
    auto kept = rows(100'000);
    std::set<std::string> expected;
    for (int i = 0; i < 50'000; ++i) {
        std::string row(random() % 20, '\0');
        for (char& c : row) {
            c = static_cast<char>(random() % 3);
        }
        EXPECT_TRUE(kept.add(bytes(row)));
        expected.insert(row);
    }
    ASSERT_EQ(kept.count(), expected.size());
    for (std::size_t i = 0; i < kept.count(); ++i) {
        EXPECT_EQ(expected.erase(text(kept.row(i))), 1U);
    }
}

} // namespace
