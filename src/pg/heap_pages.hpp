// Rows of a heap table that the same transaction has made, as pages that are filled in memory of our own and appended
// to the table's file past the shared buffers, as CREATE INDEX and CLUSTER write theirs. A transaction that fails takes
// the whole file with it, so nobody ever sees half of them.
//
// Durability is that of PostgreSQL's own bulk writes. Pages are in the WAL as images before they are in the file,
// unless wal_level is minimal: then the commit takes care of a new table. What the WAL holds need not be synchronised
// before the next checkpoint, and the checkpointer is told of it; if one has passed while the table was being written,
// a recovery would begin after our first pages, so the file is synchronised at once.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>

extern "C" {
#include <access/heapam.h>
#include <utils/relcache.h>
}

namespace etl::pg {

// All functions raise PostgreSQL's errors, and are for the inside of a call().
class heap_pages {
  public:
    // Whether a table can be written so: one of the heap, neither temporary nor unlogged, and not followed by logical
    // decoding, which understands no images of pages.
    static bool suit(Relation table);

    // The rows belong to the current transaction and to the command.
    heap_pages(Relation table, CommandId command);

    void put(const Datum* values, const bool* nulls);
    void finish();

  private:
    Page page(int i) const noexcept { return memory_ + static_cast<std::size_t>(i) * BLCKSZ; }
    void put_wide(const Datum* values, const bool* nulls);
    HeapTupleHeader place(Size size);
    void keep(HeapTupleHeader row, Size size);
    void write(int pages);

    Relation table_;
    XLogRecPtr redo_; // where a recovery would have begun before the first page was written
    TransactionId transaction_;
    CommandId command_;
    MemoryContext wide_ = nullptr; // for what a row that is too wide leaves behind
    char* memory_ = nullptr;       // of the pages that are being filled
    Size reserved_ = 0;            // in every page, by the table's fillfactor
    BlockNumber first_ = 0;        // the number of the first of them in the table
    int current_ = 0;              // and the one that rows go to
    std::int64_t rows_ = 0;
};

} // namespace etl::pg
