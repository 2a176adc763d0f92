// A statement of a step, analysed and never run.
#pragma once

#include "pg/boundary.hpp"

#include <span>

extern "C" {
#include <nodes/parsenodes.h>
}

namespace etl::pipeline {

// Under what a text is read.
struct reading {
    const char* search_path;
    Oid owner; // who would run it
    std::span<const Oid> parameters;
};

// Everything is in the memory context that was current.
struct statement {
    const Query* query;
    List* inner;  // of const Query*: those of the functions in SQL that it calls
    List* calls;  // of lineage::known_call
    List* own;    // of const FuncExpr*: calls of functions of this extension
    List* opaque; // of const char*: what is called and cannot be looked into, each once
};

// The statements of a text, not analysed. May raise.
List* parse(const char* text);

// Analyses one of them. Takes the locks that an execution would take, for the caller's subtransaction. Functions in SQL
// are looked into, and so are queries that functions of this extension get as texts; one that cannot be analysed is
// among the opaque ones. May run the functions of types whose literals stand in the text, as the owner.
statement analyse(RawStmt* raw, const char* text, const reading& how);

// The query of a view or materialized view, read without a lock; nullptr where it is none. May raise.
const Query* query_of_view(Oid view);

// The query within a command such as CREATE TABLE … AS; nullptr where there is none, or it is not run.
const Query* query_within(const Query* command);

} // namespace etl::pipeline
