#include "pg/table_writer.hpp"

#include "pg/memory.hpp"

#include <algorithm>
#include <string>

extern "C" {
#include <access/table.h>
#include <access/tableam.h>
#include <access/xact.h>
#include <catalog/pg_class.h>
#include <miscadmin.h>
#include <utils/acl.h>
#include <utils/rel.h>
}

namespace etl::pg {
namespace {

constexpr char object_not_in_prerequisite_state[] = "55000";
constexpr int options = TABLE_INSERT_SKIP_FSM;

bool is_bare(Relation table)
{
    const Form_pg_class form = table->rd_rel;
    return form->relkind == RELKIND_RELATION && !form->relispartition && !form->relhasindex && !form->relhasrules &&
           !form->relrowsecurity && table->trigdesc == nullptr && table->rd_att->constr == nullptr;
}

Relation open(Oid table)
{
    Relation opened = call([table] { return try_table_open(table, RowExclusiveLock); });
    if (opened == nullptr) {
        throw error(sqlstate::undefined_table, "table with OID " + std::to_string(table) + " does not exist");
    }
    return opened;
}

// What a table must be, so that a function which anybody may call writes nowhere else.
void require_new_table(Relation table)
{
    if (table->rd_createSubid == InvalidSubTransactionId || !is_bare(table)) {
        throw error(object_not_in_prerequisite_state, std::string{"table \""} + RelationGetRelationName(table) +
                                                          "\" is not one that was just made for these rows");
    }
}

} // namespace

table_writer::table_writer(Oid table)
    : table_{open(table)}, state_{nullptr}, slots_{nullptr}, command_{InvalidCommandId}
{
    require_new_table(table_);
    call([this] {
        const AclResult granted = pg_class_aclcheck(RelationGetRelid(table_), GetUserId(), ACL_INSERT);
        if (granted != ACLCHECK_OK) {
            aclcheck_error(granted, OBJECT_TABLE, RelationGetRelationName(table_));
        }
        command_ = GetCurrentCommandId(true);
        if (heap_pages::suit(table_)) {
            pages_.emplace(table_, command_);
            return;
        }
        state_ = GetBulkInsertState();
        slots_ = static_cast<TupleTableSlot**>(palloc0(sizeof(TupleTableSlot*) * batch_rows));
        scratch_ = AllocSetContextCreate(CurrentMemoryContext, "pg_etl table writer", ALLOCSET_DEFAULT_SIZES);
    });
}

void table_writer::put(std::span<const Datum> values, std::span<const bool> nulls)
{
    if (pages_) {
        call([=, this] { pages_->put(values.data(), nulls.data()); });
        ++written_;
    } else {
        keep(values, nulls);
    }
}

void table_writer::keep(std::span<const Datum> values, std::span<const bool> nulls)
{
    call([=, this] {
        TupleTableSlot*& slot = slots_[kept_];
        if (slot == nullptr) {
            MemoryContext caller = MemoryContextSwitchTo(MemoryContextGetParent(scratch_));
            slot = MakeSingleTupleTableSlot(columns(), &TTSOpsHeapTuple);
            MemoryContextSwitchTo(caller);
        }
        std::copy(values.begin(), values.end(), slot->tts_values);
        std::copy(nulls.begin(), nulls.end(), slot->tts_isnull);
        ExecStoreVirtualTuple(slot);
        ExecMaterializeSlot(slot);
        kept_bytes_ += ExecFetchSlotHeapTuple(slot, true, nullptr)->t_len;
    });
    if (++kept_ == batch_rows || kept_bytes_ >= batch_bytes) {
        flush();
    }
}

void table_writer::flush()
{
    call([this] {
        MemoryContext caller = MemoryContextSwitchTo(scratch_); // writing leaves its lists and pages behind
        table_multi_insert(table_, slots_, kept_, command_, options, state_);
        MemoryContextSwitchTo(caller);
        MemoryContextReset(scratch_);
        std::for_each(slots_, slots_ + kept_, [](TupleTableSlot* slot) { ExecClearTuple(slot); });
    });
    written_ += kept_;
    kept_ = 0;
    kept_bytes_ = 0;
}

std::int64_t table_writer::finish()
{
    if (pages_) {
        call([this] {
            pages_->finish();
            table_close(table_, NoLock);
        });
        return written_;
    }
    flush();
    call([this] {
        FreeBulkInsertState(state_);
        table_finish_bulk_insert(table_, options);
        for (int i = 0; i < batch_rows && slots_[i] != nullptr; ++i) {
            ExecDropSingleTupleTableSlot(slots_[i]);
        }
        MemoryContextDelete(scratch_);
        table_close(table_, NoLock);
    });
    return written_;
}

} // namespace etl::pg
