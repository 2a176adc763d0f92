// PostgreSQL's side of the checks: what a column's type is, and its values as fields.
#pragma once

#include "pg/function.hpp"
#include "validate/checker.hpp"
#include "validate/read_field_pg.hpp"

#include <memory>

namespace etl::validate {

// Reads a suite document. JSON is UTF-8: in a database of another encoding a suite must be plain ASCII.
suite read_suite(std::string_view document);

// The document of a stored suite of the caller's, its parameters bound to their own values. Errors: 42704 no such suite.
std::string stored_document(std::string_view name);

// The column_type of a PostgreSQL type and collation (domains count as what they are made of). Literals and the like
// live in `memory`.
std::unique_ptr<column_type> make_column_type(Oid type, Oid collation, MemoryContext memory);

// A column as plans write it, and the column_type of one that a plan names. A type or collation that is gone is
// PostgreSQL's to report.
plan_column describe_column(std::string name, Oid type, Oid collation);
Oid type_of(const plan_column& from);
std::unique_ptr<column_type> make_plan_type(const plan_column& from, MemoryContext memory);

// Texts of registered JSON schemas, read with the caller's rights.
std::optional<std::string> registered_schema(const std::string& uri);

// How a column of a type is read.
reading reading_of(Oid base_type);

// For each column of a checker: its reading, or `presence` where no check looks at more than whether there is a value
// (which then is not fetched from its TOAST table).
std::vector<reading> readings_of(const checker& checks, std::span<const Oid> types);

} // namespace etl::validate
