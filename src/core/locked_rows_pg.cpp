// etl._locked_rows and etl._locked_changes: the rows of a query that is run with the role locked.
#include "core/locked_query_pg.hpp"

extern "C" {
#include <executor/spi.h>
#include <executor/tstoreReceiver.h>
#include <funcapi.h>
#include <utils/builtins.h>
}

namespace etl {
namespace {

ReturnSetInfo* open_result(FunctionCallInfo fcinfo)
{
#if PG_VERSION_NUM >= 160000
    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
#else
    SetSingleFuncCall(fcinfo, SRF_SINGLE_USE_EXPECTED);
#endif
    return reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
}

// Straight into the caller's tuplestore.
Datum locked_rows(pg::arguments args, bool read_only)
{
    const char* query = text_to_cstring(DatumGetTextPP(args.given(0)));
    ReturnSetInfo* result = open_result(args.raw());
    MemoryContext caller = CurrentMemoryContext;
    SPI_connect();
    DestReceiver* to = CreateTuplestoreDestReceiver();
    SetTuplestoreDestReceiverParams(to, result->setResult, caller, false, result->setDesc,
                                    "a query does not return the columns that its caller expects");
    run_locked(query, read_parameters(args, 1), read_only, to);
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
