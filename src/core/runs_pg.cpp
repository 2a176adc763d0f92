// What procedures that commit as they go need: whether they may (etl._require_toplevel tells one that has to,
// etl._may_commit one that can do without), and a lock from begin to end (etl._lock_run, etl._unlock_run,
// etl._run_lock_holder).
#include "pg/call_context.hpp"
#include "pg/run_lock.hpp"

extern "C" {
#include <access/xact.h>
#include <access/xlog.h>
#include <executor/spi.h>
}

#include <cstdint>
#include <string>
#include <utility>

namespace {

constexpr char read_only_transaction[] = "25006";

// The table of definitions, and the number of one of them, of an argument list.
std::pair<std::uint32_t, std::uint32_t> definition(const etl::pg::arguments& args)
{
    return {DatumGetObjectId(args.given(0)), DatumGetUInt32(args.given(1))};
}

} // namespace

ETL_FUNCTION(etl_require_toplevel, args)
{
    if (!etl::pg::may_commit(args)) {
        throw etl::error(etl::sqlstate::invalid_transaction_termination,
                         std::string{args.get<std::string_view>(0)} +
                             " commits as it goes and cannot run inside a transaction block or a function",
                         {}, "Send the CALL by itself, outside of BEGIN and COMMIT.");
    }
    if (XactReadOnly) {
        throw etl::error(
            read_only_transaction, std::string{args.get<std::string_view>(0)} + " writes, and the session is read-only",
            RecoveryInProgress() ? "The server is a standby." : "default_transaction_read_only is on.",
            RecoveryInProgress() ? "CALL it on the primary server." : "SET default_transaction_read_only = off;");
    }
    return args.null_result();
}

// Whether the PL/pgSQL procedure that asks may COMMIT: it was called on its own, and not inside a transaction block,
// a function or an exception block. PostgreSQL decides by the very same test, and tells SQL only by raising an error.
ETL_FUNCTION(etl_may_commit, args)
{
    return args.result(SPI_inside_nonatomic_context());
}

ETL_FUNCTION(etl_lock_run, args)
{
    const auto [kind, id] = definition(args);
    return args.result(etl::pg::lock_run(kind, id));
}

ETL_FUNCTION(etl_run_lock_holder, args)
{
    const auto [kind, id] = definition(args);
    const int process = etl::pg::run_lock_holder(kind, id);
    return process == 0 ? args.null_result() : args.result(static_cast<std::int32_t>(process));
}

ETL_FUNCTION(etl_retake_locks, args)
{
    return args.result(etl::pg::retake_run_locks());
}

ETL_FUNCTION(etl_unlock_run, args)
{
    const auto [kind, id] = definition(args);
    etl::pg::unlock_run(kind, id);
    return args.null_result();
}
