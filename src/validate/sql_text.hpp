// SQL as text: names and literals written into it, and conditions that others wrote.
#pragma once

#include <string>
#include <string_view>

namespace etl::validate {

// "name", whatever the name holds.
std::string sql_name(std::string_view name);

// 'text', or E'text' where it holds a backslash, so that it means the same under any setting of the session.
std::string sql_literal(std::string_view text);

// What stands out in a text outside of its strings, quoted names and comments.
struct sql_marks {
    bool double_equals = false; // ==
    bool backtick = false;
};

// Reads a condition as PostgreSQL's lexer would. Throws etl::error (22023) for one that would not stay within
// parentheses that are put around it: parentheses that do not match, a string, name or comment without its end, a
// semicolon; and for one with a parameter ($1). `what` names it in messages.
sql_marks check_sql_condition(std::string_view condition, const std::string& what);

} // namespace etl::validate
