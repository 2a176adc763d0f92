// etl.deduplicated: a user's SQL within a query of ours, run with the role locked. It runs to
// its end at once, without a cursor: only so it may have parallel workers.
#include "pg/function.hpp"
#include "pg/result_set.hpp"
#include "pg/role_lock.hpp"

extern "C" {
#include <executor/spi.h>
#include <executor/tstoreReceiver.h>
#include <funcapi.h>
#include <miscadmin.h>
#include <tcop/dest.h>
#include <utils/builtins.h>
#include <utils/tuplestore.h>
}

namespace etl::dedupe {
namespace {

// Where the rows go: what the caller of the function reads, which spills to disk past work_mem.
Tuplestorestate* open_result(ReturnSetInfo* result)
{
    MemoryContext old = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
    Tuplestorestate* made =
        tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
    result->returnMode = SFRM_Materialize;
    result->setDesc = CreateTupleDescCopy(result->expectedDesc);
    result->setResult = made;
    MemoryContextSwitchTo(old);
    return made;
}

DestReceiver* receiver_of(ReturnSetInfo* result)
{
    Tuplestorestate* rows = open_result(result);
    DestReceiver* made = CreateDestReceiver(DestTuplestore);
    SetTuplestoreDestReceiverParams(made, rows, result->econtext->ecxt_per_query_memory, false, result->setDesc,
                                    gettext_noop("the query's columns are not those that the call names"));
    return made;
}

// May raise; needs an SPI connection.
void run(const char* query, DestReceiver* to)
{
    SPIExecuteOptions options = {};
    options.read_only = true;
    options.must_return_tuples = true;
    options.dest = to;
    pg::with_locked_role([&] { SPI_execute_extended(query, &options); });
}

constexpr char survivors_query[] = "SELECT etl._survivors($1, $2, $3, $4, $5)";

// The query that etl._survivors makes of these arguments.
const char* query_for_survivors(pg::arguments args)
{
    constexpr int count = 5;
    Oid types[count];
    Datum values[count];
    char nulls[count];
    for (int i = 0; i < count; ++i) {
        types[i] = args.type(i);
        values[i] = args.datum(i);
        nulls[i] = args.is_null(i) ? 'n' : ' ';
    }
    SPI_execute_with_args(survivors_query, count, types, values, nulls, true, 1);
    return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

} // namespace
} // namespace etl::dedupe

using namespace etl;
using namespace etl::dedupe;

ETL_FUNCTION(etl_deduplicated, args)
{
    pg::listed_columns(args, "etl.deduplicated", "d(id bigint, …)");
    auto* result = reinterpret_cast<ReturnSetInfo*>(args.raw()->resultinfo);
    SPI_connect();
    const char* query = query_for_survivors(args);
    DestReceiver* to = receiver_of(result);
    run(query, to);
    to->rDestroy(to);
    SPI_finish();
    return Datum{0};
}
