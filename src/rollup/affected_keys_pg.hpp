// Which groups of a rollup a change in one of its tables touches.
#pragma once

#include "rollup/rollup_query_pg.hpp"

namespace etl::rollup {

enum class key_source : char {
    own,     // each row of the table tells its group by itself
    query,   // a query over the changed rows and other tables does
    all,     // any change touches all groups
    unknown, // cannot be told
};

struct affected_keys {
    key_source from;
    const char* why;   // a sentence
    List* expressions; // own: a Node* for each key, over the table as range-table entry 1
    List* queries;     // own and query: Query*, whose rows together are the keys
};

// `covered` are the sources whose own changes are found without any join: theirs need not be looked for from another
// table. `imaged` is the number of the source whose rows are merged, 0 for none. May raise; only trivial locals may be
// alive.
affected_keys affected_by(const rollup_query& of, const rollup_occurrence& change, const List* covered, int imaged);

// Which columns of a source such queries read from its log; numbers, as in pg_attribute. May raise.
Bitmapset* logged_columns(const List* queries, Oid relation);

// Columns of a source that equal those of another, one by one, in all that such queries make of changed rows of the one
// and rows of the other; numbers, NIL where one has no such column. May raise.
List* columns_joined_with(const List* queries, const rollup_source& source, const rollup_source& other,
                          const Bitmapset* columns);

// The number of a source each time that such queries read all of its rows. May raise.
List* rows_read(const List* queries, const rollup_query& of);

// The names of what such queries read in place of a source.
const char* changes_name(const rollup_source& source); // the rows that its log tells of
const char* rows_name(const rollup_source& source);    // these, and all rows of the table

} // namespace etl::rollup
