#include "pg/heap_pages.hpp"

#include <algorithm>
#include <cstring>

extern "C" {
#include <access/heaptoast.h>
#include <access/htup_details.h>
#include <access/tableam.h>
#include <access/xact.h>
#include <access/xlog.h>
#include <access/xloginsert.h>
#include <access/xlogrecord.h>
#include <catalog/catalog.h>
#include <pgstat.h>
#include <storage/bufpage.h>
#include <storage/smgr.h>
#include <utils/rel.h>
}

namespace etl::pg {
namespace {

constexpr int batch_pages = XLR_MAX_BLOCK_ID; // what one WAL record holds
constexpr Size file_alignment = 4096;         // of what direct input and output read and write

bool ends_segment(BlockNumber block)
{
    return block % RELSEG_SIZE == RELSEG_SIZE - 1;
}

void log_pages(Relation table, int count, BlockNumber* blocks, Page* pages)
{
#if PG_VERSION_NUM >= 160000
    log_newpages(&table->rd_locator, MAIN_FORKNUM, count, blocks, pages, true);
#else
    log_newpages(&table->rd_node, MAIN_FORKNUM, count, blocks, pages, true);
#endif
}

} // namespace

bool heap_pages::suit(Relation table)
{
    return RelationIsPermanent(table) && table->rd_tableam == GetHeapamTableAmRoutine() &&
           !RelationIsLogicallyLogged(table);
}

heap_pages::heap_pages(Relation table, CommandId command)
    : table_{table}, redo_{GetRedoRecPtr()}, transaction_{GetCurrentTransactionId()}, command_{command}
{
    wide_ = AllocSetContextCreate(CurrentMemoryContext, "pg_etl wide row", ALLOCSET_DEFAULT_SIZES);
    memory_ = reinterpret_cast<char*>(TYPEALIGN(file_alignment, palloc(batch_pages * BLCKSZ + file_alignment)));
    reserved_ = static_cast<Size>(RelationGetTargetPageFreeSpace(table, HEAP_DEFAULT_FILLFACTOR));
    first_ = smgrnblocks(RelationGetSmgr(table), MAIN_FORKNUM);
    PageInit(page(0), BLCKSZ, 0);
}

// The row is laid out in the page itself: there is no tuple to be allocated and copied.
void heap_pages::put(const Datum* values, const bool* nulls)
{
    const TupleDesc columns = RelationGetDescr(table_);
    auto* all = const_cast<Datum*>(values); // heap_fill_tuple and its like read only, as they say since version 17
    auto* null = const_cast<bool*>(nulls);
    const bool any_null = std::find(nulls, nulls + columns->natts, true) != nulls + columns->natts;
    const Size header = MAXALIGN(SizeofHeapTupleHeader + (any_null ? BITMAPLEN(columns->natts) : 0));
    const Size data = heap_compute_data_size(columns, all, null);
    if (header + data > TOAST_TUPLE_THRESHOLD) {
        put_wide(values, nulls);
        return;
    }
    HeapTupleHeader row = place(header + data);
    heap_fill_tuple(columns, all, null, reinterpret_cast<char*>(row) + header, data, &row->t_infomask,
                    any_null ? row->t_bits : nullptr);
    if ((row->t_infomask & HEAP_HASEXTERNAL) != 0) { // a value in another table's TOAST table
        std::memset(static_cast<void*>(row), 0, header + data);
        put_wide(values, nulls);
        return;
    }
    row->t_hoff = static_cast<std::uint8_t>(header);
    HeapTupleHeaderSetNatts(row, columns->natts);
    keep(row, header + data);
}

void heap_pages::put_wide(const Datum* values, const bool* nulls)
{
    MemoryContext caller = MemoryContextSwitchTo(wide_);
    HeapTuple formed = heap_form_tuple(RelationGetDescr(table_), const_cast<Datum*>(values), const_cast<bool*>(nulls));
    HeapTuple stored = heap_toast_insert_or_update(table_, formed, nullptr, HEAP_INSERT_SKIP_FSM);
    if (MAXALIGN(stored->t_len) > MaxHeapTupleSize) {
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("row is too big: size %zu, maximum size %zu", static_cast<size_t>(stored->t_len),
                               static_cast<size_t>(MaxHeapTupleSize))));
    }
    HeapTupleHeader row = place(stored->t_len);
    std::memcpy(static_cast<void*>(row), stored->t_data, stored->t_len);
    row->t_infomask &= static_cast<std::uint16_t>(~HEAP_XACT_MASK);
    row->t_infomask2 &= static_cast<std::uint16_t>(~HEAP2_XACT_MASK);
    keep(row, stored->t_len);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(wide_);
}

// Where a row of a size goes: in the page being filled or, when that is full, in the next. The memory is zero.
HeapTupleHeader heap_pages::place(Size size)
{
    auto* header = reinterpret_cast<PageHeader>(page(current_));
    const Size room = static_cast<Size>(header->pd_upper - header->pd_lower);
    const bool empty = header->pd_lower == SizeOfPageHeaderData;
    if (MAXALIGN(size) + sizeof(ItemIdData) + (empty ? 0 : reserved_) > room) {
        if (++current_ == batch_pages) {
            write(batch_pages);
            current_ = 0;
        }
        PageInit(page(current_), BLCKSZ, 0);
        header = reinterpret_cast<PageHeader>(page(current_));
    }
    return reinterpret_cast<HeapTupleHeader>(page(current_) + header->pd_upper - MAXALIGN(size));
}

// Takes over what has been laid out at the place: a new row of the transaction and the command.
void heap_pages::keep(HeapTupleHeader row, Size size)
{
    auto* header = reinterpret_cast<PageHeader>(page(current_));
    header->pd_upper = static_cast<LocationIndex>(header->pd_upper - MAXALIGN(size));
    header->pd_lower = static_cast<LocationIndex>(header->pd_lower + sizeof(ItemIdData));
    const OffsetNumber offset = PageGetMaxOffsetNumber(page(current_));
    ItemId item = PageGetItemId(page(current_), offset);
    ItemIdSetNormal(item, header->pd_upper, size);
    row->t_infomask |= HEAP_XMAX_INVALID;
    HeapTupleHeaderSetXmin(row, transaction_);
    HeapTupleHeaderSetCmin(row, command_);
    HeapTupleHeaderSetXmax(row, InvalidTransactionId);
    ItemPointerSet(&row->t_ctid, first_ + static_cast<BlockNumber>(current_), offset);
    ++rows_;
}

void heap_pages::write(int pages)
{
    CHECK_FOR_INTERRUPTS();
    SMgrRelation file = RelationGetSmgr(table_);
    if (smgrnblocks(file, MAIN_FORKNUM) != first_) { // the rows would get lost, or others would
        ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE), errmsg("table \"%s\" has been written to while it was filled",
                                                               RelationGetRelationName(table_))));
    }
    BlockNumber blocks[batch_pages];
    Page filled[batch_pages];
    for (int i = 0; i < pages; ++i) {
        blocks[i] = first_ + static_cast<BlockNumber>(i);
        filled[i] = page(i);
    }
    if (RelationNeedsWAL(table_)) {
        log_pages(table_, pages, blocks, filled);
    }
    for (int i = 0; i < pages; ++i) {
        const bool told = i == pages - 1 || ends_segment(blocks[i]); // once for each file of the table
        PageSetChecksumInplace(filled[i], blocks[i]);
        smgrextend(file, MAIN_FORKNUM, blocks[i], filled[i], !told);
    }
    first_ += static_cast<BlockNumber>(pages);
}

void heap_pages::finish()
{
    const bool empty = PageGetMaxOffsetNumber(page(current_)) == 0;
    if (const int left = current_ + (empty ? 0 : 1); left > 0) {
        write(left);
    }
    if (RelationNeedsWAL(table_) && GetRedoRecPtr() != redo_) {
        smgrimmedsync(RelationGetSmgr(table_), MAIN_FORKNUM);
    }
    pgstat_count_heap_insert(table_, rows_);
    MemoryContextDelete(wide_);
}

} // namespace etl::pg
