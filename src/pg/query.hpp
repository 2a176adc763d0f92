// What a query that a user hands over as text is, before it is run.
#pragma once

#include <string>

namespace etl::pg {

// Refuses everything but one SELECT (or VALUES, or TABLE) that changes no data; `what` names the argument in the error.
// A query that cannot be parsed raises PostgreSQL's own error. Needs a live spi_session.
void require_select(const std::string& query, const char* what, const char* hint);

} // namespace etl::pg
