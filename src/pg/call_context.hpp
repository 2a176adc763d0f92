// What a procedure knows of the CALL that runs it.
#pragma once

#include "pg/function.hpp"

extern "C" {
#include <nodes/parsenodes.h>
}

namespace etl::pg {

// A CALL may commit unless it stands in a transaction block, a function or a block with an exception handler.
inline bool may_commit(arguments args)
{
    const auto* context = args.raw()->context;
    return context != nullptr && IsA(context, CallContext) && !reinterpret_cast<const CallContext*>(context)->atomic;
}

} // namespace etl::pg
