// Whether a procedure may commit: etl._require_toplevel tells one that commits as it goes, etl._may_commit one that can
// do without.
#include "pg/call_context.hpp"

extern "C" {
#include <executor/spi.h>
}

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

// Whether the PL/pgSQL procedure that asks may COMMIT: it was called on its own, and not inside a transaction block,
// a function or an exception block. PostgreSQL decides by the very same test, and tells SQL only by raising an error.
ETL_FUNCTION(etl_may_commit, args)
{
    return args.result(SPI_inside_nonatomic_context());
}
