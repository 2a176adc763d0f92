// Velocity tiles against rows that are kept one by one, in any order and division; forged states.
#include "sketch/velocity_tiles.hpp"

#include "unit/vector_buffer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace {

using etl::velocity_tiles;
using etl::test::vector_buffer;

constexpr std::int64_t minute = velocity_tiles::microseconds_per_minute;

using moments = std::vector<std::int64_t>;

vector_buffer tiles_of(const moments& rows, int minutes)
{
    vector_buffer state;
    velocity_tiles made{state, minutes};
    for (const std::int64_t row : rows) {
        made.add(row);
    }
    return state;
}

vector_buffer packed(vector_buffer state)
{
    vector_buffer stored;
    velocity_tiles::pack(state.bytes(), stored);
    EXPECT_NO_THROW(velocity_tiles::check(stored.bytes()));
    return stored;
}

std::uint64_t rows_between(const moments& rows, std::int64_t first, std::int64_t last)
{
    return static_cast<std::uint64_t>(std::ranges::count_if(rows, [=](std::int64_t row) {
        return velocity_tiles::minute_of(row) >= first && velocity_tiles::minute_of(row) <= last;
    }));
}

TEST(VelocityTiles, AMinuteHasItsFirstMicrosecondAndNotTheNextMinutes)
{
    EXPECT_EQ(velocity_tiles::minute_of(0), 0);
    EXPECT_EQ(velocity_tiles::minute_of(minute - 1), 0);
    EXPECT_EQ(velocity_tiles::minute_of(minute), 1);
    EXPECT_EQ(velocity_tiles::minute_of(-1), -1);
    EXPECT_EQ(velocity_tiles::minute_of(-minute), -1);
    EXPECT_EQ(velocity_tiles::minute_of(-minute - 1), -2);
}

TEST(VelocityTiles, CountWholeTiles)
{
    vector_buffer state = tiles_of({0, 1, minute - 1, minute, 5 * minute, 5 * minute + 3}, 10);
    EXPECT_EQ(velocity_tiles::rows_within(state.bytes(), 1), 2U);
    EXPECT_EQ(velocity_tiles::rows_within(state.bytes(), 5), 3U);
    EXPECT_EQ(velocity_tiles::rows_within(state.bytes(), 6), 6U);
    EXPECT_EQ(velocity_tiles::rows_within(state.bytes(), 1, 5 * minute), 2U);
    EXPECT_EQ(velocity_tiles::rows_within(state.bytes(), 1, 6 * minute), 0U);
    EXPECT_EQ(velocity_tiles::rows_within(state.bytes(), 2, minute + 7), 4U);
    EXPECT_EQ(velocity_tiles::rows_within(state.bytes(), 10, 100 * minute), 0U);
    EXPECT_EQ(velocity_tiles::rows_within(state.bytes(), 10, -100 * minute), 0U);
    EXPECT_THROW((void)velocity_tiles::rows_within(state.bytes(), 11), etl::error);
    EXPECT_THROW((void)velocity_tiles::rows_within(state.bytes(), 0), etl::error);
}

TEST(VelocityTiles, SayWhatTheyHaveDropped)
{
    vector_buffer state = tiles_of({0, minute, 2 * minute, 12 * minute, 0, 1}, 10);
    const auto ring = velocity_tiles::read(state.bytes());
    EXPECT_EQ(ring.dropped, 5U);
    EXPECT_EQ(ring.count(), 1U);
    EXPECT_EQ(velocity_tiles::rows_within(state.bytes(), 10), 1U);
    EXPECT_EQ(velocity_tiles::rows_within(state.bytes(), 9, 11 * minute), 0U);
    EXPECT_THROW((void)velocity_tiles::rows_within(state.bytes(), 10, 11 * minute), etl::error);
    vector_buffer complete = tiles_of({11 * minute, 12 * minute}, 10);
    EXPECT_EQ(velocity_tiles::rows_within(complete.bytes(), 10, 11 * minute), 1U);
}

TEST(VelocityTiles, AreTheSameInAnyOrderAndDivision)
{
    std::mt19937_64 random{13};
    for (int round = 0; round < 300; ++round) {
        const int minutes = static_cast<int>(1 + random() % 50);
        const auto width = static_cast<std::int64_t>(1 + random() % 200);
        moments rows;
        for (std::size_t i = 1 + random() % 300; i > 0; --i) {
            rows.push_back(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(width * minute)) -
                           50 * minute);
        }
        if (round % 3 == 0) {
            std::ranges::sort(rows);
        }
        vector_buffer growing = tiles_of(rows, minutes);
        EXPECT_NO_THROW(velocity_tiles::check(growing.bytes()));
        vector_buffer whole = packed(growing);
        const std::int64_t newest = velocity_tiles::minute_of(std::ranges::max(rows));
        const auto ring = velocity_tiles::read(whole.bytes());
        EXPECT_EQ(ring.count(), rows_between(rows, newest - minutes + 1, newest));
        EXPECT_EQ(ring.dropped + ring.count(), rows.size());
        for (int span = 1; span <= minutes; ++span) {
            EXPECT_EQ(velocity_tiles::rows_within(whole.bytes(), span), rows_between(rows, newest - span + 1, newest));
            EXPECT_EQ(velocity_tiles::rows_within(growing.bytes(), span),
                      rows_between(rows, newest - span + 1, newest));
        }
        std::shuffle(rows.begin(), rows.end(), random);
        const auto half = rows.begin() + 1 + static_cast<std::ptrdiff_t>(random() % rows.size());
        vector_buffer merged = tiles_of({rows.begin(), half}, minutes);
        if (half != rows.end()) {
            velocity_tiles::merge(merged, tiles_of({half, rows.end()}, minutes).bytes());
        }
        vector_buffer stored = packed(merged);
        EXPECT_TRUE(std::ranges::equal(stored.bytes(), whole.bytes())) << "round " << round;
    }
}

TEST(VelocityTiles, StoredStatesGrowOn)
{
    vector_buffer state = packed(tiles_of({0, minute}, 3));
    velocity_tiles grown{state, 3};
    for (int i = 0; i < 100; ++i) {
        grown.add(i * minute);
    }
    vector_buffer stored = packed(state);
    EXPECT_EQ(stored.size(), 24 + 3 * 16U);
    EXPECT_EQ(velocity_tiles::read(stored.bytes()).dropped, 99U);
}

TEST(VelocityTiles, RefuseMinutesThatAreNone)
{
    for (const int minutes : {0, -1, velocity_tiles::most_minutes + 1}) {
        vector_buffer none;
        EXPECT_THROW((velocity_tiles{none, minutes}), etl::error);
    }
    vector_buffer state = tiles_of({1}, 5);
    EXPECT_THROW((velocity_tiles{state, 6}), etl::error);
    EXPECT_THROW(velocity_tiles::merge(state, tiles_of({1}, 6).bytes()), etl::error);
}

void expect_refused(vector_buffer state, std::size_t at, std::vector<std::uint8_t> bytes, const char* what)
{
    for (const std::uint8_t byte : bytes) {
        state.data()[at++] = std::byte{byte};
    }
    EXPECT_THROW(velocity_tiles::check(state.bytes()), etl::error) << what;
}

// Of rows in one tile, in two, and dropped.
TEST(VelocityTiles, MergeNoMoreThanMayBeStored)
{
    vector_buffer half = packed(tiles_of({0}, 10));
    etl::store(half.data() + 32, std::uint64_t{1} << 61);
    vector_buffer whole = half;
    EXPECT_NO_THROW(velocity_tiles::merge(whole, half.bytes()));
    EXPECT_NO_THROW(velocity_tiles::check(whole.bytes()));
    for (const std::int64_t moment : {std::int64_t{0}, minute, 100 * minute}) {
        vector_buffer into = whole;
        try {
            velocity_tiles::merge(into, packed(tiles_of({moment}, 10)).bytes());
            ADD_FAILURE() << moment;
        } catch (const etl::error& refused) {
            EXPECT_STREQ(refused.sqlstate(), "54000");
        }
    }
}

TEST(VelocityTiles, RefuseForgedBytes)
{
    vector_buffer good = packed(tiles_of({0, minute}, 10));
    expect_refused(good, 0, {0}, "magic");
    expect_refused(good, 4, {2}, "version");
    expect_refused(good, 8, {0}, "a ring of no minutes");
    expect_refused(good, 11, {1}, "a ring that is too long");
    expect_refused(good, 12, {0}, "no tiles");
    expect_refused(good, 12, {3}, "more tiles than there are");
    expect_refused(good, 23, {0x80}, "rows without end");
    expect_refused(good, 24, {2}, "minutes out of order");
    expect_refused(good, 31, {0x80}, "a minute before all time");
    expect_refused(good, 32, {0}, "a tile without rows");
    expect_refused(good, 39, {0x40}, "a tile with too many rows");
    EXPECT_THROW(velocity_tiles::check({}), etl::error);
    EXPECT_THROW(velocity_tiles::check(good.bytes().first(good.size() - 1)), etl::error);
}

} // namespace
