// Branches of the answer as queries over the logs.
#pragma once

#include "rollup/key_case_pg.hpp"

namespace etl::rollup {

// May raise.
Query* query_of(const net& in, const branch& from);

} // namespace etl::rollup
