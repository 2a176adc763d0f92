// What a parse tree uses that is not PostgreSQL's own, by names that survive a dump: functions, also those behind
// operators, aggregates and casts, with the types of their arguments; and types, with what they are made of.
//
// A stored text says the same names for ever, but what they mean is found anew whenever it is read: whoever may create
// in the schema of a function may add one that fits its arguments better. So what a text meant when its author gave it
// is stored too, and compared before anything of the text is run.
//
// Everything may raise and owns nothing. Names are those under search_path = pg_catalog, pg_temp.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <nodes/parsenodes.h>
}

namespace etl::pg {

// "pub.bucket(integer)"
const char* function_identity(Oid function);

// "integer", "pub.price (domain over numeric(10,2))", "pub.pair (a integer, b text)": another type of the same name has
// another one.
const char* type_identity(Oid type, int32 modifier);

// The same with a collation, where it is not that of the type.
const char* type_identity(Oid type, int32 modifier, Oid collation);

// The names of all that a tree uses, each once and in their order: of functions as "function pub.bucket(integer)", of
// types as "type pub.price (domain over numeric(10,2))". The functions by which a default B-tree compares values of
// such types are among them. What is of schema etl is left out.
List* used_objects(Node* tree); // of char*

// The names of functions among which all must be that a tree calls.
struct known_functions {
    const char* const* names; // as used_objects() gives them
    int count;
};

// The name of a function that a tree calls and that is not known; nullptr where all are.
const char* unknown_function(Node* tree, known_functions known);

} // namespace etl::pg
