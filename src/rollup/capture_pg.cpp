// The triggers that capture what writers change in the tables that a rollup is made of.
//
// A statement trigger reads the old and the new rows of its statement (transition tables), makes log rows of them, and
// writes these straight into the log, in the writer's own transaction: there is no query, no index, no row that two
// writers would share, so nobody waits. What it logs depends on the kind of the log:
//
//   keys     the distinct group keys of the old and new rows, op "c"
//   columns  the distinct values from which the groups can be found at the refresh, op "c"
//   images   every old row as "-" and every new one as "+"
//
// What a DELETE takes away is "e" where the transaction erases (setting pg_etl.erasing). An UPDATE that changes no
// column in use logs nothing, for each old row that equals its new one cancels it. A statement that would log more
// than pg_etl.rollup_log_rows rows logs one instead: "b", all groups whose first key is between the first column and
// etl_to, or "a", anything. TRUNCATE is an "a", too, and so is every change once the definition does not fit the
// table any more: a writer is never held up for what was done to the rollup's columns. What is erased is logged whole,
// however much it is, for nobody can look later of which groups it was; where it cannot be, it is "B" or "A".
//
// Partitioned tables have one trigger more, BEFORE UPDATE, which logs nothing: see rollup/moved_rows_pg.hpp.
#include "pg/memory.hpp"
#include "pg/role_lock.hpp"
#include "pg/row_batches.hpp"
#include "pg/running_query.hpp"
#include "pg/settings.hpp"
#include "rollup/capture_plan_pg.hpp"
#include "rollup/distinct_rows.hpp"
#include "rollup/key_range_pg.hpp"
#include "rollup/log_row_pg.hpp"
#include "rollup/missed_changes_pg.hpp"
#include "rollup/moved_rows_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/table.h>
#include <catalog/pg_class.h>
#include <tcop/utility.h>
#include <utils/datum.h>
}

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

namespace etl::rollup {
namespace {

constexpr char made_by[] = "etl.create_rollup(name, query, key_columns) makes the triggers.";

// Log rows in memory before they are written: where they are more, one stands for all.
constexpr std::size_t most_kept_bytes = std::size_t{64} << 20;

// Whether two values are the same to the last bit; large values are fetched only where they may be. May raise.
bool is_same(Datum one, Datum other, const Form_pg_attribute column)
{
    if (column->attbyval) {
        return one == other;
    }
    if (column->attlen == -1) {
        const auto* left = static_cast<const char*>(DatumGetPointer(one));
        const auto* right = static_cast<const char*>(DatumGetPointer(other));
        const std::size_t size = VARSIZE_ANY(left);
        if (size == VARSIZE_ANY(right) && std::memcmp(left, right, size) == 0) {
            return true;
        }
    }
    return datum_image_eq(one, other, column->attbyval, column->attlen);
}

bool is_erasing(const pg::statement_changes& call)
{
    return pg::is_erasing() && (call.is_delete() || call.is_truncate());
}

class statement_log {
  public:
    statement_log(const pg::statement_changes& call, const capture& to, bool is_anything);

    void write();

  private:
    bool is_too_many(std::uint64_t rows) const noexcept { return rows > most_rows_; }

    // All of it may raise.
    void write_rows();
    void write_everything();
    bool counts(TupleTableSlot* before, TupleTableSlot* after) const;
    template <class Use>
    void for_each_change(Use&& use);
    void write_images();
    std::uint64_t count_images();
    void write_distinct();
    // Whether there are too many rows, and no range to tell of them.
    bool is_hopeless() const noexcept { return kept_->is_overrun() && !(range_ && range_->is_bounded()); }
    void keep(char op, TupleTableSlot* row);
    void write_kept();
    void widen(MemoryContext memory);
    void put() { to_.put(rows_.values(), rows_.nulls()); }
    void put(char op, TupleTableSlot* row)
    {
        if (row != nullptr) {
            rows_.make(op, row);
            put();
        }
    }

    const capture_plan& plan_;
    TupleDesc table_;
    Relation log_table_;
    TupleDesc log_;
    pg::transition_rows old_;
    pg::transition_rows new_;
    bool is_anything_; // nothing can be told but that
    bool is_erased_;
    std::uint64_t most_rows_;
    char old_op_;
    char new_op_;
    int compared_ = 0; // so many attributes are read to tell whether a row has changed
    log_row_maker rows_;
    pg::row_batches to_;

    // Where rows are logged once only.
    pg::context_resource memory_;
    pg::scratch_context scratch_; // of one row
    std::optional<distinct_rows> kept_;
    std::optional<key_range> range_; // of all rows, once they are too many
};

statement_log::statement_log(const pg::statement_changes& call, const capture& to, bool is_anything)
    : plan_{*to.plan}, table_{RelationGetDescr(call.table())}, log_table_{to.log}, log_{RelationGetDescr(to.log)},
      old_{call.old_rows(), table_}, new_{call.new_rows(), table_}, is_anything_{is_anything || !plan_.fault().empty()},
      is_erased_{is_erasing(call)}, most_rows_{is_erased_ ? std::numeric_limits<std::uint64_t>::max()
                                                          : pg::rollup_log_rows()},
      old_op_{is_erased_                         ? 'e'
              : plan_.kind() == log_kind::images ? '-'
                                                 : 'c'},
      new_op_{plan_.kind() == log_kind::images ? '+' : 'c'}, rows_{plan_, table_, log_, call.is_insert()}, to_{to.log}
{
    if (call.is_update()) {
        for (const int attribute : plan_.used_attributes()) {
            compared_ = std::max(compared_, attribute + 1);
        }
    }
}

// Whether something in use differs. May raise.
bool statement_log::counts(TupleTableSlot* before, TupleTableSlot* after) const
{
    slot_getsomeattrs(before, compared_);
    slot_getsomeattrs(after, compared_);
    return std::ranges::any_of(plan_.used_attributes(), [=, this](int i) {
        return before->tts_isnull[i] != after->tts_isnull[i] ||
               (!before->tts_isnull[i] &&
                !is_same(before->tts_values[i], after->tts_values[i], TupleDescAttr(table_, i)));
    });
}

// use(old row, new row) for each row that has changed, as long as it returns true; one of the two may be nullptr. The
// rows of an UPDATE pair up in their order. Where a trigger has swallowed one of a pair, other pairs are made, and that
// does no harm: equal rows cancel each other, whichever they are. May raise.
template <class Use>
void statement_log::for_each_change(Use&& use)
{
    old_.rewind();
    new_.rewind();
    for (;;) {
        TupleTableSlot* before = old_.next();
        TupleTableSlot* after = new_.next();
        if (before == nullptr && after == nullptr) {
            return;
        }
        if ((before == nullptr || after == nullptr || counts(before, after)) && !use(before, after)) {
            return;
        }
    }
}

void statement_log::write()
{
    pg::call([this] {
        PreventCommandIfReadOnly("INSERT");
        pg::with_locked_role([this] { write_rows(); });
        to_.finish();
        table_close(log_table_, NoLock);
    });
}

void statement_log::write_rows()
{
    if (is_anything_) {
        write_everything();
    } else if (plan_.kind() == log_kind::images) {
        write_images();
    } else {
        write_distinct();
    }
}

void statement_log::write_everything()
{
    rows_.make_everything(is_erased_);
    put();
}

std::uint64_t statement_log::count_images()
{
    std::uint64_t count = 0;
    for_each_change([&count](const TupleTableSlot* before, const TupleTableSlot* after) {
        count += (before != nullptr) + (after != nullptr);
        return true;
    });
    return count;
}

void statement_log::write_images()
{
    if (is_too_many(static_cast<std::uint64_t>(old_.count() + new_.count())) && is_too_many(count_images())) {
        write_everything();
        return;
    }
    for_each_change([this](TupleTableSlot* before, TupleTableSlot* after) {
        put(old_op_, before);
        put(new_op_, after);
        return true;
    });
}

// Takes a row in among the distinct ones or, once there are too many, into their range. May raise.
void statement_log::keep(char op, TupleTableSlot* row)
{
    if (row == nullptr || is_hopeless()) {
        return;
    }
    MemoryContextReset(scratch_.get());
    MemoryContext caller = MemoryContextSwitchTo(scratch_.get());
    rows_.make(op, row);
    if (!kept_->is_overrun()) {
        const HeapTuple formed = heap_form_tuple(log_, rows_.values(), rows_.nulls());
        kept_->add({reinterpret_cast<const std::byte*>(formed->t_data), formed->t_len});
    }
    if (kept_->is_overrun() && plan_.kind() == log_kind::keys) {
        widen(caller);
    }
    MemoryContextSwitchTo(caller);
}

HeapTupleData as_tuple(std::span<const std::byte> row)
{
    HeapTupleData tuple{};
    tuple.t_len = static_cast<std::uint32_t>(row.size());
    tuple.t_data = reinterpret_cast<HeapTupleHeader>(const_cast<std::byte*>(row.data()));
    ItemPointerSetInvalid(&tuple.t_self);
    return tuple;
}

// The range takes in the row just made and, first of all, those that were kept. Its bounds are in the memory given.
void statement_log::widen(MemoryContext memory)
{
    const int key = plan_.value_attributes()[0];
    if (!range_) {
        range_.emplace(TupleDescAttr(log_, key), memory);
        for (std::size_t i = 0; i < kept_->count(); ++i) {
            HeapTupleData tuple = as_tuple(kept_->row(i));
            bool is_null = false;
            const Datum value = heap_getattr(&tuple, key + 1, log_, &is_null);
            range_->widen(value, is_null);
        }
    }
    range_->widen(rows_.values()[key], rows_.nulls()[key]);
}

void statement_log::write_kept()
{
    for (std::size_t i = 0; i < kept_->count(); ++i) {
        HeapTupleData tuple = as_tuple(kept_->row(i));
        to_.put(&tuple);
    }
}

void statement_log::write_distinct()
{
    kept_.emplace(distinct_rows::limits{static_cast<std::size_t>(most_rows_), most_kept_bytes}, &memory_);
    for_each_change([this](TupleTableSlot* before, TupleTableSlot* after) {
        keep(old_op_, before);
        keep(new_op_, after);
        return !is_hopeless();
    });
    if (!kept_->is_overrun()) {
        write_kept();
    } else if (is_hopeless()) {
        write_everything();
    } else {
        rows_.make_range(*range_, is_erased_);
        put();
    }
}

bool has_rows(Tuplestorestate* of)
{
    return of != nullptr && tuplestore_tuple_count(of) > 0;
}

// Whether the old and new rows are not all that has changed.
bool hides_rows(const pg::statement_changes& call)
{
    return call.is_update() && call.table()->rd_rel->relkind == RELKIND_PARTITIONED_TABLE &&
           may_hide_rows(pg::query_of_triggers(), call.table());
}

} // namespace
} // namespace etl::rollup

using namespace etl;
using namespace etl::rollup;

ETL_FUNCTION(etl_capture, args)
{
    if (pg::statement_changes::is_before_update(args)) {
        pg::watch_queries();
        return PointerGetDatum(nullptr);
    }
    const pg::statement_changes call{args, made_by};
    const bool is_anything = call.is_truncate() || hides_rows(call);
    if (is_anything || has_rows(call.old_rows()) || has_rows(call.new_rows())) {
        const capture to = capture_for(call);
        if (to.log == nullptr) {
            note_missed(call, *to.terms, is_erasing(call));
        } else {
            statement_log{call, to, is_anything}.write();
        }
    }
    return PointerGetDatum(nullptr);
}
