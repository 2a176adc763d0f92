// The statement that merges.
//
// It is one, so that all of it sees one snapshot. Its parts:
//
//   etl images   the log's rows, as rows of the fact with a sign; not kept where they are read but once
//   rows         what the query's FROM and WHERE make of them, as of now: keys, what the aggregates read, the sign
//   parts        the same; and by group and value, the values of which there are more or fewer rows than before, where
//                that matters; and the pending groups
//   changes      by group, what is to be added to each state; pending groups are left out
//   merged       the states after that, or the news that they cannot be had so: etl_lost
//   shown        what users see of them
//
// A group that is lost becomes pending, and is computed anew by the refresh.
#include "rollup/delta_merge_pg.hpp"

#include "rollup/delta_rows_pg.hpp"

extern "C" {
#include <parser/parsetree.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
}

#include <cstring>

namespace etl::rollup {
namespace {

const char* quoted_key(const ListCell* cell)
{
    return quote_identifier(static_cast<const rollup_key*>(lfirst(cell))->name);
}

// A part of a text that format() takes as it is.
void append_literally(StringInfo to, const char* text)
{
    for (; *text != 0; ++text) {
        if (*text == '%') {
            appendStringInfoChar(to, '%');
        }
        appendStringInfoChar(to, *text);
    }
}

const char* images_text(const delta_merge& in)
{
    StringInfoData text;
    initStringInfo(&text);
    appendStringInfoString(&text, "SELECT CASE l.etl_op WHEN '+' THEN 1 ELSE -1 END AS etl_sign");
    for (int column = bms_next_member(in.source->used, -1); column >= 0;
         column = bms_next_member(in.source->used, column)) {
        appendStringInfo(&text, ", l.%s",
                         quote_identifier(get_attname(in.source->relation, static_cast<AttrNumber>(column), false)));
    }
    return text.data;
}

const char* lost_text(const delta_merge& in)
{
    return psprintf("(%s) SELECT %s FROM merged AS m WHERE m.etl_unmerged ON CONFLICT DO NOTHING", key_list(*in.of, ""),
                    key_list(*in.of, "m."));
}

// What a branch of parts has; the columns that it does not know are NULL.
struct part {
    const char* alias;
    int measure; // from 1; 0 where it has rows or pending groups
    bool is_rows;
};

void append_part(StringInfo to, const delta_merge& in, const part& what)
{
    appendStringInfo(to, "SELECT %s, %s AS etl_sign", key_list(*in.of, psprintf("%s.", what.alias)),
                     what.is_rows ? "r.etl_sign" : "NULL");
    for (int number = 1; number <= list_length(in.states->columns); ++number) {
        const char* name = column_name(number);
        appendStringInfoString(to, what.is_rows ? psprintf(", r.%s", name) : psprintf(", NULL AS %s", name));
    }
    for (int number = 1; number <= list_length(in.states->measures); ++number) {
        const auto* measure = static_cast<const delta_measure*>(list_nth(in.states->measures, number - 1));
        const char* none = what.is_rows ? psprintf("CASE WHEN false THEN %s END", measure->argument) : "NULL";
        const bool has_it = number == what.measure;
        appendStringInfo(to, ", %s AS etl_p%d, %s AS etl_m%d",
                         has_it ? "CASE WHEN r.etl_more > 0 THEN r.etl_value END" : none, number,
                         has_it ? "CASE WHEN r.etl_more < 0 THEN r.etl_value END" : none, number);
    }
    appendStringInfo(to, ", %s AS etl_pending", what.is_rows || what.measure > 0 ? "false" : "true");
}

// By group and value, how many more or fewer rows there are.
void append_measure(StringInfo to, const delta_merge& in, int number)
{
    const auto* measure = static_cast<const delta_measure*>(list_nth(in.states->measures, number - 1));
    const char* keys = key_list(*in.of, "r.");
    appendStringInfoString(to, " UNION ALL ");
    append_part(to, in, {"r", number, false});
    appendStringInfo(to,
                     " FROM (SELECT %s, %s AS etl_value, sum(r.etl_sign) AS etl_more FROM rows AS r WHERE %s IS "
                     "DISTINCT FROM NULL%s%s GROUP BY %s, %s) AS r WHERE r.etl_more <> 0",
                     keys, measure->argument, measure->argument, measure->filter != nullptr ? " AND " : "",
                     measure->filter != nullptr ? measure->filter : "", keys, measure->argument);
}

const char* parts_text(const delta_merge& in, bool has_old)
{
    StringInfoData text;
    initStringInfo(&text);
    append_part(&text, in, {"r", 0, true});
    appendStringInfoString(&text, " FROM rows AS r");
    for (int number = 1; has_old && number <= list_length(in.states->measures); ++number) {
        append_measure(&text, in, number);
    }
    appendStringInfoString(&text, " UNION ALL ");
    append_part(&text, in, {"p", 0, false});
    return text.data;
}

// A pending group's row is there too, to be found: aggregates leave it out by its sign, which is NULL.
const char* changes_text(const delta_merge& in, bool has_old)
{
    StringInfoData text;
    initStringInfo(&text);
    const char* keys = key_list(*in.of, "r.");
    appendStringInfo(&text, "SELECT %s, coalesce(sum(r.etl_sign), 0) AS etl_rows", keys);
    append_states(&text, *in.states, has_old ? &delta_state::change : &delta_state::added);
    appendStringInfoString(&text, ", false");
    ListCell* cell = nullptr;
    foreach (cell, has_old ? in.states->losses : NIL) {
        appendStringInfo(&text, " OR %s", static_cast<const char*>(lfirst(cell)));
    }
    appendStringInfo(&text, " AS etl_lost FROM parts AS r GROUP BY %s HAVING NOT bool_or(r.etl_pending)", keys);
    return text.data;
}

const char* state_list(const delta_merge& in, const char* prefix)
{
    StringInfoData text;
    initStringInfo(&text);
    ListCell* cell = nullptr;
    foreach (cell, in.states->states) {
        appendStringInfo(&text, ", %s%s", prefix, static_cast<const delta_state*>(lfirst(cell))->name);
    }
    return text.data;
}

const char* alternatives(const char* first, const List* conditions)
{
    const char* text = first;
    ListCell* cell = nullptr;
    foreach (cell, conditions) {
        text = psprintf("%s OR %s", text, static_cast<const char*>(lfirst(cell)));
    }
    return text;
}

// A count of rows below zero says that the states have missed something: what is lost is computed anew.
const char* merged_text(const delta_merge& in)
{
    StringInfoData text;
    initStringInfo(&text);
    appendStringInfo(&text,
                     "(%s, etl_rows%s, etl_lost) SELECT %s, c.etl_rows%s, c.etl_lost FROM changes "
                     "AS c ON CONFLICT (%s) DO UPDATE SET etl_rows = s.etl_rows + excluded.etl_rows",
                     key_list(*in.of, ""), state_list(in, ""), key_list(*in.of, "c."), state_list(in, "c."),
                     key_list(*in.of, ""));
    ListCell* cell = nullptr;
    foreach (cell, in.states->assignments) {
        appendStringInfo(&text, ", %s", static_cast<const char*>(lfirst(cell)));
    }
    appendStringInfo(&text, ", etl_lost = %s RETURNING s.*, s.ctid AS etl_place, %s AS etl_unmerged",
                     alternatives("excluded.etl_lost", in.states->extremes),
                     alternatives("s.etl_lost OR s.etl_rows < 0", in.states->new_extremes));
    return text.data;
}

bool is_key(const delta_merge& in, const char* name)
{
    ListCell* cell = nullptr;
    foreach (cell, in.of->keys) {
        if (strcmp(static_cast<const rollup_key*>(lfirst(cell))->name, name) == 0) {
            return true;
        }
    }
    return false;
}

// Only rows that differ are touched, bit by bit.
const char* written_text(const delta_merge& in)
{
    StringInfoData all;
    StringInfoData set;
    StringInfoData before;
    StringInfoData after;
    initStringInfo(&all);
    initStringInfo(&set);
    initStringInfo(&before);
    initStringInfo(&after);
    ListCell* cell = nullptr;
    foreach (cell, in.of->query->targetList) {
        const auto* target = lfirst_node(TargetEntry, cell);
        if (target->resjunk) {
            continue;
        }
        const char* name = quote_identifier(target->resname);
        appendStringInfo(&all, "%s%s", all.len > 0 ? ", " : "", name);
        if (!is_key(in, target->resname)) {
            appendStringInfo(&set, "%s%s = excluded.%s", set.len > 0 ? ", " : "", name, name);
            appendStringInfo(&before, "%st.%s", before.len > 0 ? ", " : "", name);
            appendStringInfo(&after, "%sexcluded.%s", after.len > 0 ? ", " : "", name);
        }
    }
    const char* action = set.len == 0 ? "NOTHING"
                                      : psprintf("UPDATE SET %s WHERE ROW(%s)::record *<> ROW(%s)::record", set.data,
                                                 before.data, after.data);
    return psprintf("(%s) SELECT %s FROM shown AS v WHERE v.etl_shown ON CONFLICT (%s) DO %s "
                    "RETURNING t.xmax = 0 AS is_new",
                    all.data, all.data, key_list(*in.of, ""), action);
}

// A query of WITH: `front` and `back` are ours and may have arguments of format(), the text between them is taken as it
// is.
void append_step(StringInfo to, const char* front, const char* text, const char* back)
{
    appendStringInfoString(to, front);
    append_literally(to, text);
    appendStringInfoString(to, back);
}

} // namespace

const char* key_list(const rollup_query& of, const char* prefix)
{
    StringInfoData text;
    initStringInfo(&text);
    ListCell* cell = nullptr;
    foreach (cell, of.keys) {
        appendStringInfo(&text, "%s%s%s", text.len > 0 ? ", " : "", prefix, quoted_key(cell));
    }
    return text.data;
}

void append_states(StringInfo to, const delta_states& states, const char* delta_state::*what)
{
    ListCell* cell = nullptr;
    foreach (cell, states.states) {
        const auto* state = static_cast<const delta_state*>(lfirst(cell));
        appendStringInfo(to, ", %s AS %s", state->*what, state->name);
    }
}

const char* merge_text(const delta_merge& in, bool has_old)
{
    Query* rows = rows_query(in.of->query, in.of->keys, *in.states);
    read_images(rows, in.fact);
    StringInfoData text;
    initStringInfo(&text);
    append_step(&text, "WITH \"etl images\" AS (", images_text(in), " FROM etl._log_images(NULL::%4$s, %6$s) AS l)");
    append_step(&text, ",\nrows AS MATERIALIZED (", query_text(rows), ")");
    append_step(&text, ",\nparts AS (", parts_text(in, has_old), " FROM %5$s AS p)");
    append_step(&text, ",\nchanges AS (", changes_text(in, has_old), ")");
    append_step(&text, ",\nmerged AS (INSERT INTO %1$s AS s ", merged_text(in), ")");
    append_step(&text, ",\nlost AS (INSERT INTO %2$s ", lost_text(in), ")");
    append_step(&text,
                ",\n\"etl states\" AS (SELECT * FROM merged AS m WHERE m.etl_rows > 0 AND NOT m.etl_unmerged),\n"
                "shown AS (",
                in.visible, ")");
    append_step(&text, ",\nwritten AS (INSERT INTO %3$s AS t ", written_text(in), ")");
    appendStringInfoString(&text,
                           "\nSELECT jsonb_build_object("
                           "'groups', (SELECT count(*) FROM merged AS m WHERE NOT m.etl_unmerged), "
                           "'lost', (SELECT count(*) FROM merged AS m WHERE m.etl_unmerged), "
                           "'inserted', (SELECT count(*) FROM written AS w WHERE w.is_new), "
                           "'updated', (SELECT count(*) FROM written AS w WHERE NOT w.is_new), "
                           "'vanished', (SELECT array_agg(m.etl_place) FROM merged AS m WHERE m.etl_rows = 0 AND "
                           "NOT m.etl_unmerged), "
                           "'hidden', (SELECT array_agg(v.etl_place) FROM shown AS v WHERE NOT v.etl_shown))");
    return text.data;
}

} // namespace etl::rollup
