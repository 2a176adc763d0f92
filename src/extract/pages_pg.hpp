// Pages that a session has open, by numbers that SQL holds: see fetch.sql.
#pragma once

#include "extract/page_stream.hpp"

namespace etl {

// The page that etl._await_page has brought last; it lives until the next one is awaited or the handle is closed. Throws
// 22023 for a handle that is not open for the current role, and 55000 where no page is there.
const page& current_page(int handle);

} // namespace etl
