// etl._locked_rows: the rows of a query that is run with the role locked.
#include "pg/function.hpp"
#include "pg/result_set.hpp"
#include "pg/role_lock.hpp"

extern "C" {
#include <executor/spi.h>
#include <executor/tstoreReceiver.h>
#include <funcapi.h>
#include <utils/builtins.h>
}

using namespace etl;

// Straight into the tuplestore, which spills to disk, so that no more of the rows is in memory than work_mem allows.
ETL_FUNCTION(etl_locked_rows, args)
{
    const char* query = text_to_cstring(DatumGetTextPP(args.given(0)));
    const pg::result_set rows{args};
    const auto* info = reinterpret_cast<ReturnSetInfo*>(args.raw()->resultinfo);
    DestReceiver* receiver = CreateDestReceiver(DestTuplestore);
    SetTuplestoreDestReceiverParams(receiver, info->setResult, info->econtext->ecxt_per_query_memory, false,
                                    info->setDesc, "the query returns other columns than the caller expects");
    SPIExecuteOptions options{};
    options.read_only = true;
    options.must_return_tuples = true;
    options.dest = receiver;
    SPI_connect();
    pg::with_locked_role([&] { SPI_execute_extended(query, &options); });
    SPI_finish();
    return rows.finish();
}
