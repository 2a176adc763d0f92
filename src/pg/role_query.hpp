// SQL of a user's, executed as a role within the transaction of the caller.
//
// The role cannot be left, as in a security-definer function; settings that the SQL changes end with it; whatever
// PostgreSQL would put off to the commit is done here, as that role, where its failure can be told, or refused; and
// temporary objects of another role than the caller's end with it too.
#pragma once

#include <cstdint>

namespace etl::pg {

struct role_query {
    const char* command;
    const char* role; // the current role must be able to act as it
    const char* search_path;
    int timeout;       // ms, 0: none
    const char* check; // an expression that must be true afterwards; nullptr: none
};

// The rows of the last statement; what it returns goes nowhere. Throws what the SQL raises, 57014 when it takes longer
// than its timeout, 23514 when the check is not true. Needs an spi_session.
std::uint64_t execute_as_role(const role_query& query);

} // namespace etl::pg
