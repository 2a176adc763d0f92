#include "pg/bulk_insert.hpp"

#include <algorithm>

extern "C" {
#include <access/htup_details.h>
#include <access/tableam.h>
#include <access/xact.h>
#include <catalog/pg_class.h>
#include <executor/executor.h>
#include <executor/nodeModifyTable.h>
#include <nodes/makefuncs.h>
#include <optimizer/optimizer.h>
#include <parser/parse_relation.h>
#include <rewrite/rewriteHandler.h>
#include <tcop/utility.h>
#include <utils/acl.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/reltrigger.h>
#include <utils/rls.h>
}

namespace etl::pg {
namespace {

constexpr int options = 0; // free space of the table is used

bool has_insert_triggers(const TriggerDesc* of)
{
    return of != nullptr && (of->trig_insert_before_row || of->trig_insert_after_row || of->trig_insert_instead_row ||
                             of->trig_insert_before_statement || of->trig_insert_after_statement);
}

bool has_columns_without_place(Relation table)
{
#if PG_VERSION_NUM >= 180000
    const TupleConstr* constraints = table->rd_att->constr;
    return constraints != nullptr && constraints->has_generated_virtual;
#else
    (void)table;
    return false;
#endif
}

void require_right(Relation table, std::span<const int> given)
{
    const Oid id = RelationGetRelid(table);
    if (pg_class_aclcheck(id, GetUserId(), ACL_INSERT) == ACLCHECK_OK) {
        return;
    }
    for (const int attribute : given) {
        const Form_pg_attribute column = TupleDescAttr(RelationGetDescr(table), attribute);
        if (pg_attribute_aclcheck(id, column->attnum, GetUserId(), ACL_INSERT) != ACLCHECK_OK) {
            aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, RelationGetRelationName(table));
        }
    }
}

RangeTblEntry* entry_of(Relation table)
{
    RangeTblEntry* entry = makeNode(RangeTblEntry);
    entry->rtekind = RTE_RELATION;
    entry->relid = RelationGetRelid(table);
    entry->relkind = table->rd_rel->relkind;
    entry->rellockmode = RowExclusiveLock;
    return entry;
}

void set_range_table(EState* state, RangeTblEntry* entry)
{
    List* entries = list_make1(entry);
#if PG_VERSION_NUM >= 160000
    List* permissions = NIL;
    addRTEPermissionInfo(&permissions, entry);
#endif
#if PG_VERSION_NUM >= 180000
    ExecInitRangeTable(state, entries, permissions, bms_make_singleton(1));
#elif PG_VERSION_NUM >= 160000
    ExecInitRangeTable(state, entries, permissions);
#else
    ExecInitRangeTable(state, entries);
#endif
}

void enter_into_indexes(ResultRelInfo* result, TupleTableSlot* row, EState* state)
{
#if PG_VERSION_NUM >= 160000
    List* rechecks = ExecInsertIndexTuples(result, row, state, false, false, nullptr, NIL, false);
#else
    List* rechecks = ExecInsertIndexTuples(result, row, state, false, false, nullptr, NIL);
#endif
    list_free(rechecks);
}

bool is_enforced(const ConstrCheck& check)
{
#if PG_VERSION_NUM >= 180000
    return check.ccenforced;
#else
    (void)check;
    return true;
#endif
}

} // namespace

bool bulk_insert::suits(Relation table)
{
    const Form_pg_class form = table->rd_rel;
    return form->relkind == RELKIND_RELATION && !form->relispartition && table->rd_rules == nullptr &&
           !has_insert_triggers(table->trigdesc) && !has_columns_without_place(table) &&
           check_enable_rls(RelationGetRelid(table), InvalidOid, true) != RLS_ENABLED;
}

bulk_insert::bulk_insert(Relation table, std::span<const int> given)
    : table_{table}, given_{given.data()}, given_count_{static_cast<int>(given.size())}
{
    PreventCommandIfReadOnly("INSERT");
    PreventCommandIfParallelMode("INSERT");
    require_right(table, given);
    open();
    find_defaults();
    find_checks();
}

void bulk_insert::open()
{
    state_ = CreateExecutorState();
    MemoryContext caller = MemoryContextSwitchTo(state_->es_query_cxt);
    set_range_table(state_, entry_of(table_));
    result_ = makeNode(ResultRelInfo);
    ExecInitResultRelation(state_, result_, 1);
    columns_ = CreateTupleDescCopy(RelationGetDescr(table_));
    row_ = MakeSingleTupleTableSlot(columns_, &TTSOpsVirtual);
    slots_ = static_cast<TupleTableSlot**>(palloc0(sizeof(TupleTableSlot*) * batch_rows));
    scratch_ = AllocSetContextCreate(state_->es_query_cxt, "pg_etl row batch", ALLOCSET_DEFAULT_SIZES);
    const TupleConstr* constraints = RelationGetDescr(table_)->constr;
    has_generated_ = constraints != nullptr && constraints->has_generated_stored;
    MemoryContextSwitchTo(caller);
}

bool bulk_insert::is_given(int attribute) const noexcept
{
    return std::find(given_, given_ + given_count_, attribute) != given_ + given_count_;
}

void bulk_insert::find_defaults()
{
    MemoryContext caller = MemoryContextSwitchTo(state_->es_query_cxt);
    const TupleDesc columns = RelationGetDescr(table_);
    defaults_ = static_cast<default_value*>(palloc0(sizeof(default_value) * static_cast<Size>(columns->natts + 1)));
    for (int i = 0; i < columns->natts; ++i) {
        const Form_pg_attribute column = TupleDescAttr(columns, i);
        if (column->attisdropped || column->attgenerated != '\0' || is_given(i)) {
            continue;
        }
        auto* expression = reinterpret_cast<Expr*>(build_column_default(table_, column->attnum));
        if (expression == nullptr) {
            if (get_typtype(column->atttypid) == TYPTYPE_DOMAIN) {
                domain_check(Datum{0}, true, column->atttypid, nullptr, nullptr);
            }
            continue;
        }
        expression = expression_planner(expression);
        default_value& made = defaults_[default_count_++];
        made.attribute = i;
        if (IsA(expression, Const)) {
            const auto* constant = reinterpret_cast<const Const*>(expression);
            made.value = {constant->constvalue, constant->constisnull};
        } else {
            made.expression = ExecInitExpr(expression, nullptr);
        }
    }
    MemoryContextSwitchTo(caller);
}

void bulk_insert::find_checks()
{
    const TupleConstr* constraints = RelationGetDescr(table_)->constr;
    if (constraints == nullptr || constraints->num_check == 0) {
        return;
    }
    MemoryContext caller = MemoryContextSwitchTo(state_->es_query_cxt);
    check_count_ = constraints->num_check;
    checks_ = static_cast<ExprState**>(palloc0(sizeof(ExprState*) * static_cast<Size>(check_count_)));
    for (int i = 0; i < check_count_; ++i) {
        const ConstrCheck& check = constraints->check[i];
        if (is_enforced(check)) {
            checks_[i] = ExecPrepareExpr(static_cast<Expr*>(stringToNode(check.ccbin)), state_);
        }
    }
    MemoryContextSwitchTo(caller);
}

// The whole row in the slot: what is given, defaults, generated columns.
void bulk_insert::complete(const Datum* values, const bool* nulls)
{
    ExecClearTuple(row_);
    const int width = columns_->natts;
    std::fill_n(row_->tts_values, width, Datum{0});
    std::fill_n(row_->tts_isnull, width, true);
    for (int i = 0; i < given_count_; ++i) {
        row_->tts_values[given_[i]] = values[i];
        row_->tts_isnull[given_[i]] = nulls[i];
    }
    ExprContext* context = GetPerTupleExprContext(state_);
    for (int i = 0; i < default_count_; ++i) {
        default_value& made = defaults_[i];
        if (made.expression != nullptr) {
            made.value.value = ExecEvalExprSwitchContext(made.expression, context, &made.value.isnull);
        }
        row_->tts_values[made.attribute] = made.value.value;
        row_->tts_isnull[made.attribute] = made.value.isnull;
    }
    ExecStoreVirtualTuple(row_);
    row_->tts_tableOid = RelationGetRelid(table_);
    if (has_generated_) {
        ExecComputeStoredGenerated(result_, state_, row_, CMD_INSERT);
    }
}

bool bulk_insert::is_refused(refused_row& why)
{
    const TupleDesc columns = RelationGetDescr(table_);
    const TupleConstr* constraints = columns->constr;
    if (constraints == nullptr) {
        return false;
    }
    const char* name = RelationGetRelationName(table_);
    for (int i = 0; constraints->has_not_null && i < columns->natts; ++i) {
        const Form_pg_attribute column = TupleDescAttr(columns, i);
        if (column->attnotnull && row_->tts_isnull[i]) {
            why = {ERRCODE_NOT_NULL_VIOLATION,
                   psprintf("null value in column \"%s\" of relation \"%s\" violates not-null constraint",
                            NameStr(column->attname), name),
                   NameStr(column->attname)};
            return true;
        }
    }
    ExprContext* context = GetPerTupleExprContext(state_);
    context->ecxt_scantuple = row_;
    for (int i = 0; i < check_count_; ++i) {
        if (checks_[i] != nullptr && !ExecCheck(checks_[i], context)) {
            why = {ERRCODE_CHECK_VIOLATION,
                   psprintf("new row for relation \"%s\" violates check constraint \"%s\"", name,
                            constraints->check[i].ccname),
                   nullptr};
            return true;
        }
    }
    return false;
}

HeapTuple bulk_insert::form(const Datum* values, const bool* nulls, MemoryContext into, refused_row& why)
{
    ResetPerTupleExprContext(state_);
    complete(values, nulls);
    if (is_refused(why)) {
        return nullptr;
    }
    MemoryContext caller = MemoryContextSwitchTo(into);
    HeapTuple made = heap_form_tuple(columns_, row_->tts_values, row_->tts_isnull);
    MemoryContextSwitchTo(caller);
    return made;
}

void bulk_insert::write(HeapTuple* rows, int count, int& at)
{
    ExecOpenIndices(result_, false);
    for (int first = 0; first < count;) {
        int next = first;
        Size bytes = 0;
        while (next < count && next - first < batch_rows && bytes < batch_bytes) {
            bytes += rows[next++]->t_len;
        }
        at = -1;
        write_batch(rows, first, next - first, at);
        first = next;
    }
    ExecCloseIndices(result_);
    result_->ri_NumIndices = 0;
}

void bulk_insert::write_batch(HeapTuple* rows, int first, int count, int& at)
{
    for (int i = 0; i < count; ++i) {
        if (slots_[i] == nullptr) {
            MemoryContext caller = MemoryContextSwitchTo(state_->es_query_cxt);
            slots_[i] = MakeSingleTupleTableSlot(columns_, &TTSOpsHeapTuple);
            MemoryContextSwitchTo(caller);
        }
        ExecStoreHeapTuple(rows[first + i], slots_[i], false);
        slots_[i]->tts_tableOid = RelationGetRelid(table_);
    }
    MemoryContext caller = MemoryContextSwitchTo(scratch_); // writing leaves its lists and pages behind
    const CommandId command = GetCurrentCommandId(true);
    state_->es_output_cid = command;
    table_multi_insert(table_, slots_, count, command, options, nullptr);
    for (int i = 0; result_->ri_NumIndices > 0 && i < count; ++i) {
        at = first + i;
        ResetPerTupleExprContext(state_);
        enter_into_indexes(result_, slots_[i], state_);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextReset(scratch_);
    for (int i = 0; i < count; ++i) {
        ExecClearTuple(slots_[i]);
    }
}

void bulk_insert::finish()
{
    table_finish_bulk_insert(table_, options);
    for (int i = 0; i < batch_rows && slots_[i] != nullptr; ++i) {
        ExecDropSingleTupleTableSlot(slots_[i]);
    }
    ExecDropSingleTupleTableSlot(row_);
    ExecResetTupleTable(state_->es_tupleTable, false);
    result_->ri_NumIndices = 0; // of a write that was rolled back
    ExecCloseResultRelations(state_);
    ExecCloseRangeTableRelations(state_);
    FreeExecutorState(state_);
}

} // namespace etl::pg
