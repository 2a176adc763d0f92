#include "rollup/source_plan_pg.hpp"

#include "core/text.hpp"
#include "rollup/affected_keys_pg.hpp"
#include "rollup/affects_pg.hpp"
#include "rollup/raising_pg.hpp"

extern "C" {
#include <access/table.h>
#include <catalog/pg_proc.h>
#include <lib/stringinfo.h>
#include <nodes/makefuncs.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
}

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace etl::rollup {
namespace {

// Called immutable, and yet their texts depend on bytea_output or extra_float_digits.
constexpr std::array printed_by_settings = {F_BYTEAOUT, F_FLOAT4OUT, F_FLOAT8OUT, F_POINT_OUT,  F_LSEG_OUT,
                                            F_PATH_OUT, F_BOX_OUT,   F_POLY_OUT,  F_CIRCLE_OUT, F_LINE_OUT};

// Whether a function's answer may depend on the session. date_trunc in a named zone does not, whatever PostgreSQL 15
// thinks of it.
bool depends_on_session(Oid function, void*)
{
    return (func_volatile(function) != PROVOLATILE_IMMUTABLE && function != F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT) ||
           std::ranges::find(printed_by_settings, static_cast<int>(function)) != printed_by_settings.end();
}

bool find_session(Node* node, void*)
{
    if (node == nullptr) {
        return false;
    }
    return IsA(node, SQLValueFunction) || IsA(node, XmlExpr) ||
           check_functions_in_node(node, depends_on_session, nullptr) ||
           expression_tree_walker(node, walker(find_session), nullptr);
}

// Log columns --------------------------------------------------------------------------------------------------------

void require_free_name(const char* name, Oid relation)
{
    if (strncmp(name, "etl_", 4) != 0) {
        return;
    }
    const char* table = relation_text(relation);
    throw error(sqlstate::feature_not_supported,
                "a rollup cannot log column " + in_quotes(name) + " of table " + in_quotes(table),
                "Names of its log that begin with etl_ are the rollup's own.", "Give the column another name.");
}

log_column* log_of(Node* expression, const char* name, Oid relation)
{
    auto* made = fresh<log_column>();
    *made = {name, exprType(expression), exprTypmod(expression), exprCollation(expression),
             column_expression_text(expression, relation)};
    return made;
}

List* log_of_keys(const rollup_query& of, const List* expressions, Oid relation)
{
    List* log = NIL;
    for (int i = 0; i < list_length(expressions); ++i) {
        const auto* key = static_cast<const rollup_key*>(list_nth(of.keys, i));
        log = lappend(log, log_of(as_node(list_nth(expressions, i)), key->name, relation));
    }
    return log;
}

// Number 0 among the columns stands for all of them.
List* log_of_columns(Oid relation, Bitmapset* columns)
{
    List* log = NIL;
    Relation table = table_open(relation, NoLock); // the analysis holds its lock
    for (int i = 0; i < RelationGetNumberOfAttributes(table); ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(table), i);
        if (attribute->attisdropped || !(bms_is_member(attribute->attnum, columns) || bms_is_member(0, columns))) {
            continue;
        }
        Var* column =
            makeVar(1, attribute->attnum, attribute->atttypid, attribute->atttypmod, attribute->attcollation, 0);
        const char* name = pstrdup(NameStr(attribute->attname));
        require_free_name(name, relation);
        log = lappend(log, log_of(as_node(column), name, relation));
    }
    table_close(table, NoLock);
    return log;
}

// Planning -----------------------------------------------------------------------------------------------------------

struct planning {
    const rollup_query* of;
    const List* rules;
    const List* covered; // sources whose own changes are found without any join
    int imaged;          // a source whose rows are merged, and that is none of these
};

List* occurrences_of(const rollup_query& of, const rollup_source& source)
{
    List* found = NIL;
    ListCell* cell = nullptr;
    foreach (cell, of.occurrences) {
        if (static_cast<const rollup_occurrence*>(lfirst(cell))->source == &source) {
            found = lappend(found, lfirst(cell));
        }
    }
    return found;
}

// Whether what a row tells is of the types of the keys, and in their order.
bool are_of_keys(const rollup_query& of, const List* expressions)
{
    for (int i = 0; i < list_length(expressions); ++i) {
        const auto* key = static_cast<const rollup_key*>(list_nth(of.keys, i));
        const auto* value = static_cast<const Node*>(list_nth(expressions, i));
        if (getBaseType(exprType(value)) != getBaseType(key->type) || exprCollation(value) != key->collation) {
            return false;
        }
    }
    return true;
}

// What a change of the source touches, in all of its occurrences. Kind keys needs a single one.
affected_keys affected_anywhere(const planning& with, const rollup_source& source)
{
    affected_keys all = {};
    ListCell* cell = nullptr;
    foreach (cell, occurrences_of(*with.of, source)) {
        const affected_keys one =
            affected_by(*with.of, *static_cast<const rollup_occurrence*>(lfirst(cell)), with.covered, with.imaged);
        if (one.from == key_source::unknown || one.from == key_source::all) {
            return one;
        }
        all = all.queries == NIL
                  ? one
                  : affected_keys{key_source::query, one.why, NIL, list_concat_copy(all.queries, one.queries)};
    }
    if (all.from == key_source::own && !are_of_keys(*with.of, all.expressions)) {
        all.from = key_source::query;
        all.why = "Each row tells its group, by a value of another type than the key's.";
    }
    if (all.from == key_source::own && may_raise(as_node(all.expressions), raising::ever)) {
        all.from = key_source::query;
        all.why = "Each row tells its group, in a way that may fail for some rows.";
    }
    if (all.from == key_source::own && find_session(as_node(all.expressions), nullptr)) {
        all.from = key_source::query;
        all.why = "Each row tells its group, in a way that depends on the session's settings.";
    }
    return all;
}

[[noreturn]] void refuse_unknown(const rollup_source& source, const affected_keys& answer)
{
    const char* table = relation_text(source.relation);
    throw error(sqlstate::feature_not_supported,
                "the groups that a change in table " + in_quotes(table) + " touches cannot be derived", answer.why,
                "Say so in affects: {" + in_quotes(table) +
                    ": \"SELECT … FROM changed …\"}, a query of the key columns, in which changed is the rows of the "
                    "table that have changed, as they were and as they are.");
}

bool is_covering(const affected_keys& answer)
{
    return answer.from == key_source::own || answer.from == key_source::all;
}

// The sources whose changes are found without any join: others need not look for those.
const List* covered_sources(const planning& with)
{
    List* covered = NIL;
    ListCell* cell = nullptr;
    foreach (cell, with.of->sources) {
        const auto* source = static_cast<const rollup_source*>(lfirst(cell));
        if (source->number != with.imaged &&
            (rule_for(with.rules, *source) != nullptr || is_covering(affected_anywhere(with, *source)))) {
            covered = lappend(covered, const_cast<rollup_source*>(source));
        }
    }
    return covered;
}

void plan_by_rule(source_plan& to, const planning& with, const affects_rule& rule)
{
    to.kind = log_kind::columns;
    to.why = "The definition says which groups a change touches.";
    to.queries = list_make1(rule_query(rule, *with.of, *to.source));
}

// Where others count on its changes being found without any join, so they must be: as they were without such help.
void plan_by_query(source_plan& to, const planning& with)
{
    const bool is_covered = list_member_ptr(with.covered, to.source);
    const affected_keys answer =
        affected_anywhere({with.of, with.rules, is_covered ? NIL : with.covered, with.imaged}, *to.source);
    if (answer.from == key_source::unknown) {
        refuse_unknown(*to.source, answer);
    }
    to.why = answer.why;
    to.is_everything = answer.from == key_source::all;
    to.kind = answer.from == key_source::own ? log_kind::keys : log_kind::columns;
    to.queries = answer.queries;
    if (to.kind == log_kind::keys) {
        to.log = log_of_keys(*with.of, answer.expressions, to.source->relation);
    }
}

source_plan* plan_source(const planning& with, const rollup_source& source)
{
    auto* made = fresh<source_plan>();
    made->source = &source;
    const affects_rule* rule = rule_for(with.rules, source);
    if (rule != nullptr) {
        plan_by_rule(*made, with, *rule);
    } else {
        plan_by_query(*made, with);
    }
    made->rows = rows_read(made->queries, *with.of);
    return made;
}

const char* union_text(const List* queries)
{
    StringInfoData made;
    initStringInfo(&made);
    ListCell* cell = nullptr;
    foreach (cell, queries) {
        appendStringInfo(&made, "%s%s", made.len == 0 ? "" : " UNION ALL ", query_text(lfirst_node(Query, cell)));
    }
    return made.data;
}

// What the queries of all sources read from this one's log.
Bitmapset* columns_to_log(const List* plans, Oid relation)
{
    Bitmapset* columns = nullptr;
    ListCell* cell = nullptr;
    foreach (cell, plans) {
        const auto* plan = static_cast<const source_plan*>(lfirst(cell));
        if (plan->kind != log_kind::keys) {
            columns = bms_add_members(columns, logged_columns(plan->queries, relation));
        }
    }
    return columns;
}

void plan_log(source_plan& to, const List* plans, const imaged_source& imaged)
{
    const Oid relation = to.source->relation;
    const bool is_imaged = to.source->number == imaged.number;
    to.kind = is_imaged ? log_kind::images : to.kind;
    to.used = is_imaged ? bms_union(to.source->used, imaged.more) : bms_copy(to.source->used);
    if (to.kind != log_kind::keys) {
        Bitmapset* columns = columns_to_log(plans, relation);
        to.used = bms_add_members(to.used, columns);
        to.log = log_of_columns(relation, is_imaged ? to.used : columns);
        to.keys_query = to.is_everything ? nullptr : union_text(to.queries);
    }
}

void plan_joins(source_plan& to, const List* plans, const imaged_source& imaged)
{
    if (imaged.number != 0 && imaged.number != to.source->number && to.keys_query != nullptr) {
        const auto* other = static_cast<const source_plan*>(list_nth(plans, imaged.number - 1));
        to.joins_unique = columns_joined_with(to.queries, *to.source, *other->source, imaged.more);
    }
}

} // namespace

List* plan_sources(const rollup_query& of, const List* rules, const imaged_source& imaged)
{
    planning with = {&of, rules, NIL, imaged.number};
    with.covered = covered_sources(with);
    List* plans = NIL;
    ListCell* cell = nullptr;
    foreach (cell, of.sources) {
        plans = lappend(plans, plan_source(with, *static_cast<const rollup_source*>(lfirst(cell))));
    }
    foreach (cell, plans) {
        plan_log(*static_cast<source_plan*>(lfirst(cell)), plans, imaged);
        plan_joins(*static_cast<source_plan*>(lfirst(cell)), plans, imaged);
    }
    return plans;
}

const char* moving_query(const source_plan& of)
{
    return of.is_everything ? nullptr : union_text(of.queries);
}

} // namespace etl::rollup
