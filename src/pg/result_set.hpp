// Set-returning functions: rows go into a tuplestore, which spills to disk past work_mem.
#pragma once

#include "pg/function.hpp"

#include <span>

extern "C" {
#include <access/htup.h>
#include <access/tupdesc.h>
#include <executor/tuptable.h>
}

namespace etl::pg {

class result_set {
  public:
    // Checks that the caller wants a set and opens the tuplestore with the declared row type. Phase one.
    explicit result_set(arguments args);

    // The columns that the caller wants, for a function that RETURNS SETOF record to compare with what it has.
    TupleDesc columns() const noexcept;

    // Adds a row: one value and one is-null flag a column.
    void put(std::span<Datum> values, std::span<bool> nulls);

    // Adds a row that was formed for the declared row type.
    void put(MinimalTuple row);

    // What the function returns.
    Datum finish() const noexcept;

  private:
    FunctionCallInfo fcinfo_;
    TupleTableSlot* slot_ = nullptr; // of rows that are formed already
};

// The list of columns that the caller of a function gives that RETURNS SETOF record. Throws where there is none, with
// the function's name and what such a list may look like.
TupleDesc listed_columns(arguments args, const char* function, const char* list);

// Refuses (42804) a list of columns whose types are others than these. `definition` is how it should read.
void require_columns(TupleDesc list, std::span<const Oid> types, std::string_view definition);

} // namespace etl::pg
