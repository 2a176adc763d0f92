// Values of PostgreSQL that do not come from a row: literals of suites, and numbers that the core has computed.
#pragma once

#include "core/decimal.hpp"
#include "pg/postgres.hpp"

#include <string_view>

namespace etl::validate {

// Whether a moment may name its offset from UTC or its zone: behind the time of day, which begins with the blank or the
// T behind a digit. Where it does not, reading it as such does no harm.
bool may_name_zone(std::string_view text);

// The session's local time at a moment that names its zone, which timestamp's own input passes over. May raise.
Datum read_zoned_timestamp(char* text);

// May raise.
Datum make_numeric(const decimal& value);

} // namespace etl::validate
