// Set-returning functions that give one value at each call, and so make no more than is asked for: what follows LIMIT is
// never made, and nothing is gathered. The state lives from the first call to the last, or to the end of the query.
#pragma once

#include "pg/function.hpp"

extern "C" {
#include <funcapi.h>
}

namespace etl::pg {

// The state of a series. `make` is called for the first value and returns what T's constructor takes; phase one.
template <class T, class Make>
T& series_state(arguments args, Make&& make)
{
    FunctionCallInfo fcinfo = args.raw();
    if (SRF_IS_FIRSTCALL()) {
        FuncCallContext* made = SRF_FIRSTCALL_INIT();
        made->user_fctx = construct_in<T>(made->multi_call_memory_ctx, make());
    }
    return *static_cast<T*>(SRF_PERCALL_SETUP()->user_fctx);
}

// What the function returns with a value.
inline Datum series_value(arguments args, Datum value)
{
    FunctionCallInfo fcinfo = args.raw();
    FuncCallContext* series = SRF_PERCALL_SETUP();
    SRF_RETURN_NEXT(series, value);
}

// What it returns behind the last one. The state is gone then.
inline Datum series_end(arguments args)
{
    FunctionCallInfo fcinfo = args.raw();
    FuncCallContext* series = SRF_PERCALL_SETUP();
    SRF_RETURN_DONE(series);
}

} // namespace etl::pg
