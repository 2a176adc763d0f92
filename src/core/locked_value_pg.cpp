// etl._locked_value, etl._latest_value and etl._locked_change: the one value of a query that is run with the role
// locked. And etl._locked_command: how many rows such a command was about.
#include "core/locked_query_pg.hpp"

extern "C" {
#include <access/xact.h>
#include <executor/spi.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/snapmgr.h>
}

#include <cstdint>

namespace etl {
namespace {

Datum locked_value(pg::arguments args, bool read_only)
{
    const char* query = text_to_cstring(DatumGetTextPP(args.given(0)));
    const Oid type = args.type(1);
    SPI_connect();
    run_locked(query, read_parameters(args, 2), read_only);
    if (SPI_processed != 1 || SPI_tuptable == nullptr || SPI_gettypeid(SPI_tuptable->tupdesc, 1) != type) {
        throw error(sqlstate::datatype_mismatch, "etl._locked_value needs a query for one value of the given type");
    }
    bool is_null = false;
    Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
    if (!is_null) {
        std::int16_t length = 0;
        bool by_value = false;
        get_typlenbyval(type, &length, &by_value);
        value = SPI_datumTransfer(value, by_value, length);
    }
    SPI_finish();
    return is_null ? args.null_result() : value;
}

} // namespace
} // namespace etl

using namespace etl;

ETL_FUNCTION(etl_locked_value, args)
{
    return locked_value(args, true);
}

// As the database is now, and not as the transaction has found it: under REPEATABLE READ too, and with what this
// command has written so far.
ETL_FUNCTION(etl_latest_value, args)
{
    CommandCounterIncrement();
    PushActiveSnapshot(GetLatestSnapshot());
    const Datum value = locked_value(args, true);
    PopActiveSnapshot();
    return value;
}

ETL_FUNCTION(etl_locked_change, args)
{
    return locked_value(args, false);
}

ETL_FUNCTION(etl_locked_command, args)
{
    const char* command = text_to_cstring(DatumGetTextPP(args.given(0)));
    SPI_connect();
    run_locked(command, read_parameters(args, 1), false);
    const auto rows = static_cast<std::int64_t>(SPI_processed);
    SPI_finish();
    return args.result(rows);
}
