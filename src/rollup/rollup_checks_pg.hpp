// What no rollup can be made of, and why. Every function throws etl::error, or raises; only trivial locals may be
// alive.
#pragma once

#include "rollup/tree_pg.hpp"

#include <string>

namespace etl::rollup {

// The statement as the user wrote it: one SELECT with GROUP BY. A null pointer is no single statement.
void require_plain_aggregate(const Query* query);

// The same of any query: it is not recursive, changes and locks nothing, and takes no samples.
void require_known_shape(const Query* query);

// Relations: ordinary tables that can have triggers and whose rows all roles see alike; their columns.
void require_tables(Query* query);

// Functions: what they return must follow from their arguments and the tables.
void require_functions(Query* query);

// Types that are not the system's: no built-in type's operator or function where there is one of that name for them.
void require_own_operators(Query* query);

// Literals that look at the clock ('today'::date): those that a parse tree may hold, before it is analysed, and that
// none of them has become a date or a time.
List* literals_of_clock(Node* statement);
void require_no_clock_literal(Query* query, List* suspects);

// The key columns (C strings) are the outputs that the query groups by, all of them, each of a type with an order.
void require_keys(const Query* query, const List* names);

// After find_moving_filters(): the query must not look at the clock in any other place.
void require_no_other_clock(Query* query);

[[noreturn]] void refuse_no_source();

// 0A000: what no rollup can do.
[[noreturn]] void refuse(std::string message, std::string detail, std::string hint);

// The output column of that name; nullptr where there is none.
const TargetEntry* find_output(const Query* query, const char* name);

} // namespace etl::rollup
