// Which columns of a subquery stand for the rows beneath it.
//
// When a row beneath a subquery changes, other rows of its output may change than those that the row appears in: the
// next one of a DISTINCT ON, the ranks of a window. A column is faithful where every output row that changes carries
// the value of a changed row: then the changed values can be joined on, and the column can be filtered beneath the
// subquery as well as above. So are the expressions that a query groups by, and what follows from them; of DISTINCT and
// DISTINCT ON the expressions compared; of windows what all of them partition by; of a query without any of these, all
// that is computed row by row. Beneath LIMIT, and with grouping sets, nothing is.
#pragma once

#include "rollup/tree_pg.hpp"

namespace etl::rollup {

// Both for a query without set operations; the column is counted from 1. May raise.
bool is_faithful(const Query* query, AttrNumber column);

// Whether an output row has the value of one of the rows beneath it, even if another row's change replaces it.
bool is_row_wise(const Query* query, AttrNumber column);

// A query that returns one row whatever there is beneath it, as SELECT max(x) does.
bool is_single_row(const Query* query);

} // namespace etl::rollup
