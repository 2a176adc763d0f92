#include "feature/geo.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <numbers>
#include <string>
#include <tuple>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

// The mean radius R1 = (2a + b) / 3 of GRS 80: H. Moritz, "Geodetic Reference System 1980", Journal of Geodesy 74,
// 2000.
constexpr double earth_radius_km = 6371.0088;

constexpr char type_name[] = "etl.geo_velocity_state";
constexpr std::uint32_t magic = make_magic("GEOV");
constexpr std::uint32_t version = 1;

// A located row. Later rows are greater.
struct sighting {
    std::int64_t moment;
    place where;

    auto key() const noexcept { return std::tuple{moment, where.latitude, where.longitude}; }
};

// The layout: rows[0] is the last row, rows[1] the one before; what `count` leaves out is zero.
struct state {
    state_header head;
    travel_limit limit;
    std::uint64_t count;
    sighting rows[2];

    void add(const sighting& row) noexcept
    {
        if (count == 0 || rows[0].key() < row.key()) {
            rows[1] = rows[0];
            rows[0] = row;
        } else if (count == 1 || rows[1].key() < row.key()) {
            rows[1] = row;
        }
        count = std::min<std::uint64_t>(count + 1, 2);
    }
};
static_assert(sizeof(state) == 80);

bool is_inside(double degrees, double bound) noexcept
{
    return degrees >= -bound && degrees <= bound; // false for NaN
}

std::string shown(double number)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.15g", number);
    return text;
}

[[noreturn]] void refuse_place(const char* what, double degrees, const char* bound)
{
    throw error(sqlstate::invalid_parameter_value,
                std::string{what} + " " + shown(degrees) + " is not between -" + bound + " and " + bound);
}

double radians(double degrees) noexcept
{
    return degrees * (std::numbers::pi / 180.0);
}

void check_limit(travel_limit limit)
{
    if (!(limit.max_km >= 0.0)) {
        throw error(sqlstate::invalid_parameter_value,
                    "max_km must be a distance of at least 0, not " + shown(limit.max_km));
    }
    if (limit.max_gap <= 0) {
        throw error(sqlstate::invalid_parameter_value, "max_gap must be longer than 0, not " +
                                                           shown(static_cast<double>(limit.max_gap) / 1e6) +
                                                           " seconds");
    }
}

void check_same_limit(const state& one, travel_limit other)
{
    if (one.limit != other) {
        throw error(sqlstate::invalid_parameter_value, "max_km and max_gap must be the same for all rows of a group");
    }
}

state read_state(std::span<const std::byte> bytes)
{
    check_header(bytes, magic, version, type_name);
    if (bytes.size() != sizeof(state)) {
        refuse_state(type_name, "The value has " + std::to_string(bytes.size()) + " bytes, not " +
                                    std::to_string(sizeof(state)) + ".");
    }
    const auto kept = load<state>(bytes.data());
    if (kept.count > std::size(kept.rows)) {
        refuse_state(type_name, "The value counts " + std::to_string(kept.count) + " rows, which are at most 2.");
    }
    return kept;
}

void check_row(const sighting& row)
{
    if (!is_inside(row.where.latitude, 90.0) || !is_inside(row.where.longitude, 180.0)) {
        refuse_state(type_name, "A row lies nowhere on the globe.");
    }
}

} // namespace

void check_place(place where)
{
    if (!is_inside(where.latitude, 90.0)) {
        refuse_place("latitude", where.latitude, "90");
    }
    if (!is_inside(where.longitude, 180.0)) {
        refuse_place("longitude", where.longitude, "180");
    }
}

double haversine_km(place from, place to)
{
    check_place(from);
    check_place(to);
    const double from_latitude = radians(from.latitude);
    const double to_latitude = radians(to.latitude);
    const double up = std::sin((to_latitude - from_latitude) / 2);
    const double across = std::sin(radians(to.longitude - from.longitude) / 2);
    const double h = up * up + std::cos(from_latitude) * std::cos(to_latitude) * across * across;
    return 2 * earth_radius_km * std::asin(std::sqrt(std::min(h, 1.0))); // rounding may pass 1 at antipodes
}

geo_velocity::geo_velocity(flat_buffer& buffer, travel_limit limit) : buffer_{buffer}
{
    if (buffer_.size() != 0) {
        check_same_limit(read_state(buffer_.bytes()), limit);
        return;
    }
    check_limit(limit);
    buffer_.resize(sizeof(state));
    store(buffer_.data(), state{{magic, version}, limit, 0, {}});
}

void geo_velocity::add(std::int64_t moment, place where)
{
    check_place(where);
    auto kept = load<state>(buffer_.data());
    kept.add({moment, where});
    store(buffer_.data(), kept);
}

void geo_velocity::merge(flat_buffer& buffer, std::span<const std::byte> other)
{
    const state from = read_state(other);
    geo_velocity into{buffer, from.limit};
    auto kept = load<state>(buffer.data());
    for (std::uint64_t i = 0; i < from.count; ++i) {
        kept.add(from.rows[i]);
    }
    store(buffer.data(), kept);
}

bool geo_velocity::broken(std::span<const std::byte> bytes)
{
    const state kept = read_state(bytes);
    if (kept.count < 2) {
        return false;
    }
    // The difference of two moments may not fit: unsigned, it does, and the first is not the earlier one.
    const std::uint64_t gap =
        static_cast<std::uint64_t>(kept.rows[0].moment) - static_cast<std::uint64_t>(kept.rows[1].moment);
    return gap < static_cast<std::uint64_t>(kept.limit.max_gap) &&
           haversine_km(kept.rows[0].where, kept.rows[1].where) > kept.limit.max_km;
}

void geo_velocity::check(std::span<const std::byte> bytes)
{
    const state kept = read_state(bytes);
    if (!(kept.limit.max_km >= 0.0) || kept.limit.max_gap <= 0) {
        refuse_state(type_name, "The limit is no distance or no span of time.");
    }
    for (std::uint64_t i = 0; i < kept.count; ++i) {
        check_row(kept.rows[i]);
    }
    if (kept.count == 2 && kept.rows[0].key() < kept.rows[1].key()) {
        refuse_state(type_name, "The rows are not in order.");
    }
}

} // namespace etl
