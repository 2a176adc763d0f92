#include "pg/row_batches.hpp"

#include <algorithm>

extern "C" {
#include <access/tableam.h>
#include <access/xact.h>
#include <catalog/pg_class.h>
#include <utils/rel.h>
}

namespace etl::pg {
namespace {

constexpr int options = 0; // free space of the table is used

bool has_constraints(const TupleConstr* of)
{
    if (of == nullptr) {
        return false;
    }
#if PG_VERSION_NUM >= 180000
    if (of->has_generated_virtual) {
        return true;
    }
#endif
    return of->num_check > 0 || of->has_generated_stored;
}

} // namespace

bool has_only_columns(Relation table)
{
    const Form_pg_class form = table->rd_rel;
    // What says that there are indexes or rules stays when they are dropped.
    return form->relkind == RELKIND_RELATION && !form->relispartition &&
           !(form->relhasindex && RelationGetIndexList(table) != NIL) && table->rd_rules == nullptr &&
           !form->relrowsecurity && table->trigdesc == nullptr && !has_constraints(table->rd_att->constr);
}

row_batches::row_batches(Relation table) : table_{table}
{
    call([this] {
        command_ = GetCurrentCommandId(true);
        slots_ = static_cast<TupleTableSlot**>(palloc0(sizeof(TupleTableSlot*) * batch_rows));
        scratch_ = AllocSetContextCreate(CurrentMemoryContext, "pg_etl row batch", ALLOCSET_DEFAULT_SIZES);
    });
}

TupleTableSlot* row_batches::free_slot()
{
    TupleTableSlot*& slot = slots_[kept_];
    if (slot == nullptr) {
        MemoryContext caller = MemoryContextSwitchTo(MemoryContextGetParent(scratch_));
        slot = MakeSingleTupleTableSlot(RelationGetDescr(table_), &TTSOpsHeapTuple);
        MemoryContextSwitchTo(caller);
    }
    return slot;
}

void row_batches::keep(TupleTableSlot* slot)
{
    ExecMaterializeSlot(slot);
    kept_bytes_ += ExecFetchSlotHeapTuple(slot, true, nullptr)->t_len;
    if (++kept_ == batch_rows || kept_bytes_ >= batch_bytes) {
        flush();
    }
}

void row_batches::put(const Datum* values, const bool* nulls)
{
    const int width = RelationGetDescr(table_)->natts;
    TupleTableSlot* slot = free_slot();
    std::copy_n(values, width, slot->tts_values);
    std::copy_n(nulls, width, slot->tts_isnull);
    ExecStoreVirtualTuple(slot);
    keep(slot);
}

void row_batches::put(HeapTuple row)
{
    TupleTableSlot* slot = free_slot();
    ExecStoreHeapTuple(row, slot, false);
    keep(slot);
}

void row_batches::flush()
{
    if (kept_ == 0) {
        return;
    }
    MemoryContext caller = MemoryContextSwitchTo(scratch_); // writing leaves its lists and pages behind
    table_multi_insert(table_, slots_, kept_, command_, options, nullptr);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(scratch_);
    std::for_each(slots_, slots_ + kept_, [](TupleTableSlot* slot) { ExecClearTuple(slot); });
    kept_ = 0;
    kept_bytes_ = 0;
}

void row_batches::finish()
{
    flush();
    for (int i = 0; i < batch_rows && slots_[i] != nullptr; ++i) {
        ExecDropSingleTupleTableSlot(slots_[i]);
    }
    MemoryContextDelete(scratch_);
}

} // namespace etl::pg
