// The lock on the role: while it holds, SQL cannot leave the current role, neither for another one nor for the one
// that the session logged in as.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <miscadmin.h>
}

namespace etl::pg {

// Forbids SET and RESET of ROLE and SESSION AUTHORIZATION, as PostgreSQL does within security-definer functions. Holds
// to the end of the transaction, or to the rollback of the subtransaction that took it.
void lock_role();

// Keeps to the current role while f runs a user's SQL, in its planning too: it must not become the role that logged in.
// f may raise, and owns nothing; where an error passes, the transaction's abort puts things right.
template <class F>
void with_locked_role(F&& f)
{
    Oid role;
    int context;
    GetUserIdAndSecContext(&role, &context);
    SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE);
    f();
    SetUserIdAndSecContext(role, context);
}

} // namespace etl::pg
