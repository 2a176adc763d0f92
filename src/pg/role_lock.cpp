#include "pg/role_lock.hpp"

#include "pg/postgres.hpp"

extern "C" {
#include <access/xact.h>
#include <miscadmin.h>
}

namespace etl::pg {
namespace {

// PostgreSQL puts the security context back when a transaction rolls back, and expects it to be clear when the next
// one begins; after a commit that is left to those who have set it.
void unlock_after_commit(XactEvent event, void*)
{
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_PREPARE) {
        return;
    }
    Oid role;
    int context;
    GetUserIdAndSecContext(&role, &context);
    if ((context & SECURITY_LOCAL_USERID_CHANGE) != 0) {
        SetUserIdAndSecContext(role, context & ~SECURITY_LOCAL_USERID_CHANGE);
    }
}

// Whose place the held role has taken; InvalidOid for none.
struct user {
    Oid role;
    int context;
};
user before_held = {InvalidOid, 0};

// An abort puts the role back by itself.
void leave_held_role(XactEvent event, void*)
{
    const bool is_kept = event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE;
    if (is_kept && OidIsValid(before_held.role)) {
        SetUserIdAndSecContext(before_held.role, before_held.context);
    }
    if (is_kept || event == XACT_EVENT_ABORT) {
        before_held.role = InvalidOid;
    }
}

} // namespace

void hold_role(Oid role)
{
    static bool registered = false;
    if (!registered) {
        RegisterXactCallback(leave_held_role, nullptr);
        registered = true;
    }
    user now;
    GetUserIdAndSecContext(&now.role, &now.context);
    if (!OidIsValid(before_held.role)) {
        before_held = now;
    }
    SetUserIdAndSecContext(role, now.context | SECURITY_LOCAL_USERID_CHANGE);
}

void lock_role()
{
    static bool registered = false;
    if (!registered) {
        RegisterXactCallback(unlock_after_commit, nullptr);
        registered = true;
    }
    Oid role;
    int context;
    GetUserIdAndSecContext(&role, &context);
    SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE);
}

} // namespace etl::pg
