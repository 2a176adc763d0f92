// Distances on the ellipsoid. Apart from geo.hpp, because it alone needs GeographicLib.
#pragma once

#include "feature/geo.hpp"

namespace etl {

// The shortest way between two places on the WGS 84 ellipsoid in kilometres, to 15 nanometres: C. F. F. Karney,
// "Algorithms for geodesics", Journal of Geodesy 87, 2013, as GeographicLib computes it. Throws on places off the globe.
double geodesic_km(place from, place to);

} // namespace etl
