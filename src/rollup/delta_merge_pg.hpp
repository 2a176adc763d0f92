// The statement that merges a log's images into the states of a rollup, and what its text shares with other ones.
#pragma once

#include "rollup/delta_states_pg.hpp"
#include "rollup/rollup_query_pg.hpp"

extern "C" {
#include <lib/stringinfo.h>
}

namespace etl::rollup {

struct delta_merge {
    const rollup_query* of;
    const rollup_source* source; // the fact
    Index fact;                  // its range-table entry
    const delta_states* states;
    const char* visible; // what users see of "etl states", with etl_place
};

// The statement, for format(), see delta_plan_pg.cpp; `has_old`: for a log that may have old rows too.
const char* merge_text(const delta_merge& in, bool has_old);

// Every key column with something before its name, and commas between them.
const char* key_list(const rollup_query& of, const char* prefix);

// ", expression AS etl_s1" and so on.
void append_states(StringInfo to, const delta_states& states, const char* delta_state::*what);

} // namespace etl::rollup
