// Time zones of the server, as the core asks for them.
#pragma once

#include "core/schedule.hpp"
#include "pg/postgres.hpp"

#include <string_view>

extern "C" {
#include <pgtime.h>
}

namespace etl::clock {

class server_zone final : public zone {
  public:
    // Throws invalid_parameter_value for a name that the server does not know (any more).
    explicit server_zone(std::string_view name);

    clock_offset at(moment when) const override;

  private:
    pg_tz* zone_; // the server keeps it
};

} // namespace etl::clock
