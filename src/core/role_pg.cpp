// etl._lock_role: what is executed for a role stays with that role.
#include "pg/function.hpp"
#include "pg/role_lock.hpp"

ETL_FUNCTION(etl_lock_role, args)
{
    etl::pg::lock_role();
    return args.null_result();
}
