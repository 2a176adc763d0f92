#include "core/zone_pg.hpp"

#include "core/text.hpp"
#include "pg/boundary.hpp"

#include <limits>
#include <string>

namespace etl::clock {

server_zone::server_zone(std::string_view name) : zone_{nullptr}
{
    const std::string text{name};
    zone_ = pg::call([&text] { return pg_tzset(text.c_str()); });
    if (zone_ == nullptr || !pg_tz_acceptable(zone_)) {
        throw error(sqlstate::invalid_parameter_value, "time zone " + in_quotes(name) + " is not known", {},
                    "SELECT name FROM pg_timezone_names; lists those that are, as 'Europe/Berlin' or 'UTC'.");
    }
}

clock_offset server_zone::at(moment when) const
{
    const pg_time_t at = when;
    pg_time_t boundary = 0;
    long int offset = 0;
    long int offset_after = 0;
    int is_dst = 0;
    int is_dst_after = 0;
    const int found = pg_next_dst_boundary(&at, &offset, &is_dst, &boundary, &offset_after, &is_dst_after, zone_);
    if (found < 0) {
        throw error(sqlstate::invalid_parameter_value,
                    "the clocks of time zone " + in_quotes(pg_get_timezone_name(zone_)) + " are not known at " +
                        std::to_string(when) + " s since 1970");
    }
    return {offset, found == 0 ? std::numeric_limits<moment>::max() : boundary};
}

} // namespace etl::clock
