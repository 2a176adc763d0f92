#include "pg/trigger.hpp"

#include "core/error.hpp"

extern "C" {
#include <access/genam.h>
#include <access/htup_details.h>
#include <access/table.h>
#include <catalog/pg_class.h>
#include <catalog/pg_trigger.h>
#include <storage/proc.h>
#include <utils/acl.h>
#include <utils/datum.h>
#include <utils/fmgroids.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
#include <utils/relcache.h>
#include <utils/rls.h>
#include <utils/snapmgr.h>
#include <utils/syscache.h>
}

namespace etl::pg {
namespace {

constexpr char trigger_protocol_violated[] = "39P01";

[[noreturn]] void refuse_call(const char* hint)
{
    throw error(trigger_protocol_violated, "the function was not called as the trigger that it is made for", {}, hint);
}

// The trigger that a partition's was cloned from, and its table. May raise.
Oid parent_of(Oid trigger, Oid* table)
{
    Relation triggers = table_open(TriggerRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(trigger));
    SysScanDesc scan = systable_beginscan(triggers, TriggerOidIndexId, true, nullptr, 1, &key);
    HeapTuple found = systable_getnext(scan);
    Oid parent = InvalidOid;
    if (HeapTupleIsValid(found)) {
        parent = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(found))->tgparentid;
        *table = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(found))->tgrelid;
    }
    systable_endscan(scan);
    table_close(triggers, AccessShareLock);
    return parent;
}

Oid root_of(const Trigger* trigger, Oid table)
{
    for (Oid at = trigger->tgisclone ? trigger->tgoid : InvalidOid; OidIsValid(at);) {
        at = parent_of(at, &table);
    }
    return table;
}

bool differs(HeapTuple one, HeapTuple other, TupleDesc shape, AttrNumber number)
{
    bool nulls[2];
    const Datum left = heap_getattr(one, number, shape, &nulls[0]);
    const Datum right = heap_getattr(other, number, shape, &nulls[1]);
    if (nulls[0] || nulls[1]) {
        return nulls[0] != nulls[1];
    }
    const Form_pg_attribute column = TupleDescAttr(shape, number - 1);
    return !datum_image_eq(left, right, column->attbyval, column->attlen);
}

bool any_reference_differs(Relation table, HeapTuple one, HeapTuple other)
{
    ListCell* cell = nullptr;
    foreach (cell, static_cast<List*>(copyObjectImpl(RelationGetFKeyList(table)))) {
        const auto* key = static_cast<const ForeignKeyCacheInfo*>(lfirst(cell));
        for (int i = 0; i < key->nkeys; ++i) {
            if (differs(one, other, RelationGetDescr(table), key->conkey[i])) {
                return true;
            }
        }
    }
    return false;
}

} // namespace

row_trigger::row_trigger(arguments args, const char* hint)
    : data_{reinterpret_cast<const TriggerData*>(args.raw()->context)}
{
    if (!CALLED_AS_TRIGGER(args.raw()) || !TRIGGER_FIRED_FOR_ROW(data_->tg_event) ||
        !TRIGGER_FIRED_BEFORE(data_->tg_event) || TRIGGER_FIRED_BY_DELETE(data_->tg_event)) {
        refuse_call(hint);
    }
}

std::span<char* const> row_trigger::texts() const noexcept
{
    return {data_->tg_trigger->tgargs, static_cast<std::size_t>(data_->tg_trigger->tgnargs)};
}

Oid row_trigger::root() const
{
    return call([this] { return root_of(data_->tg_trigger, RelationGetRelid(data_->tg_relation)); });
}

bool row_trigger::changes_reference() const
{
    return is_update() && call([this] { return any_reference_differs(table(), row(), replaced()); });
}

void row_trigger::refuse(const std::string& message, const std::string& detail, const std::string& hint) const
{
    call([&] {
        ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION), errmsg_internal("%s", message.c_str()),
                        errdetail_internal("%s", detail.c_str()), errhint("%s", hint.c_str()),
                        errtableconstraint(table(), name())));
    });
    throw error_in_flight{}; // not reached
}

const Trigger* statement_trigger(arguments args, const char* hint, Oid& table)
{
    const auto* data = reinterpret_cast<const TriggerData*>(args.raw()->context);
    if (!CALLED_AS_TRIGGER(args.raw()) || !TRIGGER_FIRED_FOR_STATEMENT(data->tg_event) ||
        !TRIGGER_FIRED_AFTER(data->tg_event)) {
        refuse_call(hint);
    }
    table = RelationGetRelid(data->tg_relation);
    return data->tg_trigger;
}

statement_number statement_number::current()
{
#if PG_VERSION_NUM >= 170000
    const LocalTransactionId transaction = MyProc->vxid.lxid;
#else
    const LocalTransactionId transaction = MyProc->lxid;
#endif
    return {transaction, ActiveSnapshotSet() ? GetActiveSnapshot()->curcid : FirstCommandId};
}

void inform(const std::string& message, const std::string& detail, const std::string& hint)
{
    call([&] {
        ereport(NOTICE, (errmsg_internal("%s", message.c_str()), errdetail_internal("%s", detail.c_str()),
                         errhint("%s", hint.c_str())));
    });
}

bool may_read(Oid table)
{
    return call([table] {
        return pg_class_aclcheck(table, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
               check_enable_rls(table, InvalidOid, true) != RLS_ENABLED;
    });
}

int trigger_depth()
{
    return call([] { return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, Datum{0})); });
}

std::string qualified_name(Oid table)
{
    return call([table] {
        return static_cast<const char*>(
            quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table)));
    });
}

Oid table_owner(Oid table)
{
    return call([table] {
        HeapTuple found = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
        if (!HeapTupleIsValid(found)) {
            return InvalidOid;
        }
        const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(found))->relowner;
        ReleaseSysCache(found);
        return owner;
    });
}

std::string role_name(Oid role)
{
    return call([role] { return static_cast<const char*>(GetUserNameFromId(role, false)); });
}

} // namespace etl::pg
