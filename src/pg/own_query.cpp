#include "pg/own_query.hpp"

#include "pg/role_lock.hpp"
#include "pg/spi.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/namespace.h>
#include <catalog/pg_class.h>
#include <executor/spi.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
}

namespace etl::pg {
namespace {

Oid owner_of(const char* table)
{
    const Oid relation = get_relname_relid(table, get_namespace_oid("etl", false));
    HeapTuple found = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(found)) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table \"etl.%s\" does not exist", table),
                        errhint("ALTER EXTENSION pg_etl UPDATE brings the extension to the version of its library.")));
    }
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(found))->relowner;
    ReleaseSysCache(found);
    return owner;
}

} // namespace

void own_query::run(const Datum* values, bool read_only)
{
    with_role(owner_of(table_), SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS, [&] {
        if (plan_ == nullptr) {
            plan_ = keep_plan(sql_, types_);
        }
        SPI_execute_plan(static_cast<SPIPlanPtr>(plan_), const_cast<Datum*>(values), nullptr, read_only, 0);
    });
}

const char* own_query::text(const Datum* values)
{
    MemoryContext memory = CurrentMemoryContext;
    SPI_connect();
    run(values, true);
    const char* found = SPI_processed == 0 ? nullptr : SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
    const char* kept = found == nullptr ? nullptr : MemoryContextStrdup(memory, found);
    SPI_finish();
    return kept;
}

void own_query::execute(const Datum* values)
{
    SPI_connect();
    run(values, false);
    SPI_finish();
}

} // namespace etl::pg
