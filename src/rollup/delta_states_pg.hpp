// How the aggregates of a query are kept as states that changes can be merged into.
//
// Every aggregate is read from columns of the state table. For the statement that merges, each such column has a text
// that makes it from rows (to fill it), one that makes its change from the images of changed rows, and an assignment
// that puts both together. Images carry etl_sign: 1 for a new row, -1 for an old one.
#pragma once

#include "rollup/tree_pg.hpp"

namespace etl::rollup {

struct delta_state {
    const char* name; // etl_s1, …
    const char* type;
    Oid collation;
    const char* fill;   // an aggregate expression over rows
    const char* added;  // one over images that are all of new rows
    const char* change; // one over any images
};

struct delta_value {
    const Aggref* of;
    const char* value;   // over the columns of the state table s
    const char* how;     // what is kept, in words
    const char* removal; // what an old row does to it, in words
};

// An argument of which it matters what values there are. By group and value, it is counted how many rows more or fewer
// there are with it than before: the images have columns etl_p1 (the value, where there are more) and etl_m1 (where
// there are fewer) for the first of these, and so on.
struct delta_measure {
    const char* argument;
    const char* filter; // nullptr without FILTER
};

// The states of a set of distinct values.
struct delta_set {
    int measure; // from 1
    const char* base;
    const char* tail;
    const char* count;
};

struct delta_states {
    List* columns;      // expressions that rows and images are reduced to: etl_c1, …
    List* states;       // of delta_state*
    List* values;       // of delta_value*
    List* assignments;  // C strings, of SET: from s and excluded
    List* measures;     // of delta_measure*
    List* sets;         // of delta_set*
    List* losses;       // C strings, conditions over images under which a group cannot be merged
    List* extremes;     // C strings, the same over s and excluded
    List* new_extremes; // C strings, the same over the columns of a group that was not there
    bool rests_on_once; // a value is right only where no value of an argument occurs twice
};

// Adds the states of an aggregate that is not there yet. `is_once`: no value of its argument occurs twice in the rows
// of any group. Returns why its changes cannot be merged, a sentence, or nullptr. May raise.
const char* add_aggregate(delta_states& to, const Aggref* aggregate, bool is_once);

const delta_value* find_value(const delta_states& in, const Aggref* aggregate);

inline const char* column_name(int number) // of delta_states::columns, from 1
{
    return psprintf("etl_c%d", number);
}

} // namespace etl::rollup
