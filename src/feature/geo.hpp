// Places on the globe: the distance between two of them, and whether somebody travelled faster than anybody can.
#pragma once

#include "core/bytes.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace etl {

// Degrees; north and east are positive.
struct place {
    double latitude;
    double longitude;
};

// Throws where the latitude lies outside [-90, 90], the longitude outside [-180, 180], or either is no number.
void check_place(place where);

// Great-circle distance in kilometres on a sphere of the Earth's mean radius, by the haversine formula (R. W. Sinnott,
// "Virtues of the haversine", Sky and Telescope 68, 1984), which keeps its precision at small distances. The Earth is
// no sphere: the distance on the ellipsoid differs by up to about half a percent.
double haversine_km(place from, place to);

// What counts as impossible travel: further apart than max_km, and less than max_gap microseconds between.
struct travel_limit {
    double max_km = 500.0;
    std::int64_t max_gap = 3'600'000'000;

    friend bool operator==(const travel_limit&, const travel_limit&) noexcept = default;
};

// The state of etl.geo_velocity: the last two located rows, whatever order and splits they come in.
//
// Rows are ordered by time; of equal times the one further north counts as later, then the one further east. So two
// rows are chosen without regard to how the rows arrive, and merging any split gives the same state.
class geo_velocity {
  public:
    // Takes the state in the buffer; an empty buffer becomes a state without rows, with this limit. Throws when the
    // state has another limit.
    geo_velocity(flat_buffer& buffer, travel_limit limit);

    void add(std::int64_t moment, place where);

    // Adds the other state's rows. Both have the same limit, or it throws; an empty buffer takes over the other's.
    static void merge(flat_buffer& buffer, std::span<const std::byte> other);

    // True when there are two rows and the limit is broken.
    static bool broken(std::span<const std::byte> bytes);

    static void check(std::span<const std::byte> bytes);

  private:
    flat_buffer& buffer_;
};

} // namespace etl
