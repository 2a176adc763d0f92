// Changes that cannot be logged, as the log is gone: somebody has dropped or renamed it or its schema. Writers are not
// held up for that. They are warned, and a row of etl.rollup_missed tells the next refresh that finds the log again
// that anything may have changed: a row for each transaction, so that one which commits late is not overlooked.
#pragma once

#include "pg/transition_rows.hpp"
#include "rollup/capture_terms_pg.hpp"

namespace etl::rollup {

void note_missed(const pg::statement_changes& call, const capture_terms& terms, bool is_erased);

} // namespace etl::rollup
