// What slides: sums that lose nothing, different values, rows within a span, and sessions.
#include "feature/recent_rows.hpp"
#include "feature/session.hpp"
#include "feature/sliding_distinct.hpp"
#include "feature/sliding_sums.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace etl::feature;
using etl::decimal;

constexpr double infinity = std::numeric_limits<double>::infinity();

TEST(sliding_real_sum, is_as_if_what_went_had_never_come)
{
    sliding_real_sum sum;
    for (const double value : {1e300, 0.1, -1e300, 1e-300, infinity, std::nan("")}) {
        sum.move(value, step::add);
    }
    EXPECT_TRUE(std::isnan(sum.rounded()));
    sum.move(std::nan(""), step::take);
    EXPECT_EQ(sum.rounded(), infinity);
    sum.move(-infinity, step::add);
    EXPECT_TRUE(std::isnan(sum.mean(6)));
    sum.move(infinity, step::take);
    EXPECT_EQ(sum.mean(5), -infinity);
    sum.move(-infinity, step::take);
    sum.move(1e300, step::take);
    sum.move(-1e300, step::take);
    EXPECT_EQ(sum.rounded(), 0.1);
    sum.move(1e-300, step::take);
    EXPECT_EQ(sum.mean(2), 0.05);
    sum.clear();
    EXPECT_EQ(sum.rounded(), 0);
}

TEST(sliding_whole_sum, goes_beyond_64_bits)
{
    sliding_whole_sum sum;
    sum.move(INT64_MAX, step::add);
    sum.move(INT64_MAX, step::add);
    EXPECT_EQ(sum.value(), 2 * static_cast<__int128>(INT64_MAX));
    sum.move(INT64_MIN, step::take);
    EXPECT_EQ(sum.value(), 2 * static_cast<__int128>(INT64_MAX) - INT64_MIN);
}

struct number {
    std::vector<std::int16_t> digits;
    int weight;
    int places;
    decimal::sign is = decimal::sign::positive;

    scaled_decimal view() const
    {
        return {{is, weight, {reinterpret_cast<const char*>(digits.data()), 2 * digits.size()}}, places};
    }
};

class decimal_sums : public testing::Test {
  protected:
    // Sign, digits, weight and places.
    std::string shown() const
    {
        std::pmr::vector<std::int16_t> digits;
        const scaled_decimal made = sum.value(digits);
        std::string text = std::to_string(static_cast<int>(made.value.is));
        for (const std::int16_t digit : digits) {
            text += ' ' + std::to_string(digit);
        }
        return text + " w" + std::to_string(made.value.weight) + " p" + std::to_string(made.places);
    }
    void move(const number& value, step by) { sum.move(value.view(), by); }

    sliding_decimal_sum sum{std::pmr::get_default_resource()};
};

TEST_F(decimal_sums, carries_and_turns_its_sign)
{
    const number most{{9999, 9999}, 0, 4}; // 9999.9999
    const number least{{1}, -1, 4};        // 0.0001
    const number million{{100}, 1, 0};     // 1000000
    move(most, step::add);
    move(least, step::add);
    EXPECT_EQ(shown(), "0 1 w1 p4");
    move(million, step::take);
    EXPECT_EQ(shown(), "1 99 w1 p4");
    move(most, step::take);
    move(least, step::take);
    EXPECT_EQ(shown(), "1 100 w1 p0") << "what showed places has gone";
    move(million, step::add);
    EXPECT_EQ(shown(), "0 w0 p0");
}

TEST_F(decimal_sums, counts_what_is_no_number)
{
    const number nan{{}, 0, 0, decimal::sign::not_a_number};
    const number up{{}, 0, 0, decimal::sign::infinity};
    const number down{{}, 0, 0, decimal::sign::negative_infinity};
    const number two{{2}, 0, 1};
    move(two, step::add);
    move(up, step::add);
    EXPECT_EQ(shown(), "3 w0 p0");
    move(down, step::add);
    EXPECT_EQ(shown(), "2 w0 p0");
    move(up, step::take);
    EXPECT_EQ(shown(), "4 w0 p0");
    move(nan, step::add);
    move(down, step::take);
    EXPECT_EQ(shown(), "2 w0 p0");
    move(nan, step::take);
    EXPECT_EQ(shown(), "0 2 w0 p1");
    sum.clear();
    EXPECT_EQ(shown(), "0 w0 p0");
}

TEST_F(decimal_sums, finds_its_way_back_to_nothing)
{
    std::mt19937_64 random{1};
    std::deque<number> held;
    for (int i = 0; i < 3000; ++i) {
        number made{{}, static_cast<int>(random() % 9) - 4, static_cast<int>(random() % 20)};
        made.is = random() % 2 == 0 ? decimal::sign::positive : decimal::sign::negative;
        for (std::uint64_t d = random() % 5; d > 0; --d) {
            made.digits.push_back(static_cast<std::int16_t>(1 + random() % 9999));
        }
        move(made, step::add);
        held.push_back(made);
        if (random() % 3 == 0) {
            move(held.front(), step::take);
            held.pop_front();
        }
    }
    sliding_decimal_sum anew{std::pmr::get_default_resource()};
    for (const number& value : held) {
        anew.move(value.view(), step::add);
    }
    const std::string slid = shown();
    std::swap(sum, anew);
    EXPECT_EQ(slid, shown());
    for (const number& value : held) {
        move(value, step::take);
    }
    EXPECT_EQ(shown(), "0 w0 p0");
}

TEST(sliding_distinct, counts_as_maps_do)
{
    std::mt19937_64 random{2};
    sliding_distinct made{std::pmr::get_default_resource(), 2};
    std::map<std::uint64_t, int> maps[2];
    std::deque<std::uint64_t> windows[2];
    const std::size_t lengths[2] = {50, 3000};
    const auto print = [](std::uint64_t value) { return etl::fingerprint{value % 7 + 1, value}; };
    for (int i = 0; i < 20'000; ++i) {
        if (i == 10'000) {
            made.clear();
            for (int w : {0, 1}) {
                maps[w].clear();
                windows[w].clear();
            }
        }
        const std::uint64_t value = random() % (i % 1000 < 500 ? 20 : 2000);
        made.add(print(value));
        for (const std::size_t w : {0U, 1U}) {
            ++maps[w][value];
            windows[w].push_back(value);
            if (windows[w].size() > lengths[w]) {
                const std::uint64_t gone = windows[w].front();
                windows[w].pop_front();
                made.take(print(gone), w);
                if (--maps[w][gone] == 0) {
                    maps[w].erase(gone);
                }
            }
            ASSERT_EQ(made.count(w), static_cast<std::int64_t>(maps[w].size())) << i;
        }
    }
}

TEST(sliding_distinct, gets_small_after_a_large_key)
{
    sliding_distinct made{std::pmr::get_default_resource(), 1};
    for (std::uint64_t i = 1; i <= 10'000; ++i) {
        made.add({i, i});
    }
    EXPECT_GE(made.slots(), 10'000U);
    for (int key = 0; key < 20; ++key) {
        made.clear();
        EXPECT_EQ(made.count(0), 0);
        made.add({1, 1});
        EXPECT_EQ(made.count(0), 1);
    }
    EXPECT_LE(made.slots(), 16U);
}

TEST(recent_rows, counts_in_any_order)
{
    std::mt19937_64 random{3};
    recent_rows made{std::pmr::get_default_resource(), 100};
    std::deque<std::int64_t> frame;
    const auto counted = [&frame] {
        const std::int64_t newest = *std::max_element(frame.begin(), frame.end());
        return std::count_if(frame.begin(), frame.end(), [newest](std::int64_t t) { return t > newest - 100; });
    };
    for (int i = 0; i < 20'000; ++i) {
        const std::int64_t time = i / 4 * 3 + static_cast<std::int64_t>(random() % (i % 2000 < 1000 ? 4 : 200));
        made.add(time);
        frame.push_back(time);
        if (frame.size() > 30) {
            const std::int64_t gone = frame.front();
            frame.pop_front();
            if (!made.take(gone)) {
                made = recent_rows{std::pmr::get_default_resource(), 100};
                for (const std::int64_t kept : frame) {
                    made.add(kept);
                }
            }
        }
        ASSERT_EQ(made.count(), counted()) << i;
    }
}

TEST(sessions, part_where_the_gap_is_longer)
{
    sessions made;
    EXPECT_EQ(made.next(-5, 10), 1);
    EXPECT_EQ(made.next(5, 10), 1);
    EXPECT_EQ(made.next(16, 10), 2);
    EXPECT_EQ(made.next(16, 10), 2);
    EXPECT_EQ(made.next(15, 10), std::nullopt);
    EXPECT_EQ(made.last(), 16);
    EXPECT_EQ(made.next(INT64_MAX, 10), 3);
}

TEST(sessions, part_infinite_times_from_others)
{
    sessions made;
    EXPECT_EQ(made.next(INT64_MIN, INT64_MAX), 1);
    EXPECT_EQ(made.next(INT64_MIN, INT64_MAX), 1);
    EXPECT_EQ(made.next(0, INT64_MAX), 2);
}

} // namespace
