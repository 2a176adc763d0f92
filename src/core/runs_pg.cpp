// etl._require_toplevel: tells a procedure that commits as it goes whether it may.
#include "pg/call_context.hpp"

#include <string>

ETL_FUNCTION(etl_require_toplevel, args)
{
    if (!etl::pg::may_commit(args)) {
        throw etl::error(etl::sqlstate::invalid_transaction_termination,
                         std::string{args.get<std::string_view>(0)} +
                             " commits as it goes and cannot run inside a transaction block or a function",
                         {}, "Send the CALL by itself, outside of BEGIN and COMMIT.");
    }
    return args.null_result();
}
