#include "feature/geodesic.hpp"

#include <GeographicLib/Geodesic.hpp>

#include "core/cpp_only.hpp"

namespace etl {

double geodesic_km(place from, place to)
{
    check_place(from);
    check_place(to);
    constexpr double metres_per_km = 1000.0;
    double metres = 0.0;
    GeographicLib::Geodesic::WGS84().Inverse(from.latitude, from.longitude, to.latitude, to.longitude, metres);
    return metres / metres_per_km;
}

} // namespace etl
