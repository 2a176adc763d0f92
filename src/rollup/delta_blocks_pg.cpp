#include "rollup/delta_blocks_pg.hpp"

extern "C" {
#include <catalog/namespace.h>
#include <catalog/pg_type.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
}

#include <cstring>

namespace etl::rollup {
namespace {

bool is_same_text(const char* one, const char* other) // NULL equals NULL
{
    return one == other || (one != nullptr && other != nullptr && strcmp(one, other) == 0);
}

const delta_state* find_state(const delta_states& in, const char* type, Oid collation, const char* fill)
{
    ListCell* cell = nullptr;
    foreach (cell, in.states) {
        const auto* state = static_cast<const delta_state*>(lfirst(cell));
        if (strcmp(state->type, type) == 0 && state->collation == collation && strcmp(state->fill, fill) == 0) {
            return state;
        }
    }
    return nullptr;
}

// What an expression is over rows, over images of new rows, and over any images.
struct state_texts {
    const char* fill;
    const char* added;
    const char* change;
};

const char* append_state(delta_states& to, const char* type, Oid collation, const state_texts& texts)
{
    auto* state = fresh<delta_state>();
    *state = {psprintf("etl_s%d", list_length(to.states) + 1), type, collation, texts.fill, texts.added, texts.change};
    to.states = lappend(to.states, state);
    return state->name;
}

void assign(delta_states& to, const char* text)
{
    to.assignments = lappend(to.assignments, const_cast<char*>(text));
}

// A set is a large one that stays, a small one of what came later and is not in it, and how many values both have.
// PostgreSQL writes a large value anew where it changes, and the base does so only when the tail has grown too long.
const char* set_assignment(const delta_set& set)
{
    return psprintf("(%s, %s, %s) = (SELECT CASE WHEN q.folds THEN etl._distinct_set_combine(s.%s, q.tail) ELSE s.%s "
                    "END, CASE WHEN NOT q.folds THEN q.tail END, q.count FROM (SELECT t.tail, t.count, "
                    "etl.cardinality(t.tail) > greatest(48, sqrt(t.count)) AS folds FROM (SELECT n.tail, s.%s + "
                    "coalesce(etl.cardinality(n.tail), 0) - coalesce(etl.cardinality(s.%s), 0) AS count FROM "
                    "(SELECT etl._set_tail(s.%s, s.%s, excluded.%s) AS tail OFFSET 0) AS n) AS t) AS q)",
                    set.base, set.tail, set.count, set.base, set.base, set.count, set.tail, set.base, set.tail,
                    set.base);
}

} // namespace

int add_column(delta_states& to, Node* expression)
{
    int number = 0;
    ListCell* cell = nullptr;
    foreach (cell, to.columns) {
        ++number;
        if (equal(lfirst(cell), expression)) {
            return number;
        }
    }
    to.columns = lappend(to.columns, expression);
    return number + 1;
}

// " FILTER (WHERE …)" of an aggregate's own condition and of one of the images' sign.
const char* filter_text(const aggregate_parts& parts, const char* more)
{
    if (parts.filter == nullptr && more == nullptr) {
        return "";
    }
    const bool has_both = parts.filter != nullptr && more != nullptr;
    return psprintf(" FILTER (WHERE %s%s%s)", parts.filter != nullptr ? parts.filter : "", has_both ? " AND " : "",
                    more != nullptr ? more : "");
}

void add_loss(delta_states& to, const char* condition)
{
    ListCell* cell = nullptr;
    foreach (cell, to.losses) {
        if (strcmp(static_cast<const char*>(lfirst(cell)), condition) == 0) {
            return;
        }
    }
    to.losses = lappend(to.losses, const_cast<char*>(condition));
}

const char* add_sum(delta_states& to, const aggregate_parts& parts, const char* type, const char* call, bool is_count)
{
    const char* front = is_count ? "" : "coalesce(";
    const char* back = is_count ? "" : ", 0)";
    const char* fill = psprintf("%s%s%s%s", front, call, filter_text(parts), back);
    if (const delta_state* known = find_state(to, type, InvalidOid, fill)) {
        return known->name;
    }
    const char* added = psprintf("%s%s%s%s", front, call, filter_text(parts, is_new), back);
    const char* gone = psprintf("%s%s%s%s", front, call, filter_text(parts, is_old), back);
    const char* name = append_state(to, type, InvalidOid, {fill, added, psprintf("%s - %s", added, gone)});
    assign(to, psprintf("%s = s.%s + excluded.%s", name, name, name));
    return name;
}

const char* add_count(delta_states& to, const aggregate_parts& parts)
{
    if (parts.argument == nullptr && parts.filter == nullptr) {
        return "etl_rows";
    }
    const char* call = parts.argument == nullptr ? "count(*)" : psprintf("count(%s)", parts.argument);
    return add_sum(to, parts, "bigint", call, true);
}

int add_measure(delta_states& to, const aggregate_parts& parts)
{
    int number = 0;
    ListCell* cell = nullptr;
    foreach (cell, to.measures) {
        ++number;
        const auto* known = static_cast<const delta_measure*>(lfirst(cell));
        if (is_same_text(known->argument, parts.argument) && is_same_text(known->filter, parts.filter)) {
            return number;
        }
    }
    auto* made = fresh<delta_measure>();
    *made = {parts.argument, parts.filter};
    to.measures = lappend(to.measures, made);
    return number + 1;
}

// Beside the extreme there is that of the values that have become fewer, until the merge is done. What is kept still
// holds where it is beyond these; and so does what was added.
const char* add_extreme(delta_states& to, const Aggref* aggregate, const aggregate_parts& parts,
                        const extreme_order& order)
{
    const char* name =
        quote_qualified_identifier(get_namespace_name(get_func_namespace(aggregate->aggfnoid)), parts.name);
    const char* type = type_text(aggregate->aggtype, -1);
    const char* fill = psprintf("%s(%s)%s", name, parts.argument, filter_text(parts));
    if (const delta_state* known = find_state(to, type, aggregate->inputcollid, fill)) {
        return known->name;
    }
    const int measure = add_measure(to, parts);
    const char* added = psprintf("%s(%s)%s", name, parts.argument, filter_text(parts, is_new));
    const char* none = psprintf("NULL::%s", type);
    const char* kept =
        append_state(to, type, aggregate->inputcollid, {fill, added, psprintf("%s(r.etl_p%d)", name, measure)});
    const char* gone =
        append_state(to, type, aggregate->inputcollid, {none, none, psprintf("%s(r.etl_m%d)", name, measure)});
    assign(to, psprintf("%s = %s(s.%s, excluded.%s)", kept, order.is_least ? "least" : "greatest", kept, kept));
    assign(to, psprintf("%s = NULL", gone));
    to.extremes = lappend(
        to.extremes, psprintf("(excluded.%s IS DISTINCT FROM NULL AND (excluded.%s %s excluded.%s) IS NOT TRUE AND "
                              "(s.%s %s excluded.%s) IS NOT TRUE)",
                              gone, kept, order.sooner, gone, kept, order.sooner, gone));
    to.new_extremes = lappend(to.new_extremes, psprintf("(s.%s IS DISTINCT FROM NULL AND (s.%s %s s.%s) IS NOT TRUE)",
                                                        gone, kept, order.sooner, gone));
    return kept;
}

const delta_set* add_set(delta_states& to, const aggregate_parts& parts)
{
    const int measure = add_measure(to, parts);
    ListCell* cell = nullptr;
    foreach (cell, to.sets) {
        const auto* known = static_cast<const delta_set*>(lfirst(cell));
        if (known->measure == measure) {
            return known;
        }
    }
    const char* type = "etl.distinct_set";
    const char* none = "NULL::etl.distinct_set";
    const char* const sets[] = {psprintf("etl.distinct_set(%s)%s", parts.argument, filter_text(parts)),
                                psprintf("etl.distinct_set(%s)%s", parts.argument, filter_text(parts, is_new)),
                                psprintf("etl.distinct_set(r.etl_p%d)", measure)};
    const auto count = [](const char* set) { return psprintf("coalesce(etl.cardinality(%s), 0)", set); };
    auto* made = fresh<delta_set>();
    made->measure = measure;
    made->base = append_state(to, type, InvalidOid, {sets[0], sets[1], sets[2]});
    made->tail = append_state(to, type, InvalidOid, {none, none, none});
    made->count = append_state(to, "bigint", InvalidOid, {count(sets[0]), count(sets[1]), count(sets[2])});
    to.sets = lappend(to.sets, made);
    assign(to, set_assignment(*made));
    add_loss(to, psprintf("count(r.etl_m%d) > 0", measure));
    return made;
}

const char* add_merged(delta_states& to, const aggregate_parts& parts, const char* type, const char* call)
{
    const char* fill = psprintf("%s%s", call, filter_text(parts));
    if (const delta_state* known = find_state(to, type, InvalidOid, fill)) {
        return known->name;
    }
    const char* added = psprintf("%s%s", call, filter_text(parts, is_new));
    const char* kept = append_state(to, type, InvalidOid, {fill, added, added});
    assign(to, psprintf("%s = (SELECT etl.merge(v.state) FROM (VALUES (s.%s), (excluded.%s)) AS v (state))", kept, kept,
                        kept));
    add_loss(to, psprintf("%s%s IS NOT NULL", call, filter_text(parts, is_old)));
    return kept;
}

} // namespace etl::rollup
