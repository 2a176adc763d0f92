// What a statement calls: functions in SQL, whose bodies can be read, and functions of this extension, which get queries
// and relations as arguments. Everything may raise and owns nothing.
#pragma once

#include "core/query_lineage_pg.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include <nodes/parsenodes.h>
#include <utils/guc.h>
}

namespace etl::pipeline {

// Sets search_path: to the end of the subtransaction, or of a nest level of settings.
void set_path(const char* path, GucAction action);

struct function_kind {
    Oid schema;
    Oid language;
    char volatility;
    char kind;
};

function_kind kind_of(Oid function);

// The calls of functions in a query, or in the query or call within a command; and all functions that may do what is
// not seen: users' own, and those of PostgreSQL that run queries or read files.
struct function_list {
    List* calls; // of const FuncExpr*
    List* all;   // of Oid, those behind operators too; each once
};

function_list functions_of(const Query* query);

// The analysed statements of a function in SQL, a List of Query.
List* body_of(const FuncExpr* call);

// What a function in SQL returns is what its last statement does: column by column, unless that is one row as a whole.
lineage::known_call* known_by_body(Oid function, List* body);

// What a function of this extension reads by its arguments; nullptr where that is nothing.
lineage::known_call* known_by_arguments(const FuncExpr* call);

// The names of a function's arguments and, beside each, what the call gives; nullptr where that is left out.
struct call_arguments {
    int count;
    const char** names;
    const Node** values;
};
call_arguments arguments_of(const FuncExpr* call);

// The value of a constant as text (of a regclass: its number); nullptr where it is NULL, or no constant.
const char* constant_text(const Node* value);
bool is_null_constant(const Node* value);

// "public.refresh()", as notes name it.
const char* function_name(Oid function);

} // namespace etl::pipeline
