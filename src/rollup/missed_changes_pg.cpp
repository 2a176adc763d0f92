#include "rollup/missed_changes_pg.hpp"

#include "core/text.hpp"
#include "pg/notice.hpp"

extern "C" {
#include <access/heapam.h>
#include <access/htup_details.h>
#include <access/table.h>
#include <access/xact.h>
#include <catalog/namespace.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
}

#include <array>
#include <cstdio>

namespace etl::rollup {
namespace {

// The last notes of this session. One that a transaction has written, and not rolled back, is not written again.
struct note {
    Oid trigger;
    char op;
    FullTransactionId written_by; // transaction or savepoint
};

note& last_note(Oid trigger)
{
    static std::array<note, 64> notes = {};
    return notes[trigger % notes.size()];
}

// May raise.
bool stands(const note& last, Oid trigger, char op)
{
    return last.trigger == trigger && last.op == op && FullTransactionIdIsValid(last.written_by) &&
           FullTransactionIdFollowsOrEquals(last.written_by, GetTopFullTransactionId()) &&
           TransactionIdIsCurrentTransactionId(XidFromFullTransactionId(last.written_by));
}

// Of a trigger that etl.create_rollup has made its name tells whose it is.
struct of_rollup {
    int rollup = 0;
    int number = 0;
};

of_rollup read_name(const char* name)
{
    of_rollup read;
    return std::sscanf(name, "etl_rollup_%9d_%9d_", &read.rollup, &read.number) == 2 ? read : of_rollup{};
}

// Without the executor: whoever writes to the table writes the note, whatever rights they have. May raise.
void write_note(const of_rollup& to, const std::string& table, char op)
{
    Relation notes = table_open(get_relname_relid("rollup_missed", get_namespace_oid("etl", false)), RowExclusiveLock);
    Datum values[] = {Int32GetDatum(to.rollup), Int32GetDatum(to.number), CStringGetTextDatum(table.c_str()),
                      CharGetDatum(op)};
    bool nulls[] = {false, false, false, false};
    simple_heap_insert(notes, heap_form_tuple(RelationGetDescr(notes), values, nulls));
    table_close(notes, NoLock);
}

} // namespace

void note_missed(const pg::statement_changes& call, const capture_terms& terms, bool is_erased)
{
    const Oid trigger = call.trigger().tgoid;
    const char op = is_erased ? 'A' : 'a';
    if (pg::call([=] { return stands(last_note(trigger), trigger, op); })) {
        return;
    }
    const std::string table = name_of(call.table());
    pg::warn("changes of table " + in_quotes(table) + " are not logged for a rollup",
             "The log " + in_quotes(terms.log) + " is gone: somebody has dropped or renamed it, or its schema.",
             "Give it back its name; or etl.alter_rollup, with the query of the rollup, makes another one; or drop the "
             "rollup with etl.drop_rollup.");
    const of_rollup to = read_name(call.trigger().tgname);
    if (to.number > 0) {
        pg::call([&] {
            write_note(to, table, op);
            last_note(trigger) = {trigger, op, GetCurrentFullTransactionId()};
        });
    }
}

} // namespace etl::rollup
