// The plan of merges, in JSON:
//
//   fact           the number of the source whose rows are merged; the other sources of the query are its partners
//   states         the columns of the state table after the keys and etl_rows: name, type, collation
//   states_query   what fills them: keys, etl_rows, states; in pieces, with the places of restrictions between them
//   states_whole   the same for all groups
//   visible_query  what users see, over "etl states" (rows of the state table): the rollup's columns, and etl_shown
//   merge          the statement that merges, for format(): 1 the state table, 2 the pending groups, 3 the rollup,
//                  4 the fact's log, 5 the groups to be left out, 6 how many images the log has
//   merge_new      the same for a log that has new rows only
//   unique_join    columns that tell the fact's rows apart, or null: a row that is known to be new can be merged
//                  though a partner of it has changed
//   unique         what the states rest on: unique indexes that must be there, as {relation, columns}
//   aggregates     what is kept for each aggregate, in words: aggregate, how, removal
#include "rollup/delta_plan_pg.hpp"

#include "rollup/delta_merge_pg.hpp"
#include "rollup/delta_rows_pg.hpp"
#include "rollup/restrict_pg.hpp"

extern "C" {
#include <lib/stringinfo.h>
#include <nodes/makefuncs.h>
#include <optimizer/optimizer.h>
#include <parser/parsetree.h>
#include <utils/builtins.h>
#include <utils/json.h>
#include <utils/lsyscache.h>
#include <utils/ruleutils.h>
}

#include <cstring>

namespace etl::rollup {
namespace {

struct delta_maker {
    const rollup_query* of;
    join_shape shape;
    Index fact;
    const rollup_source* source;
    Bitmapset* identity; // columns that tell the fact's rows apart
    bool repeats_rows;   // a join may repeat the fact's rows
    List* proofs;        // of unique_key*: why it does not
    delta_states states;
    const char* refused;
};

// The fact -----------------------------------------------------------------------------------------------------------

// Whether rows of a table entry are read once and never made NULL, so that the query is the sum over them.
bool can_be_fact(const delta_maker& in, int entry)
{
    const RangeTblEntry* of = rt_fetch(entry, in.of->query->rtable);
    if (of->rtekind != RTE_RELATION || bms_is_member(entry, in.shape.nullable)) {
        return false;
    }
    const rollup_occurrence* occurrence = occurrence_of(*in.of, of);
    return occurrence != nullptr && occurrence->source->occurrences == 1;
}

void take_fact(delta_maker& to, int entry, Bitmapset* joined_once, List* proofs)
{
    to.fact = static_cast<Index>(entry);
    to.source = occurrence_of(*to.of, rt_fetch(entry, to.of->query->rtable))->source;
    to.repeats_rows = bms_num_members(joined_once) + 1 < bms_num_members(to.shape.entries);
    to.proofs = proofs;
}

// The table that no join repeats the rows of, else the first one that will do.
void choose_fact(delta_maker& to)
{
    for (int entry = bms_next_member(to.shape.entries, -1); entry >= 0;
         entry = bms_next_member(to.shape.entries, entry)) {
        if (!can_be_fact(to, entry)) {
            continue;
        }
        List* proofs = NIL;
        Bitmapset* once = entries_joined_once(to.of->query, to.shape, static_cast<Index>(entry), proofs);
        const bool is_first = to.source == nullptr;
        if (is_first || bms_num_members(once) + 1 == bms_num_members(to.shape.entries)) {
            take_fact(to, entry, once, proofs);
        }
        if (!to.repeats_rows) {
            return;
        }
    }
    if (to.source == nullptr) {
        to.refused = "No table is read exactly once, by the query itself and not on the side of an outer join that may "
                     "be NULL.";
    }
}

// Triggers show what is written into a table's children beside its own rows.
void refuse_only(delta_maker& to)
{
    ListCell* cell = nullptr;
    foreach (cell, to.of->occurrences) {
        const auto* occurrence = static_cast<const rollup_occurrence*>(lfirst(cell));
        if (!occurrence->entry->inh) {
            to.refused = psprintf("It reads ONLY table %s, and changes of its children cannot be told apart.",
                                  relation_text(occurrence->source->relation));
        }
    }
}

// Whether an aggregate's argument is a column that has another value in each of the rows that it is read from.
bool occurs_once(const delta_maker& in, const Aggref* aggregate)
{
    if (in.repeats_rows || in.identity == nullptr || list_length(aggregate->args) != 1) {
        return false;
    }
    Node* argument = as_node(linitial_node(TargetEntry, aggregate->args)->expr);
    while (IsA(argument, RelabelType)) {
        argument = as_node(reinterpret_cast<RelabelType*>(argument)->arg);
    }
    if (!IsA(argument, Var)) {
        return false;
    }
    const auto* column = reinterpret_cast<const Var*>(argument);
    return column->varno == static_cast<int>(in.fact) && column->varlevelsup == 0 &&
           bms_equal(in.identity, bms_make_singleton(column->varattno)) &&
           (!OidIsValid(aggregate->inputcollid) || get_collation_isdeterministic(aggregate->inputcollid));
}

void take_aggregates(delta_maker& to)
{
    ListCell* cell = nullptr;
    foreach (cell, aggregates_of(to.of->query)) {
        const auto* aggregate = lfirst_node(Aggref, cell);
        to.refused = add_aggregate(to.states, aggregate, occurs_once(to, aggregate));
        if (to.refused != nullptr) {
            return;
        }
    }
    if (to.states.rests_on_once) {
        auto* proof = fresh<unique_key>();
        *proof = {to.source->relation, to.identity};
        to.proofs = lappend(to.proofs, proof);
    } else {
        to.proofs = NIL;
    }
}

// Texts --------------------------------------------------------------------------------------------------------------

Query* to_rows(Query* query, void* context)
{
    const auto& in = *static_cast<const delta_maker*>(context);
    return rows_query(query, in.of->keys, in.states);
}

// What stands before the rows and after them.
const char* states_front(const delta_maker& in)
{
    StringInfoData text;
    initStringInfo(&text);
    appendStringInfo(&text, "SELECT %s, count(*) AS etl_rows", key_list(*in.of, "r."));
    append_states(&text, in.states, &delta_state::fill);
    appendStringInfoString(&text, ", false AS etl_lost FROM (");
    return text.data;
}

const char* states_back(const delta_maker& in)
{
    return psprintf(") AS r GROUP BY %s", key_list(*in.of, "r."));
}

const char* visible_text(delta_maker& in, bool with_place)
{
    const Query* query = visible_query(in.of->query, in.of->keys, in.states, with_place, in.refused);
    if (query == nullptr) {
        return nullptr;
    }
    StringInfoData text;
    initStringInfo(&text);
    appendStringInfo(&text, "WITH \"etl values\" AS (SELECT %s", key_list(*in.of, "s."));
    int number = 0;
    ListCell* cell = nullptr;
    foreach (cell, in.states.values) {
        appendStringInfo(&text, ", %s AS etl_v%d", static_cast<const delta_value*>(lfirst(cell))->value, ++number);
    }
    appendStringInfo(&text, "%s FROM \"etl states\" AS s) %s", with_place ? ", s.etl_place" : "",
                     query_text(const_cast<Query*>(query)));
    return text.data;
}

// JSON ---------------------------------------------------------------------------------------------------------------

void append_member(StringInfo to, const char* name, const char* text)
{
    appendStringInfo(to, ", \"%s\": ", name);
    if (text == nullptr) {
        appendStringInfoString(to, "null");
    } else {
        escape_json(to, text);
    }
}

void append_columns(StringInfo to, Oid relation, const Bitmapset* columns)
{
    appendStringInfoChar(to, '[');
    int count = 0;
    for (int column = bms_next_member(columns, -1); column >= 0; column = bms_next_member(columns, column)) {
        appendStringInfoString(to, count++ > 0 ? ", " : "");
        escape_json(to, get_attname(relation, static_cast<AttrNumber>(column), false));
    }
    appendStringInfoChar(to, ']');
}

void append_state_list(StringInfo to, const delta_maker& in)
{
    appendStringInfoString(to, ", \"states\": [");
    ListCell* cell = nullptr;
    foreach (cell, in.states.states) {
        const auto* state = static_cast<const delta_state*>(lfirst(cell));
        appendStringInfo(to, "{\"name\": \"%s\"", state->name);
        append_member(to, "type", state->type);
        append_member(to, "collation", collation_text(state->collation));
        appendStringInfoString(to, "}, ");
    }
    appendStringInfoString(to, "{\"name\": \"etl_lost\", \"type\": \"boolean\", \"collation\": null}]");
}

void append_proofs(StringInfo to, const delta_maker& in)
{
    appendStringInfoString(to, ", \"unique\": [");
    ListCell* cell = nullptr;
    foreach (cell, in.proofs) {
        const auto* proof = static_cast<const unique_key*>(lfirst(cell));
        appendStringInfo(to, "%s{\"columns\": ", cell == list_head(in.proofs) ? "" : ", ");
        append_columns(to, proof->relation, proof->columns);
        append_member(to, "relation", relation_text(proof->relation));
        appendStringInfoChar(to, '}');
    }
    appendStringInfoChar(to, ']');
}

void append_states_query(StringInfo to, const delta_maker& in, const List* rows)
{
    appendStringInfoString(to, ", \"states_query\": [");
    escape_json(to, states_front(in));
    ListCell* cell = nullptr;
    foreach (cell, rows) {
        const auto* one = static_cast<const piece*>(lfirst(cell));
        appendStringInfoString(to, ", ");
        escape_json(to, one->text);
        if (one->place != 0) {
            appendStringInfo(to, ", %d", one->place);
        }
    }
    appendStringInfoString(to, ", ");
    escape_json(to, states_back(in));
    appendStringInfoChar(to, ']');
}

// The text of an aggregate call, as the query has it.
const char* aggregate_text(const delta_maker& in, const Aggref* aggregate)
{
    auto* query = static_cast<Query*>(copyObjectImpl(in.of->query));
    query->targetList =
        list_make1(makeTargetEntry(static_cast<Expr*>(copyObjectImpl(aggregate)), 1, pstrdup("etl"), false));
    query->groupClause = NIL;
    query->havingQual = nullptr;
    const char* text = query_text(query);
    const char* from = strstr(text, " AS etl\n");
    while (*text == ' ' || strncmp(text, "SELECT", 6) == 0) {
        text += *text == ' ' ? 1 : 6;
    }
    return from != nullptr && from > text ? pnstrdup(text, static_cast<Size>(from - text)) : text;
}

void append_aggregates(StringInfo to, const delta_maker& in)
{
    appendStringInfoString(to, ", \"aggregates\": [");
    ListCell* cell = nullptr;
    foreach (cell, in.states.values) {
        const auto* value = static_cast<const delta_value*>(lfirst(cell));
        appendStringInfo(to, "%s{\"number\": %d", cell == list_head(in.states.values) ? "" : ", ",
                         foreach_current_index(cell) + 1);
        append_member(to, "aggregate", aggregate_text(in, value->of));
        append_member(to, "how", value->how);
        append_member(to, "removal", value->removal);
        appendStringInfoChar(to, '}');
    }
    appendStringInfoChar(to, ']');
}

const char* plan_text(delta_maker& in)
{
    const char* visible = visible_text(in, false);
    if (visible == nullptr) {
        return nullptr;
    }
    StringInfoData text;
    initStringInfo(&text);
    appendStringInfo(&text, "{\"fact\": %d, \"unique_join\": ", in.source->number);
    if (in.identity != nullptr) {
        append_columns(&text, in.source->relation, in.identity);
    } else {
        appendStringInfoString(&text, "null");
    }
    append_state_list(&text, in);
    append_proofs(&text, in);
    append_aggregates(&text, in);
    const restricted_query rows = restrict_groups(*in.of, to_rows, &in);
    append_states_query(&text, in, rows.pieces);
    append_member(&text, "states_whole", psprintf("%s%s%s", states_front(in), rows.whole, states_back(in)));
    append_member(&text, "visible_query", visible);
    const delta_merge merge = {in.of, in.source, in.fact, &in.states, visible_text(in, true)};
    append_member(&text, "merge", merge_text(merge, true));
    append_member(&text, "merge_new", merge_text(merge, false));
    appendStringInfoChar(&text, '}');
    return text.data;
}

} // namespace

delta_outcome delta_plan(const rollup_query& query)
{
    delta_maker maker = {};
    maker.of = &query;
    maker.shape = shape_of_joins(query.query);
    choose_fact(maker);
    refuse_only(maker);
    if (maker.refused == nullptr) {
        maker.identity = row_identity(maker.source->relation);
        take_aggregates(maker);
    }
    const char* plan = maker.refused == nullptr ? plan_text(maker) : nullptr;
    return plan != nullptr ? delta_outcome{maker.source->number, plan, nullptr, maker.identity}
                           : delta_outcome{0, nullptr, maker.refused, nullptr};
}

} // namespace etl::rollup
