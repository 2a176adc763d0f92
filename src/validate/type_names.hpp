// Names of types as suites write them: Great Expectations reports PostgreSQL's types by SQLAlchemy's class names
// (INTEGER, DOUBLE_PRECISION), and suites that were made with pandas name numpy's (int64, datetime64).
#pragma once

#include <string>
#include <string_view>

namespace etl::validate {

// The class name that SQLAlchemy's dialect for PostgreSQL has for a type, given as PostgreSQL writes it.
std::string great_expectations_name(std::string_view type);

// Whether a name in a suite means a type, given as PostgreSQL writes it: the class, one that it is derived from, an
// older alias of pandas, or the type spelled out as SQL, whose length or precision is passed over.
bool is_type(std::string_view type, std::string_view wanted);

} // namespace etl::validate
