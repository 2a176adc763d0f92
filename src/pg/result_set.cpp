#include "pg/result_set.hpp"

extern "C" {
#include <funcapi.h>
#include <utils/tuplestore.h>
}

namespace etl::pg {
namespace {

ReturnSetInfo* set_info(FunctionCallInfo fcinfo) noexcept
{
    return reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
}

// The columns of a function that RETURNS SETOF record are the caller's list itself, which PostgreSQL frees with the
// result, and reads again when it calls once more.
void own_columns(ReturnSetInfo* info)
{
    if (info->setDesc == info->expectedDesc) {
        MemoryContext old = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
        info->setDesc = CreateTupleDescCopy(info->expectedDesc);
        MemoryContextSwitchTo(old);
    }
}

} // namespace

result_set::result_set(arguments args) : fcinfo_{args.raw()}
{
#if PG_VERSION_NUM >= 160000
    InitMaterializedSRF(fcinfo_, 0);
#else
    SetSingleFuncCall(fcinfo_, 0);
#endif
    own_columns(set_info(fcinfo_));
}

void result_set::put(std::span<Datum> values, std::span<bool> nulls)
{
    call([info = set_info(fcinfo_), values, nulls] {
        tuplestore_putvalues(info->setResult, info->setDesc, values.data(), nulls.data());
    });
}

Datum result_set::finish() const noexcept
{
    return Datum{0};
}

} // namespace etl::pg
