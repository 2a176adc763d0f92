// The trigger that notes that a table was written to, and what deletes notes that no refresh needs any more.
//
// A transaction notes a table once. The session remembers the transaction that wrote the last note of a table: the one
// of the savepoint, if there was one, so that a note which was rolled back is written again.
#include "pg/own_query.hpp"
#include "pg/trigger.hpp"

extern "C" {
#include <access/heapam.h>
#include <access/htup_details.h>
#include <access/table.h>
#include <access/xact.h>
#include <catalog/namespace.h>
#include <utils/lsyscache.h>
#include <utils/xid8.h>
}

#include <array>

namespace {

constexpr char hint[] = "etl.add_refresh_policy(…, skip_if_unchanged => true) creates the trigger.";

struct note {
    Oid relation;
    FullTransactionId written_by; // transaction or savepoint
};

// The last notes of this session: forgetting one costs one row more.
note& last_note(Oid relation)
{
    static std::array<note, 256> notes = {};
    return notes[relation % notes.size()];
}

// Whether this transaction has written the note, and not rolled it back. Numbers of 32 bits come again, so the one of
// the whole transaction is compared in full.
bool stands(const note& last, Oid relation)
{
    return last.relation == relation && FullTransactionIdIsValid(last.written_by) &&
           FullTransactionIdFollowsOrEquals(last.written_by, GetTopFullTransactionId()) &&
           TransactionIdIsCurrentTransactionId(XidFromFullTransactionId(last.written_by));
}

// Without the executor: whoever writes to the table writes the note, whatever rights they have. May raise.
void write_note(Oid relation)
{
    Relation notes = table_open(get_relname_relid("source_change", get_namespace_oid("etl", false)), RowExclusiveLock);
    Datum values[] = {ObjectIdGetDatum(relation), FullTransactionIdGetDatum(GetTopFullTransactionId())};
    bool nulls[] = {false, false};
    simple_heap_insert(notes, heap_form_tuple(RelationGetDescr(notes), values, nulls));
    table_close(notes, NoLock);
}

void note_change(Oid relation)
{
    if (!TransactionIdIsValid(GetTopTransactionIdIfAny())) {
        return; // the statement found no row: who writes has a number
    }
    note& last = last_note(relation);
    if (!stands(last, relation)) {
        write_note(relation);
        last = {relation, GetCurrentFullTransactionId()};
    }
}

constexpr char forget[] =
    "DELETE FROM etl.source_change AS c WHERE c.ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
    "SELECT n.ctid FROM etl.source_change AS n WHERE n.changed_by OPERATOR(pg_catalog.<) ("
    "SELECT pg_catalog.min(b.oldest) FROM ("
    "SELECT pg_catalog.pg_snapshot_xmin(s.snapshot) AS oldest FROM etl.refresh_state AS s UNION ALL "
    "SELECT s.refreshed_by FROM etl.refresh_state AS s UNION ALL "
    "SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())) AS b) "
    "FOR UPDATE SKIP LOCKED)::pg_catalog.tid[])";

} // namespace

ETL_FUNCTION(etl_note_change, args)
{
    Oid relation;
    etl::pg::statement_trigger(args, hint, relation);
    note_change(relation);
    return PointerGetDatum(nullptr);
}

ETL_FUNCTION(etl_forget_noted_changes, args)
{
    static etl::pg::own_query query{"source_change", forget, {}};
    query.execute(nullptr);
    return args.result(true);
}
