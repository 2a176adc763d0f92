// etl._locked_rows and etl._locked_changes: the rows of a query that is run with the role locked.
#include "pg/function.hpp"
#include "pg/role_lock.hpp"

extern "C" {
#include <executor/spi.h>
#include <executor/tstoreReceiver.h>
#include <funcapi.h>
#include <utils/builtins.h>
}

namespace etl {
namespace {

ParamListInfo read_parameters(pg::arguments args, int first)
{
    ParamListInfo made = makeParamList(args.count() - first);
    for (int i = 0; i < made->numParams; ++i) {
        made->params[i] = {args.datum(first + i), args.is_null(first + i), PARAM_FLAG_CONST, args.type(first + i)};
    }
    return made;
}

ReturnSetInfo* open_result(FunctionCallInfo fcinfo)
{
#if PG_VERSION_NUM >= 160000
    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
#else
    SetSingleFuncCall(fcinfo, SRF_SINGLE_USE_EXPECTED);
#endif
    return reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
}

// Straight into the caller's tuplestore, and without a cursor: only so the query may have parallel workers.
Datum locked_rows(pg::arguments args, bool read_only)
{
    const char* query = text_to_cstring(DatumGetTextPP(args.given(0)));
    ReturnSetInfo* result = open_result(args.raw());
    MemoryContext caller = CurrentMemoryContext;
    SPI_connect();
    SPIExecuteOptions options = {};
    options.params = read_parameters(args, 1);
    options.read_only = read_only;
    options.dest = CreateTuplestoreDestReceiver();
    SetTuplestoreDestReceiverParams(options.dest, result->setResult, caller, false, result->setDesc,
                                    "a query does not return the columns that its caller expects");
    pg::with_locked_role([&] { SPI_execute_extended(query, &options); });
    SPI_finish();
    return Datum{0};
}

} // namespace
} // namespace etl

using namespace etl;

ETL_FUNCTION(etl_locked_rows, args)
{
    return locked_rows(args, true);
}

ETL_FUNCTION(etl_locked_changes, args)
{
    return locked_rows(args, false);
}
