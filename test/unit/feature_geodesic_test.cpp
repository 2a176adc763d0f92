#include "feature/geodesic.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

namespace {

struct known_distance {
    etl::place from;
    etl::place to;
    double metres;
};

// From GeographicLib's own test set (geodtest), longitudes brought into [-180, 180], and the worked examples of Karney,
// "Algorithms for geodesics" (2013): a direct problem turned round, and two nearly antipodal places.
constexpr known_distance known[] = {
    {{35.60777, -139.44815}, {-11.17491, -69.95921}, 8935244.5604818305},
    {{55.52454, 106.05087}, {77.03196, 197.18234 - 360}, 4105086.1713924406},
    {{-21.97856, 142.59065}, {41.84138, 98.56635}, 8394328.894657671},
    {{-66.99028, 112.2363}, {-12.70631, 285.90344 - 360}, 11150344.2312080241},
    {{-17.42761, 173.34268}, {-15.84784, 5.93557}, 16076603.1631180673},
    {{32.84994, 48.28919}, {-56.28556, 202.29132 - 360}, 16727068.9438164461},
    {{6.96833, 52.74123}, {-7.39675, 206.17291 - 360}, 17102477.2496958388},
    {{40, 0}, {41.79331020506, 137.84490004377}, 10'000'000},
    {{-30, 0}, {29.9, 179.8}, 19989832.827610},
};

TEST(geodesic, agrees_with_published_distances)
{
    for (const auto& [from, to, metres] : known) {
        // The last two are given to micrometres, all others to nanometres.
        const double precision = metres == 10'000'000 ? 1e-5 : metres == 19989832.827610 ? 1e-6 : 2e-8;
        EXPECT_NEAR(etl::geodesic_km(from, to) * 1000, metres, precision);
        EXPECT_NEAR(etl::geodesic_km(to, from) * 1000, metres, precision);
    }
}

TEST(geodesic, knows_the_edges_of_the_globe)
{
    EXPECT_EQ(etl::geodesic_km({12, 34}, {12, 34}), 0);
    EXPECT_NEAR(etl::geodesic_km({0, -180}, {0, 180}), 0, 1e-12);
    EXPECT_NEAR(etl::geodesic_km({90, 0}, {90, 120}), 0, 1e-12);
    EXPECT_NEAR(etl::geodesic_km({-90, 0}, {90, 0}), 20003.931458623, 1e-6); // twice the quarter of a meridian
    EXPECT_NEAR(etl::geodesic_km({10, 20}, {30, 40}), etl::haversine_km({10, 20}, {30, 40}), 15);
}

TEST(geodesic, refuses_places_off_the_globe)
{
    EXPECT_THROW(etl::geodesic_km({90.1, 0}, {0, 0}), etl::error);
    EXPECT_THROW(etl::geodesic_km({0, 0}, {0, -180.1}), etl::error);
    EXPECT_THROW(etl::geodesic_km({0, __builtin_nan("")}, {0, 0}), etl::error);
}

} // namespace
