// Rows into a table among those that it has: many at a time, as COPY writes them, without a plan.
#pragma once

#include "pg/boundary.hpp"

#include <cstddef>

extern "C" {
#include <access/heapam.h>
#include <executor/tuptable.h>
#include <utils/relcache.h>
}

namespace etl::pg {

// Whether there is nothing that a new row of a table would have to pass or be entered into, but what says that columns
// are NOT NULL: no index, constraint, trigger, rule or policy, and no column that is computed.
bool has_only_columns(Relation table);

class row_batches {
  public:
    // The caller has opened the table for writing and has seen to has_only_columns and to the rights. The current
    // memory context must outlive the object. When the statement fails, PostgreSQL cleans up.
    explicit row_batches(Relation table);
    row_batches(const row_batches&) = delete;
    row_batches& operator=(const row_batches&) = delete;

    // One row, by the table's columns. The values are copied. May raise.
    void put(const Datum* values, const bool* nulls);

    // A row as it was formed for the table. It is copied. May raise.
    void put(HeapTuple row);

    // Writes what is left. The table stays open. May raise.
    void finish();

  private:
    // As many rows and bytes as COPY keeps before it writes them.
    static constexpr int batch_rows = 1000;
    static constexpr std::size_t batch_bytes = 65'535;

    // All of it may raise.
    TupleTableSlot* free_slot();
    void keep(TupleTableSlot* slot);
    void flush();

    Relation table_;
    TupleTableSlot** slots_ = nullptr;
    MemoryContext scratch_ = nullptr; // of one batch
    CommandId command_ = InvalidCommandId;
    int kept_ = 0;
    std::size_t kept_bytes_ = 0;
};

} // namespace etl::pg
