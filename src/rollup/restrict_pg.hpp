// The query of a rollup with places in it where a refresh says which groups it wants.
#pragma once

#include "rollup/rollup_query_pg.hpp"

namespace etl::rollup {

// A place, where a condition on the key may stand.
struct restriction {
    int number;
    const char* key;
    const char* expression; // as valid there; safe before any operator
    const char* column;     // what the expression rounds down; nullptr where it does not
    const char* upper;      // the text of an interval: column < key + upper
    const char* zone;       // in whose time the interval is added; nullptr: the session's
};

struct piece {
    const char* text;
    int place; // the number of the one after it; 0 after the last piece
};

struct restricted_query {
    List* pieces;      // of piece*: the text
    const char* whole; // the text without places
    List* places;      // of restriction*, by number
};

// `shape` may make another query of the one with the places, which is what is printed then; it has the same places. May
// raise; only trivial locals may be alive.
using query_shape = Query* (*)(Query*, void*);
restricted_query restrict_groups(const rollup_query& of, query_shape shape = nullptr, void* context = nullptr);

} // namespace etl::rollup
