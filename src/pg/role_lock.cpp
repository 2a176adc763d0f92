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

} // namespace

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
