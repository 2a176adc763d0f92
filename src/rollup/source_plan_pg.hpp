// What is planned for each table that a rollup reads: what its log holds, and how the touched groups are found from it.
#pragma once

#include "rollup/rollup_query_pg.hpp"

namespace etl::rollup {

struct log_column {
    const char* name;
    Oid type;
    int32 modifier;
    Oid collation;
    const char* expression; // over a row of the table
};

enum class log_kind : char { keys, columns, images };

struct source_plan {
    const rollup_source* source;
    log_kind kind;
    bool is_everything;     // any change touches all groups
    const char* why;        // a sentence
    List* queries;          // Query*, over the log; NIL where the log has the keys, or each change touches all
    List* log;              // of log_column*
    List* rows;             // the number of a source, each time that the queries read all of its rows
    Bitmapset* used;        // the columns whose changes matter
    const char* keys_query; // nullptr where there are no queries
    List* joins_unique;     // the columns that equal those by which the rows of the imaged source are told apart; NIL
                            // where its rows may be joined in another way
};

// A source whose log must have all that the query reads of it, as its rows are merged: old ones too, so that no other
// source may count on the table having them. Number 0 for none.
struct imaged_source {
    int number;
    const Bitmapset* more; // columns that the log must have besides
};

// Plans all sources of a query, in their order. `rules` are those of read_affects(). Throws etl::error where the groups
// of a change cannot be told. May raise; only trivial locals may be alive.
List* plan_sources(const rollup_query& of, const List* rules, const imaged_source& imaged);

// The query for the keys of the rows of a source that a moving filter takes in or leaves out, over the same names;
// nullptr where all groups must be looked at. May raise.
const char* moving_query(const source_plan& of);

} // namespace etl::rollup
