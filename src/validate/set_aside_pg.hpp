// Rows that a statement would have stored and that go to etl.quarantined_rows instead.
#pragma once

#include "pg/trigger.hpp"
#include "validate/row_suite_pg.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace etl::validate {

// Writes the rows that one trigger holds back while a statement lasts.
class set_aside_writer {
  public:
    // Rows of `table` that break a suite of the owner of `root`, the table that the suite is enforced on.
    set_aside_writer(Relation table, Oid root, std::string suite, MemoryContext memory);

    // The trigger's row, as it was judged, and what it breaks (text[]).
    void write(const pg::row_trigger& call, const row_judge& judged, Datum reasons);

  private:
    Datum as_json(const pg::row_trigger& call, const row_judge& judged);

    Oid root_;
    std::string name_; // of root_, once it is needed
    std::string suite_;
    MemoryContext memory_;
    FmgrInfo row_as_json_ = {};  // once it is needed
    std::vector<int> generated_; // the table's generated columns
};

// At the end of a statement: a NOTICE of how many rows it has set aside, if any.
void tell_set_aside(Oid table, std::string_view suite);

} // namespace etl::validate
