#include "pg/acting_role.hpp"

extern "C" {
#include <miscadmin.h>
#include <utils/acl.h>
#include <utils/builtins.h>
}

namespace etl::pg {

Oid acting_role(const char* name)
{
    const Oid role = get_role_oid(name, false);
#if PG_VERSION_NUM >= 160000
    const bool may = member_can_set_role(GetUserId(), role);
#else
    const bool may = is_member_of_role(GetUserId(), role);
#endif
    if (!may) {
        const char* caller = GetUserNameFromId(GetUserId(), false);
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("role \"%s\" may not act as role \"%s\"", caller, name),
                        errhint("GRANT %s TO %s;", quote_identifier(name), quote_identifier(caller))));
    }
    return role;
}

} // namespace etl::pg
