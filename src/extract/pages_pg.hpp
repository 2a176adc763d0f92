// Pages that a session has open, by numbers that SQL holds: see fetch.sql.
#pragma once

#include "extract/page_stream.hpp"

#include <memory>

namespace etl {

// The page that etl._await_page has brought last. Who reads it holds it: code of users that runs meanwhile may await the
// next one or close the handle. Throws 22023 for a handle that is not open for the current role, and 55000 where no
// page is there.
std::shared_ptr<const page> current_page(int handle);

} // namespace etl
