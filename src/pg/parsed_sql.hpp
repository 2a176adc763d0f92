// SQL text as the parser understands it, before any name in it is looked up: what it does, and what it asks of whoever
// executes it.
#pragma once

#include <string>
#include <vector>

namespace etl::pg {

struct parsed_statement {
    std::string command; // VACUUM, CREATE INDEX CONCURRENTLY
    // Who can execute it, where not everything that executes SQL can: "procedure" because it ends transactions,
    // "toplevel" because PostgreSQL refuses it within one, "client" because it speaks with one.
    const char* needs;
};

// The statements of a text; `line` stands in the context of the parser's error (42601), which shows the place.
std::vector<parsed_statement> parse_statements(const char* sql, const char* line);

// Refuses a text that is not one expression (42601), or that names a column (42703) elsewhere than in a subquery.
void require_free_expression(const char* sql, const char* line, const char* hint);

} // namespace etl::pg
