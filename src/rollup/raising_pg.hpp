// Whether computing an expression can fail for some rows.
//
// A query fails on no row that its conditions keep out, as with `SELECT v::int … WHERE kind = 'number'`. So an
// expression that may fail must not be computed of more rows than the query does: not by writers, nor beside its
// conditions.
#pragma once

#include "rollup/tree_pg.hpp"

namespace etl::rollup {

enum class raising : char {
    ever,   // for any reason
    beyond, // for another reason than that a number is too large
};

bool may_raise(Node* expression, raising how);

} // namespace etl::rollup
