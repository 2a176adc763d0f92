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

// Acts as a role, which SQL cannot leave, until the transaction has ended: what was put off to its commit (deferred
// triggers, cursors WITH HOLD) is done as that role too.
void hold_role(Oid role);

// Acts as a role while f runs, with flags (SECURITY_…) added to those that are there. f may raise, and owns nothing;
// where an error passes, the transaction's abort puts the role back.
template <class F>
void with_role(Oid role, int flags, F&& f)
{
    Oid before;
    int context;
    GetUserIdAndSecContext(&before, &context);
    SetUserIdAndSecContext(role, context | flags);
    f();
    SetUserIdAndSecContext(before, context);
}

// Keeps to the current role while f runs a user's SQL, in its planning too: it must not become the role that logged in.
// Analysing it counts as well: a literal of a composite type runs the checks of its domains.
template <class F>
void with_locked_role(F&& f)
{
    with_role(GetUserId(), SECURITY_LOCAL_USERID_CHANGE, f);
}

// Acts as the owner of a stored text while f runs it, whoever asks: it cannot leave that role, nor, for another one, do
// what outlasts the statement (SECURITY_RESTRICTED_OPERATION). f may raise, and owns nothing.
template <class F>
void as_owner(Oid owner, F&& f)
{
    constexpr int locked = SECURITY_LOCAL_USERID_CHANGE;
    with_role(owner, owner == GetUserId() ? locked : locked | SECURITY_RESTRICTED_OPERATION, f);
}

} // namespace etl::pg
