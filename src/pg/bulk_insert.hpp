// Rows into a table as COPY writes them: many at a time and without a plan, with all that a row has to pass or is
// entered into: defaults, generated columns, constraints and indexes.
//
// Forming a row and writing it are apart. A row that the table's NOT NULL or CHECK constraints refuse is told of
// without an error; what only an index can refuse is an error of write(), which a subtransaction of the caller can take
// back.
#pragma once

#include "pg/boundary.hpp"

#include <cstdint>
#include <span>

extern "C" {
#include <access/heapam.h>
#include <executor/tuptable.h>
#include <nodes/execnodes.h>
#include <utils/relcache.h>
}

namespace etl::pg {

// Why a table refuses a row, in PostgreSQL's words.
struct refused_row {
    int sqlstate;
    const char* message;
    const char* column; // nullptr where it is a matter of more than one
};

// All functions raise PostgreSQL's errors, and are for the inside of a call(). The object owns nothing with a
// destructor; when the statement fails, PostgreSQL cleans up.
class bulk_insert {
  public:
    // Whether the current role's rows can be put into a table so: an ordinary one without triggers on INSERT (foreign
    // keys and deferred constraints are such), rules and policies for the role, and no partition.
    static bool suits(Relation table);

    // The table is open for writing. The rows give these attributes, by their numbers from 0; the others get their
    // defaults. Refuses (42501) a role without the right to insert into them, and (25006) a transaction that only
    // reads. The current memory context must outlive the object.
    bulk_insert(Relation table, std::span<const int> given);

    // A row in a memory context, ready to be written; nullptr where the table refuses it.
    HeapTuple form(const Datum* values, const bool* nulls, MemoryContext into, refused_row& why);

    // Rows that were formed, in their order. `at` is the number of the one that is at work, -1 where it cannot be told.
    // What it opens it also closes, so that it may be called in a subtransaction which is rolled back.
    void write(HeapTuple* rows, int count, int& at);

    // The table stays open.
    void finish();

  private:
    // As many rows and bytes as COPY keeps before it writes them.
    static constexpr int batch_rows = 1000;
    static constexpr Size batch_bytes = 65'535;

    struct default_value {
        int attribute;
        ExprState* expression; // nullptr: the value is always the same
        NullableDatum value;
    };

    void open();
    void find_defaults();
    void find_checks();
    bool is_given(int attribute) const noexcept;
    void complete(const Datum* values, const bool* nulls);
    bool is_refused(refused_row& why);
    void write_batch(HeapTuple* rows, int first, int count, int& at);

    Relation table_;
    const int* given_;
    int given_count_;
    EState* state_ = nullptr;
    ResultRelInfo* result_ = nullptr;
    TupleDesc columns_ = nullptr; // a copy, which belongs to no subtransaction
    TupleTableSlot* row_ = nullptr;
    TupleTableSlot** slots_ = nullptr;
    MemoryContext scratch_ = nullptr; // of one batch
    default_value* defaults_ = nullptr;
    int default_count_ = 0;
    ExprState** checks_ = nullptr; // of the constraints, by their numbers; nullptr for one that is not enforced
    int check_count_ = 0;
    bool has_generated_ = false;
};

} // namespace etl::pg
