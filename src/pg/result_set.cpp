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

} // namespace

result_set::result_set(arguments args) : fcinfo_{args.raw()}
{
#if PG_VERSION_NUM >= 160000
    InitMaterializedSRF(fcinfo_, 0);
#else
    SetSingleFuncCall(fcinfo_, 0);
#endif
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
