// The rows of a query, handed over one by one where the executor makes them: none is copied, and unlike a cursor's its
// plan may have parallel workers.
#pragma once

#include "pg/boundary.hpp"

#include <string>

extern "C" {
#include <executor/tuptable.h>
#include <nodes/params.h>
}

namespace etl::pg {

// What takes the rows. PostgreSQL calls both through boundary(): they may throw, and raise while only trivial locals
// are alive. What they leave in the current memory context stays there to the end of the query.
class row_receiver {
  public:
    // Once, before the first row.
    virtual void columns(TupleDesc row) = 0;
    // Every value of the row lies in slot->tts_values, with its flag in slot->tts_isnull. False ends the query.
    virtual bool row(TupleTableSlot* slot) = 0;

  protected:
    ~row_receiver() = default;
};

// Runs a query to its end, with the role locked. Needs a live spi_session, and a query that require_select() accepts.
void run_query(const std::string& query, row_receiver& to, ParamListInfo parameters = nullptr);

} // namespace etl::pg
