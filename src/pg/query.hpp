// What a query that a user hands over as text is, before it is run.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace etl::pg {

// Refuses everything but one SELECT (or VALUES, or TABLE) that changes no data; `what` names the argument in the error.
// A query that cannot be parsed raises PostgreSQL's own error. The types are those of $1 and so on. Needs a live
// spi_session.
void require_select(const std::string& query, const char* what, const char* hint, std::span<const Oid> types = {});

struct query_column {
    std::string name;
    Oid type;
    std::int32_t modifier;
    Oid collation;
};

// The columns that a query returns; it is not run. Refuses what require_select() refuses. Needs a live spi_session.
std::vector<query_column> describe_query(const std::string& query, const char* what,
                                         const char* hint = "Give one SELECT, without a semicolon.",
                                         std::span<const Oid> types = {});

// What the planner takes a query to cost, whatever the values of $1 and so on. Needs a live spi_session, and a query
// that require_select() accepts.
double planned_cost(const std::string& query, std::span<const Oid> types = {});

} // namespace etl::pg
