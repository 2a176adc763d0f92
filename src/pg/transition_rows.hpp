// The rows that a statement has changed, as PostgreSQL shows them to a trigger AFTER … FOR EACH STATEMENT with
// REFERENCING OLD TABLE and NEW TABLE.
#pragma once

#include "pg/function.hpp"

#include <cstdint>
#include <span>

extern "C" {
#include <commands/trigger.h>
#include <executor/tuptable.h>
#include <utils/rel.h>
#include <utils/tuplestore.h>
}

namespace etl::pg {

// The call of such a trigger.
class statement_changes {
  public:
    // Throws where the function was called in another way, or without the rows; the hint tells how it is meant to be
    // called.
    statement_changes(arguments args, const char* hint);

    // Whether it was called BEFORE UPDATE … FOR EACH STATEMENT instead, when there are no rows yet.
    static bool is_before_update(arguments args) noexcept;

    Relation table() const noexcept { return data_->tg_relation; }
    const Trigger& trigger() const noexcept { return *data_->tg_trigger; }
    bool is_insert() const noexcept { return TRIGGER_FIRED_BY_INSERT(data_->tg_event); }
    bool is_update() const noexcept { return TRIGGER_FIRED_BY_UPDATE(data_->tg_event); }
    bool is_delete() const noexcept { return TRIGGER_FIRED_BY_DELETE(data_->tg_event); }
    bool is_truncate() const noexcept { return TRIGGER_FIRED_BY_TRUNCATE(data_->tg_event); }

    // What stands in the parentheses of CREATE TRIGGER.
    std::span<char* const> texts() const noexcept;

    // nullptr where the statement has none.
    Tuplestorestate* old_rows() const noexcept { return is_insert() ? nullptr : data_->tg_oldtable; }
    Tuplestorestate* new_rows() const noexcept { return is_delete() ? nullptr : data_->tg_newtable; }

  private:
    const TriggerData* data_;
};

// One reader of the old or of the new rows.
class transition_rows {
  public:
    // Of no rows where `rows` is nullptr. The shape is the table's.
    transition_rows(Tuplestorestate* rows, TupleDesc shape);
    transition_rows(const transition_rows&) = delete;
    transition_rows& operator=(const transition_rows&) = delete;
    ~transition_rows();

    std::int64_t count() const noexcept { return rows_ == nullptr ? 0 : tuplestore_tuple_count(rows_); }

    // Goes back before the first row. May raise.
    void rewind();

    // The next row, valid until the one after it; nullptr where there is none. May raise, also for a cancel.
    TupleTableSlot* next();

  private:
    Tuplestorestate* rows_;
    TupleTableSlot* slot_ = nullptr;
    int reader_ = 0;
    unsigned read_ = 0;
};

} // namespace etl::pg
