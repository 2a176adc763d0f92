// Queries of the extension's own on the extension's own tables, where the current role may not see the row in question:
// what a trigger does for whoever stores a row. They run as the owner of the table, as PostgreSQL's own triggers for
// foreign keys do, whatever row security says. So their text is fixed, names every operator with its schema, and takes
// only plain values that were made before.
#pragma once

#include "pg/boundary.hpp"

#include <span>

namespace etl::pg {

class own_query {
  public:
    // The texts and types are constants of the program.
    constexpr own_query(const char* table, const char* sql, std::span<const Oid> types) noexcept
        : table_{table}, sql_{sql}, types_{types}
    {
    }

    // Runs a query that changes nothing, as it was when the statement began. The first column of its first row as
    // text, in the current memory context; nullptr where there is none. The plan is kept for the session. May raise:
    // only trivial locals may be alive.
    const char* text(const Datum* values);

    // Runs a query that changes the table. May raise.
    void execute(const Datum* values);

  private:
    void run(const Datum* values, bool read_only);

    const char* table_; // of the schema etl
    const char* sql_;
    std::span<const Oid> types_;
    void* plan_ = nullptr;
};

} // namespace etl::pg
