// The query of a rollup as its parts work on it: analysed, checked, and brought to one plain form.
//
// The plain form: no WITH (each reference is a subquery of its own), no reference to a join's or a group's columns (all
// columns are those of tables, functions and subqueries), no alias of a join and no column aliases of a table, no
// now(): where it may stand, etl._rollup_as_of() does. pg_get_querydef prints it as the query that the user gave, in
// other words.
//
// A source is a table that the query reads. It may do so in several places, each of which is an occurrence; what
// changes in the table changes in all of them, so there is one log for each source.
#pragma once

#include "rollup/tree_pg.hpp"

extern "C" {
#include <utils/queryenvironment.h>
}

namespace etl::rollup {

struct rollup_key {
    const char* name;
    Node* expression; // over the columns of the query's FROM; the query's own node
    Oid type;
    int32 modifier;
    Oid collation;
};

struct rollup_source {
    int number; // from 1
    Oid relation;
    Bitmapset* used; // the column numbers that the query reads
    int occurrences;
};

// Occurrences are in the order of FROM, outer queries first where they stand first.
struct rollup_occurrence {
    rollup_source* source;
    RangeTblEntry* entry; // of the plain query itself, so that it can be told by its address
};

// A condition `column operator edge` whose edge moves with the time.
struct moving_filter {
    RangeTblEntry* entry; // the occurrence whose rows it passes
    AttrNumber column;
    Node* edge;    // of the column's type, without columns; calls etl._rollup_as_of()
    bool is_lower; // the column must be above
};

struct rollup_query {
    Query* query;
    List* keys;        // of rollup_key*, in the order of the key columns that were given
    List* sources;     // of rollup_source*
    List* occurrences; // of rollup_occurrence*
    List* moving;      // of moving_filter*
};

// Reads the query under the current search_path, with the role locked. The key columns are C strings. Throws etl::error
// for what no rollup can be made of; raises PostgreSQL's own errors for what it cannot read. Only trivial locals may be
// alive. Whether the functions that it uses are fit for a rollup is not asked where the question is which these are.
enum class functions { fit, any };
rollup_query* read_rollup_query(const char* text, List* key_columns, functions used = functions::fit);

// One statement, analysed as such a query is; nullptr where the text is not one statement. `environment` knows names
// beside the tables; nullptr for none.
Query* analyse_statement(const char* text, QueryEnvironment* environment);

// Brings an analysed query to the plain form, but for its clock.
void make_plain(Query* query);

// The occurrence that an entry is; nullptr for an entry that is none.
const rollup_occurrence* occurrence_of(const rollup_query& of, const RangeTblEntry* entry);

// Whether a node calls etl._rollup_as_of(), as a moving filter does.
bool uses_as_of(Node* node);

} // namespace etl::rollup
