// What a piece of PostgreSQL was called for, as a CONTEXT line of the errors that it raises.
#pragma once

#include "pg/boundary.hpp"

#include <cstddef>

namespace etl::pg {

// Sets the line of a PostgreSQL error, from within its report.
void add_context_line(void* line);

// SQL that came in an argument, and what it is: action of step "load".
struct told_sql {
    const char* sql;
    const char* line;
};

// Sets the line of an error in such SQL and shows the place there, from within its report: it is none in the statement
// that the user has sent.
void add_told_sql(void* told);

// Which one of many something was, and of what: record 12 of page 3.
struct numbered_line {
    const char* what;
    std::size_t number;
    const char* of;
};

// Sets the line of a PostgreSQL error, from within its report.
void add_numbered_line(void* line);

// call(f), with what makes a line of context of an argument.
template <class F>
auto call_in_context(void (*add)(void*), const void* arg, F&& f)
{
    return call([add, arg, &f] {
        ErrorContextCallback callback = {};
        callback.previous = error_context_stack;
        callback.callback = add;
        callback.arg = const_cast<void*>(arg);
        error_context_stack = &callback;
        auto made = f();
        error_context_stack = callback.previous;
        return made;
    });
}

// call(f), with a line of context: "literal "abc" of expect_column_values_to_be_between(price)".
template <class F>
auto call_in_context(const char* line, F&& f)
{
    return call_in_context(add_context_line, line, f);
}

} // namespace etl::pg
