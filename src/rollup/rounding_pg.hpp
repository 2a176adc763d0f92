// Expressions that round a time down: which range of a column gives one value of them.
#pragma once

#include "rollup/tree_pg.hpp"

namespace etl::rollup {

struct rounding {
    Node* column;      // nullptr where the expression is none
    const char* upper; // the text of an interval: the column is below the value and this
    Node* zone;        // the constant time zone in whose time the interval is added; nullptr: the session's
};

// May raise.
rounding rounding_of(Node* expression);

} // namespace etl::rollup
