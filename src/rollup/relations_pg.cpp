// Relations looked up and counted without running anything of their owners': what others have named or made must not
// act, nor fail, as the role that looks at it.
#include "pg/function.hpp"
#include "pg/trigger.hpp"

extern "C" {
#include <access/table.h>
#include <access/tableam.h>
#include <catalog/namespace.h>
#include <catalog/pg_class.h>
#include <storage/lmgr.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/snapmgr.h>
#include <utils/varlena.h>
}

#include <algorithm>

namespace {

// By schema and name, whatever the current role may see; invalid where the text is no such name. May raise for lack of
// memory only.
Oid find_relation(text* name)
{
    List* parts = NIL;
    if (!SplitIdentifierString(text_to_cstring(name), '.', &parts) || list_length(parts) != 2) {
        return InvalidOid;
    }
    const Oid home = get_namespace_oid(static_cast<const char*>(linitial(parts)), true);
    return OidIsValid(home) ? get_relname_relid(static_cast<const char*>(lsecond(parts)), home) : InvalidOid;
}

// The same, locked to the end of the transaction, so that nobody puts another in its place. May raise.
Oid hold_relation(text* name)
{
    for (;;) {
        const Oid found = find_relation(name);
        if (!OidIsValid(found)) {
            return found;
        }
        LockRelationOid(found, AccessShareLock);
        if (find_relation(name) == found) {
            return found;
        }
        UnlockRelationOid(found, AccessShareLock);
    }
}

std::span<const std::int16_t> numbers_in(const ArrayType* array)
{
    return {reinterpret_cast<const std::int16_t*>(ARR_DATA_PTR(array)),
            static_cast<std::size_t>(ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)))};
}

// The rows of a relation; with columns, how many of them have NULL in one, or the first only. The planner would run
// functions of the indexes. May raise.
std::int64_t count_rows(Oid relation, const ArrayType* columns)
{
    Relation table = table_open(relation, AccessShareLock);
    if (table->rd_rel->relkind != RELKIND_MATVIEW && table->rd_rel->relkind != RELKIND_RELATION) {
        table_close(table, AccessShareLock);
        return 0;
    }
    TableScanDesc scan = table_beginscan(table, GetActiveSnapshot(), 0, nullptr);
    TupleTableSlot* row = table_slot_create(table, nullptr);
    std::int64_t count = 0;
    while (table_scan_getnextslot(scan, ForwardScanDirection, row)) {
        if (columns == nullptr) {
            ++count;
        } else if (std::ranges::any_of(numbers_in(columns), [row](int i) { return slot_attisnull(row, i); })) {
            count = 1;
            break;
        }
    }
    ExecDropSingleTupleTableSlot(row);
    table_endscan(scan);
    table_close(table, AccessShareLock);
    return count;
}

void require_readable(Oid relation)
{
    if (!etl::pg::may_read(relation)) {
        throw etl::error("42501", "permission denied for relation " + etl::pg::qualified_name(relation));
    }
}

} // namespace

ETL_FUNCTION(etl_named_relation, args)
{
    auto* name = DatumGetTextPP(args.datum(0));
    const Oid found = args.get<bool>(1) ? hold_relation(name) : find_relation(name);
    return OidIsValid(found) ? ObjectIdGetDatum(found) : args.null_result();
}

ETL_FUNCTION(etl_matview_rows, args)
{
    const Oid relation = DatumGetObjectId(args.datum(0));
    require_readable(relation);
    return args.result(count_rows(relation, nullptr));
}

ETL_FUNCTION(etl_matview_has_null, args)
{
    const Oid relation = DatumGetObjectId(args.datum(0));
    require_readable(relation);
    return args.result(count_rows(relation, DatumGetArrayTypeP(args.datum(1))) > 0);
}
