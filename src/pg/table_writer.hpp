// Rows into a table that the same transaction has made and that has nothing but columns: without a plan, and without a
// result that would be kept on the way. Where heap_pages can, it writes them; into other tables they go many at a time,
// as COPY writes them.
#pragma once

#include "pg/boundary.hpp"
#include "pg/heap_pages.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

extern "C" {
#include <access/heapam.h>
#include <executor/tuptable.h>
#include <utils/relcache.h>
}

namespace etl::pg {

class table_writer {
  public:
    // Refuses every table but such a one: a constraint, an index, a trigger or a policy would not be seen here. The
    // current memory context must outlive the object. When the statement fails, PostgreSQL cleans up.
    explicit table_writer(Oid table);
    table_writer(const table_writer&) = delete;
    table_writer& operator=(const table_writer&) = delete;

    // The columns, for the caller to compare with what it writes: nothing else does.
    TupleDesc columns() const noexcept { return RelationGetDescr(table_); }

    // One row, by the table's columns. The values are copied.
    void put(std::span<const Datum> values, std::span<const bool> nulls);

    // Writes what is left and closes the table. Returns how many rows were put.
    std::int64_t finish();

  private:
    // As many rows and bytes as COPY keeps before it writes them.
    static constexpr int batch_rows = 1000;
    static constexpr std::size_t batch_bytes = 65'535;

    void keep(std::span<const Datum> values, std::span<const bool> nulls);
    void flush();

    Relation table_;
    std::optional<heap_pages> pages_; // or the rows are kept in slots
    BulkInsertState state_;
    TupleTableSlot** slots_;
    MemoryContext scratch_ = nullptr; // of one batch
    CommandId command_;
    int kept_ = 0;
    std::size_t kept_bytes_ = 0;
    std::int64_t written_ = 0;
};

} // namespace etl::pg
