// The lock on the role: while it holds, SQL cannot leave the current role, neither for another one nor for the one
// that the session logged in as.
#pragma once

namespace etl::pg {

// Forbids SET and RESET of ROLE and SESSION AUTHORIZATION, as PostgreSQL does within security-definer functions. Holds
// to the end of the transaction, or to the rollback of the subtransaction that took it.
void lock_role();

} // namespace etl::pg
