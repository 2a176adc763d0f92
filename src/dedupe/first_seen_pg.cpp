// etl._has_newer: whether a scope of etl.first_seen has seen an event after a moment.
//
// Read from the index itself: a query's plan, made while the table is empty and kept, may scan the table for each call
// when it has grown.
#include "pg/function.hpp"

extern "C" {
#include <access/genam.h>
#include <access/htup_details.h>
#include <access/table.h>
#include <catalog/namespace.h>
#include <miscadmin.h>
#include <utils/builtins.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/snapmgr.h>
}

namespace {

constexpr AttrNumber scope_column = 1; // of etl.seen_key
constexpr AttrNumber newest_column = 4;

Oid relation_of_etl(const char* name)
{
    const Oid found = get_relname_relid(name, get_namespace_oid("etl", false));
    if (!OidIsValid(found)) {
        throw etl::error(etl::sqlstate::undefined_table, "relation \"etl." + std::string{name} + "\" does not exist",
                         {}, "ALTER EXTENSION pg_etl UPDATE brings the extension to the version of its library.");
    }
    return found;
}

// What row security would say: keys stand in a scope of their own role alone, so its owner is theirs.
bool is_own_scope(Datum scope_id)
{
    Relation scopes = table_open(relation_of_etl("seen_scope"), AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, scope_id);
    SysScanDesc scan =
        systable_beginscan(scopes, relation_of_etl("seen_scope_pkey"), true, GetActiveSnapshot(), 1, &key);
    HeapTuple found = systable_getnext(scan);
    bool is_own = false;
    if (HeapTupleIsValid(found)) {
        bool is_null = false;
        const Name owner = DatumGetName(heap_getattr(found, 2, RelationGetDescr(scopes), &is_null));
        is_own = namestrcmp(owner, GetUserNameFromId(GetUserId(), false)) == 0;
    }
    systable_endscan(scan);
    table_close(scopes, AccessShareLock);
    return is_own;
}

bool has_newer(Datum scope_id, Datum moment)
{
    Relation keys = table_open(relation_of_etl("seen_key"), AccessShareLock);
    ScanKeyData wanted[2];
    ScanKeyInit(&wanted[0], scope_column, BTEqualStrategyNumber, F_INT8EQ, scope_id);
    ScanKeyInit(&wanted[1], newest_column, BTGreaterStrategyNumber, F_TIMESTAMPTZ_GT, moment);
    SysScanDesc scan =
        systable_beginscan(keys, relation_of_etl("seen_key_newest_idx"), true, GetActiveSnapshot(), 2, wanted);
    const bool found = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    table_close(keys, AccessShareLock);
    return found;
}

} // namespace

ETL_FUNCTION(etl_has_newer, args)
{
    const Datum scope_id = args.given(0);
    const Datum moment = args.given(1);
    return args.result(has_newer(scope_id, moment) && is_own_scope(scope_id));
}
