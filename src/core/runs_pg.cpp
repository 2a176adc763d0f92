// etl._require_toplevel: tells a procedure that commits as it goes whether it may.
#include "pg/function.hpp"

extern "C" {
#include <nodes/parsenodes.h>
}

namespace {

constexpr char invalid_transaction_termination[] = "2D000";

// A CALL may commit unless it stands in a transaction block, a function or a block with an exception handler.
bool may_commit(FunctionCallInfo call)
{
    return call->context != nullptr && IsA(call->context, CallContext) &&
           !reinterpret_cast<CallContext*>(call->context)->atomic;
}

} // namespace

ETL_FUNCTION(etl_require_toplevel, args)
{
    if (!may_commit(args.raw())) {
        throw etl::error(invalid_transaction_termination,
                         std::string{args.get<std::string_view>(0)} +
                             " commits as it goes and cannot run inside a transaction block or a function",
                         {}, "Send the CALL by itself, outside of BEGIN and COMMIT.");
    }
    return args.null_result();
}
