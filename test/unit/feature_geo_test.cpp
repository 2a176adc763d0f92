// Distances on the globe, and the state that watches for impossible travel.
#include "feature/geo.hpp"

#include "core/error.hpp"
#include "unit/vector_buffer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace {

using etl::geo_velocity;
using etl::place;
using etl::travel_limit;
using etl::test::vector_buffer;

constexpr double radius = 6371.0088;
constexpr double pi = 3.14159265358979323846;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t minute = 60'000'000;

constexpr place berlin{52.5200, 13.4050};
constexpr place paris{48.8566, 2.3522};
constexpr place hamburg{53.5511, 9.9937};

struct row {
    std::int64_t moment;
    place where;
};

vector_buffer state_of(const std::vector<row>& rows, travel_limit limit = {})
{
    vector_buffer buffer;
    geo_velocity state{buffer, limit};
    for (const auto& [moment, where] : rows) {
        state.add(moment, where);
    }
    return buffer;
}

bool broken(const std::vector<row>& rows, travel_limit limit = {})
{
    auto state = state_of(rows, limit);
    geo_velocity::check(state.bytes());
    return geo_velocity::broken(state.bytes());
}

TEST(Haversine, KnownArcs)
{
    EXPECT_DOUBLE_EQ(etl::haversine_km({0, 0}, {0, 0}), 0.0);
    EXPECT_NEAR(etl::haversine_km({0, 0}, {0, 90}), radius * pi / 2, 1e-9);   // a quarter of the equator
    EXPECT_NEAR(etl::haversine_km({-90, 0}, {90, 0}), radius * pi, 1e-9);     // pole to pole
    EXPECT_NEAR(etl::haversine_km({0, -180}, {0, 180}), 0.0, 1e-9);           // the same meridian
    EXPECT_NEAR(etl::haversine_km({30, 20}, {-30, -160}), radius * pi, 1e-6); // antipodes
    EXPECT_NEAR(etl::haversine_km({10, 179.5}, {10, -179.5}), etl::haversine_km({10, 0.5}, {10, -0.5}), 1e-9);
    EXPECT_NEAR(etl::haversine_km({45, 0}, {45 + 1e-7, 0}), radius * 1e-7 * pi / 180, 1e-12);
    EXPECT_NEAR(etl::haversine_km(berlin, paris), 877.46, 0.01);
}

// The spherical law of cosines: another formula, precise where distances are not small.
TEST(Haversine, AgreesWithTheLawOfCosines)
{
    std::mt19937_64 random{1};
    std::uniform_real_distribution<double> latitude{-90, 90};
    std::uniform_real_distribution<double> longitude{-180, 180};
    for (int i = 0; i < 1000; ++i) {
        const place a{latitude(random), longitude(random)};
        const place b{latitude(random), longitude(random)};
        const double u = a.latitude * pi / 180;
        const double v = b.latitude * pi / 180;
        const double cosine =
            std::sin(u) * std::sin(v) + std::cos(u) * std::cos(v) * std::cos((a.longitude - b.longitude) * pi / 180);
        EXPECT_NEAR(etl::haversine_km(a, b), radius * std::acos(std::clamp(cosine, -1.0, 1.0)), 1e-2);
        EXPECT_EQ(etl::haversine_km(a, b), etl::haversine_km(b, a));
    }
}

TEST(Haversine, RefusesPlacesOffTheGlobe)
{
    for (const place nowhere : {place{90.1, 0}, place{-91, 0}, place{0, 180.5}, place{0, -181}, place{nan, 0},
                                place{0, nan}, place{infinity, 0}, place{0, -infinity}}) {
        EXPECT_THROW(etl::haversine_km(nowhere, {0, 0}), etl::error);
        EXPECT_THROW(etl::haversine_km({0, 0}, nowhere), etl::error);
    }
    try {
        etl::check_place({91.5, 0});
        FAIL();
    } catch (const etl::error& e) {
        EXPECT_STREQ(e.what(), "latitude 91.5 is not between -90 and 90");
        EXPECT_STREQ(e.sqlstate(), etl::sqlstate::invalid_parameter_value);
    }
}

TEST(GeoVelocity, NeedsTwoRowsFarApartWithinTheHour)
{
    EXPECT_FALSE(broken({}));
    EXPECT_FALSE(broken({{0, berlin}}));
    EXPECT_TRUE(broken({{0, berlin}, {59 * minute, paris}}));
    EXPECT_FALSE(broken({{0, berlin}, {60 * minute, paris}})) << "an hour is not less than an hour";
    EXPECT_FALSE(broken({{0, berlin}, {minute, hamburg}}));
    EXPECT_TRUE(broken({{0, berlin}, {0, paris}}));
}

TEST(GeoVelocity, LooksAtTheLastTwoRowsOnly)
{
    EXPECT_FALSE(broken({{0, berlin}, {minute, paris}, {2 * minute, paris}}));
    EXPECT_TRUE(broken({{5 * minute, paris}, {0, berlin}, {-90 * minute, paris}}));
}

TEST(GeoVelocity, TakesAnotherLimit)
{
    EXPECT_TRUE(broken({{0, berlin}, {minute, hamburg}}, {200, 2 * minute}));
    EXPECT_FALSE(broken({{0, berlin}, {minute, hamburg}}, {300, 2 * minute}));
    EXPECT_FALSE(broken({{0, berlin}, {2 * minute, hamburg}}, {200, 2 * minute}));
    const double exactly = etl::haversine_km(berlin, hamburg);
    EXPECT_FALSE(broken({{0, berlin}, {minute, hamburg}}, {exactly, 2 * minute})) << "the limit itself is allowed";
}

TEST(GeoVelocity, RefusesBadLimitsAndPlaces)
{
    vector_buffer buffer;
    EXPECT_THROW((geo_velocity{buffer, {-1, minute}}), etl::error);
    EXPECT_THROW((geo_velocity{buffer, {nan, minute}}), etl::error);
    EXPECT_THROW((geo_velocity{buffer, {1, 0}}), etl::error);
    geo_velocity state{buffer, {}};
    EXPECT_THROW(state.add(0, {91, 0}), etl::error);
    EXPECT_THROW((geo_velocity{buffer, {1, minute}}), etl::error) << "another limit than the state's";
}

TEST(GeoVelocity, TheWholeRangeOfTimeDoesNotOverflow)
{
    constexpr auto first = std::numeric_limits<std::int64_t>::min();
    constexpr auto last = std::numeric_limits<std::int64_t>::max();
    EXPECT_FALSE(broken({{first, berlin}, {last, paris}}));
    EXPECT_FALSE(broken({{first, berlin}, {last, paris}}, {500, last}));
    EXPECT_TRUE(broken({{0, berlin}, {last - 1, paris}}, {500, last}));
}

// Every order and every split of rows with equal times gives the same bytes.
TEST(GeoVelocity, MergeOfEverySplitIsTheWhole)
{
    std::mt19937_64 random{4};
    std::vector<row> rows;
    for (int i = 0; i < 12; ++i) {
        rows.push_back({static_cast<std::int64_t>(random() % 3) * minute,
                        {static_cast<double>(random() % 3), static_cast<double>(random() % 3)}});
    }
    auto whole = state_of(rows);
    for (int round = 0; round < 200; ++round) {
        std::shuffle(rows.begin(), rows.end(), random);
        const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(random() % (rows.size() + 1));
        auto left = state_of({rows.begin(), middle});
        auto right = state_of({middle, rows.end()});
        geo_velocity::merge(left, right.bytes());
        EXPECT_TRUE(std::ranges::equal(left.bytes(), whole.bytes()));
    }
    vector_buffer empty;
    geo_velocity::merge(empty, whole.bytes());
    EXPECT_TRUE(std::ranges::equal(empty.bytes(), whole.bytes()));
    auto other_limit = state_of(rows, {1, minute});
    EXPECT_THROW(geo_velocity::merge(empty, other_limit.bytes()), etl::error);
}

template <class T>
void expect_refused(std::size_t at, T value)
{
    auto forged = state_of({{0, berlin}, {minute, paris}});
    etl::store(forged.data() + at, value);
    EXPECT_THROW(geo_velocity::check(forged.bytes()), etl::error) << "at byte " << at;
}

TEST(GeoVelocity, RefusesForgedBytes)
{
    expect_refused(0, std::uint32_t{1});
    expect_refused(4, std::uint32_t{9});
    expect_refused(8, -1.0);
    expect_refused(8, nan);
    expect_refused(16, std::int64_t{0});
    expect_refused(24, std::uint64_t{3});
    expect_refused(24, ~std::uint64_t{0});
    expect_refused(32, std::int64_t{-1}); // the last row before the one before
    expect_refused(40, 90.5);
    expect_refused(48, nan);
    expect_refused(72, -infinity);
    auto state = state_of({});
    for (const std::size_t size : {0ul, 8ul, 79ul, 81ul}) {
        auto cut = state;
        cut.resize(size);
        EXPECT_THROW(geo_velocity::check(cut.bytes()), etl::error);
        EXPECT_THROW(geo_velocity::broken(cut.bytes()), etl::error);
    }
}

} // namespace
