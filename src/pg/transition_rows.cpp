#include "pg/transition_rows.hpp"

#include "pg/interrupts.hpp"

#include <exception>

extern "C" {
#include <executor/executor.h>
}

namespace etl::pg {
namespace {

constexpr char trigger_protocol_violated[] = "39P01";

bool has_its_rows(const statement_changes& call)
{
    return (call.is_insert() || call.is_truncate() || call.old_rows() != nullptr) &&
           (call.is_delete() || call.is_truncate() || call.new_rows() != nullptr);
}

} // namespace

statement_changes::statement_changes(arguments args, const char* hint)
    : data_{reinterpret_cast<const TriggerData*>(args.raw()->context)}
{
    if (!CALLED_AS_TRIGGER(args.raw()) || !TRIGGER_FIRED_FOR_STATEMENT(data_->tg_event) ||
        !TRIGGER_FIRED_AFTER(data_->tg_event) || !has_its_rows(*this)) {
        throw error(trigger_protocol_violated, "the function was not called as the trigger that it is made for", {},
                    hint);
    }
}

bool statement_changes::is_before_update(arguments args) noexcept
{
    const auto* data = reinterpret_cast<const TriggerData*>(args.raw()->context);
    return CALLED_AS_TRIGGER(args.raw()) && TRIGGER_FIRED_FOR_STATEMENT(data->tg_event) &&
           TRIGGER_FIRED_BEFORE(data->tg_event) && TRIGGER_FIRED_BY_UPDATE(data->tg_event);
}

std::span<char* const> statement_changes::texts() const noexcept
{
    return {data_->tg_trigger->tgargs, static_cast<std::size_t>(data_->tg_trigger->tgnargs)};
}

transition_rows::transition_rows(Tuplestorestate* rows, TupleDesc shape) : rows_{rows}
{
    if (rows_ != nullptr) {
        call([this, shape] {
            reader_ = tuplestore_alloc_read_pointer(rows_, EXEC_FLAG_REWIND);
            slot_ = MakeSingleTupleTableSlot(shape, &TTSOpsMinimalTuple);
            rewind();
        });
    }
}

// Where an error passes, PostgreSQL's abort lets go of what the slot holds.
transition_rows::~transition_rows()
{
    if (slot_ != nullptr && std::uncaught_exceptions() == 0) {
        ExecDropSingleTupleTableSlot(slot_);
    }
}

void transition_rows::rewind()
{
    if (rows_ != nullptr) {
        tuplestore_select_read_pointer(rows_, reader_);
        tuplestore_rescan(rows_);
    }
}

TupleTableSlot* transition_rows::next()
{
    constexpr unsigned rows_between_polls = 1024;
    if (++read_ % rows_between_polls == 0) {
        check_interrupts();
    }
    return rows_ != nullptr && tuplestore_gettupleslot(rows_, true, false, slot_) ? slot_ : nullptr;
}

} // namespace etl::pg
