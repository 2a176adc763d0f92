#include "rollup/moved_rows_pg.hpp"

#include "pg/boundary.hpp"

extern "C" {
#include <access/table.h>
#include <nodes/primnodes.h>
#include <parser/parsetree.h>
#include <utils/rel.h>
}

namespace etl::rollup {
namespace {

// All of it may raise.

bool has_action(const ModifyTable* merge, CmdType event)
{
    const ListCell* of_table = nullptr;
    foreach (of_table, merge->mergeActionLists) {
        const ListCell* action = nullptr;
        foreach (action, static_cast<const List*>(lfirst(of_table))) {
            if (static_cast<const MergeAction*>(lfirst(action))->commandType == event) {
                return true;
            }
        }
    }
    return false;
}

// A trigger may give the row another key on its way.
bool has_row_triggers(const PlannedStmt* query, const ModifyTable* merge)
{
    const ListCell* cell = nullptr;
    foreach (cell, merge->resultRelations) {
        Relation leaf =
            table_open(rt_fetch(static_cast<Index>(lfirst_int(cell)), query->rtable)->relid, AccessShareLock);
        const bool found = leaf->trigdesc != nullptr && leaf->trigdesc->trig_update_before_row;
        table_close(leaf, NoLock);
        if (found) {
            return true;
        }
    }
    return false;
}

bool hides_rows(const PlannedStmt* query, const Plan* plan, Relation table)
{
    if (plan == nullptr || !IsA(plan, ModifyTable)) {
        return false;
    }
    const auto* change = reinterpret_cast<const ModifyTable*>(plan);
    return change->operation == CMD_MERGE && change->rootRelation != 0 &&
           rt_fetch(change->rootRelation, query->rtable)->relid == RelationGetRelid(table) &&
           !(has_action(change, CMD_INSERT) && has_action(change, CMD_DELETE)) &&
           (change->partColsUpdated || has_row_triggers(query, change));
}

} // namespace

bool may_hide_rows(const PlannedStmt* query, Relation table)
{
    return query == nullptr || pg::call([=] {
               bool hides = hides_rows(query, query->planTree, table);
               const ListCell* part = nullptr;
               foreach (part, query->subplans) {
                   hides = hides || hides_rows(query, static_cast<const Plan*>(lfirst(part)), table);
               }
               return hides;
           });
}

} // namespace etl::rollup
