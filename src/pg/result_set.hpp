// Set-returning functions: rows go into a tuplestore, which spills to disk past work_mem.
#pragma once

#include "pg/function.hpp"

#include <span>

namespace etl::pg {

class result_set {
  public:
    // Checks that the caller wants a set and opens the tuplestore with the declared row type. Phase one.
    explicit result_set(arguments args);

    // Adds a row: one value and one is-null flag a column.
    void put(std::span<Datum> values, std::span<bool> nulls);

    // What the function returns.
    Datum finish() const noexcept;

  private:
    FunctionCallInfo fcinfo_;
};

} // namespace etl::pg
