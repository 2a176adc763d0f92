// Row triggers: what PostgreSQL tells a trigger's function, and what the function may answer.
#pragma once

#include "pg/function.hpp"

#include <span>
#include <string>

extern "C" {
#include <commands/trigger.h>
#include <utils/rel.h>
}

namespace etl::pg {

// The call of a trigger BEFORE INSERT or UPDATE … FOR EACH ROW.
class row_trigger {
  public:
    // Throws where the function was called in another way; the hint tells how it is meant to be called.
    row_trigger(arguments args, const char* hint);

    Relation table() const noexcept { return data_->tg_relation; }
    const char* name() const noexcept { return data_->tg_trigger->tgname; }
    bool is_update() const noexcept { return TRIGGER_FIRED_BY_UPDATE(data_->tg_event); }

    // What stands in the parentheses of CREATE TRIGGER.
    std::span<char* const> texts() const noexcept;

    // The row that is to be stored, and the one that it replaces.
    HeapTuple row() const noexcept { return is_update() ? data_->tg_newtuple : data_->tg_trigtuple; }
    HeapTuple replaced() const noexcept { return data_->tg_trigtuple; }
    TupleTableSlot* slot() const noexcept { return is_update() ? data_->tg_newslot : data_->tg_trigslot; }

    // The table for which the trigger was created: this one, or one of which it is a partition.
    Oid root() const;

    // Whether an UPDATE gives the row another reference by a foreign key.
    bool changes_reference() const;

    // Answers.
    static Datum store(HeapTuple row) noexcept { return PointerGetDatum(row); }
    static Datum skip() noexcept { return PointerGetDatum(nullptr); }
    [[noreturn]] void refuse(const std::string& message, const std::string& detail, const std::string& hint) const;

  private:
    const TriggerData* data_;
};

// Throws unless the function was called by a trigger AFTER … FOR EACH STATEMENT. Returns the trigger.
const Trigger* statement_trigger(arguments args, const char* hint, Oid& table);

// What tells statements of a session apart, also one that is within another.
struct statement_number {
    std::uint32_t transaction;
    std::uint32_t command;

    static statement_number current();
    friend bool operator==(const statement_number&, const statement_number&) = default;
};

// A NOTICE. Texts as in etl::error.
void inform(const std::string& message, const std::string& detail, const std::string& hint);

// Whether the current role may read whole rows of a table, whatever row it is.
bool may_read(Oid table);

// How deep the current trigger is in others: 1 is that of the user's own statement.
int trigger_depth();

// A table's name with its schema, quoted where it must be; its owner.
std::string qualified_name(Oid table);
Oid table_owner(Oid table);
std::string role_name(Oid role);

} // namespace etl::pg
