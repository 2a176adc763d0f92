// etl._rollup_plan: all that a rollup's refreshes and its triggers need to know of its query, as one JSON object.
#include "core/json.hpp"
#include "pg/encoding.hpp"
#include "pg/jsonb.hpp"
#include "pg/text_array.hpp"
#include "pg/used_objects.hpp"
#include "rollup/affects_pg.hpp"
#include "rollup/delta_plan_pg.hpp"
#include "rollup/restrict_pg.hpp"
#include "rollup/rollup_checks_pg.hpp"
#include "rollup/source_plan_pg.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/array.h>
#include <utils/lsyscache.h>
}

namespace etl::rollup {
namespace {

struct plan {
    const rollup_query* query;
    List* sources; // of source_plan*
    List* uses;    // of char*: see pg/used_objects.hpp
    restricted_query restricted;
    delta_outcome delta;
};

List* names_in(Datum array)
{
    Datum* values = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(DatumGetArrayTypeP(array), NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &values, &nulls, &count);
    List* names = NIL;
    for (int i = 0; i < count; ++i) {
        if (nulls[i]) {
            throw error(sqlstate::null_value_not_allowed, "a key column must not be NULL");
        }
        names = lappend(names, pstrdup(NameStr(*DatumGetName(values[i]))));
    }
    return names;
}

// What the query uses, and what affects says. May raise.
List* uses_of(const rollup_query& of, const List* rules)
{
    List* trees = list_make1(of.query);
    ListCell* cell = nullptr;
    foreach (cell, of.sources) {
        const auto* source = static_cast<const rollup_source*>(lfirst(cell));
        const affects_rule* rule = rule_for(rules, *source);
        if (rule != nullptr) {
            trees = lappend(trees, rule_query(*rule, of, *source));
        }
    }
    return pg::used_objects(as_node(trees));
}

// May raise.
plan make_plan(const char* text, List* key_columns, const List* rules, bool images)
{
    plan made = {};
    made.query = read_rollup_query(text, key_columns);
    require_rules_of_sources(rules, *made.query);
    made.delta = rules == NIL ? delta_plan(*made.query)
                              : delta_outcome{0, nullptr,
                                              "The groups of a change are found by a query of affects, which does not "
                                              "see rows that are gone.",
                                              nullptr};
    const imaged_source imaged = {images ? made.delta.fact : 0, made.delta.identity};
    made.sources = plan_sources(*made.query, rules, imaged);
    made.uses = uses_of(*made.query, rules);
    made.restricted = restrict_groups(*made.query);
    return made;
}

// JSON ---------------------------------------------------------------------------------------------------------------

json text_or_null(const char* text)
{
    return text == nullptr ? json(nullptr) : json(std::string{pg::as_utf8(text)});
}

template <class F>
json text_from(F&& make)
{
    return text_or_null(pg::call(make));
}

template <class T, class F>
json array_of(const List* list, F&& describe)
{
    json made = json::array();
    for (int i = 0; i < list_length(list); ++i) {
        made.push_back(describe(*static_cast<const T*>(list_nth(list, i))));
    }
    return made;
}

// That of a domain is what it is made of: an outer join has NULLs where the domain may refuse them.
json type_json(Oid type, int32 modifier)
{
    return text_from([=] {
        int32 base_modifier = modifier;
        const Oid base = getBaseTypeAndTypmod(type, &base_modifier);
        return type_text(base, base_modifier);
    });
}

// Where it is not that of the type.
json collation_json(Oid type, Oid collation)
{
    return text_from([=] { return get_typcollation(type) == collation ? nullptr : collation_text(collation); });
}

json column_json(const rollup_query& of, const TargetEntry& column)
{
    bool is_key = false;
    for (int i = 0; i < list_length(of.keys); ++i) {
        is_key |= static_cast<const rollup_key*>(list_nth(of.keys, i))->expression == as_node(column.expr);
    }
    const Node* value = as_node(column.expr);
    return {{"name", text_or_null(column.resname)},
            {"type", type_json(exprType(value), exprTypmod(value))},
            {"collation", collation_json(exprType(value), exprCollation(value))},
            {"key", is_key}};
}

json columns_json(const rollup_query& of)
{
    json made = json::array();
    for (int i = 0; i < list_length(of.query->targetList); ++i) {
        const auto* column = static_cast<const TargetEntry*>(list_nth(of.query->targetList, i));
        if (!column->resjunk) {
            made.push_back(column_json(of, *column));
        }
    }
    return made;
}

// Texts, and the numbers of the places between them.
json pieces_json(const List* pieces)
{
    json made = json::array();
    for (int i = 0; i < list_length(pieces); ++i) {
        const auto* one = static_cast<const piece*>(list_nth(pieces, i));
        made.push_back(text_or_null(one->text));
        if (one->place != 0) {
            made.push_back(one->place);
        }
    }
    return made;
}

json restriction_json(const restriction& place)
{
    return {{"number", place.number},
            {"key", text_or_null(place.key)},
            {"expression", text_or_null(place.expression)},
            {"column", text_or_null(place.column)},
            {"upper", text_or_null(place.upper)},
            {"zone", text_or_null(place.zone)}};
}

// The first place of a key is in the query's own WHERE.
json key_json(const plan& of, const rollup_key& key)
{
    const char* expression = nullptr;
    for (int i = list_length(of.restricted.places) - 1; i >= 0; --i) {
        const auto* place = static_cast<const restriction*>(list_nth(of.restricted.places, i));
        expression = place->key == key.name ? place->expression : expression;
    }
    return {{"name", text_or_null(key.name)},
            {"type", type_json(key.type, key.modifier)},
            {"collation", collation_json(key.type, key.collation)},
            {"expression", text_or_null(expression)}};
}

json log_json(const log_column& column)
{
    return {{"name", text_or_null(column.name)},
            {"type", type_json(column.type, column.modifier)},
            {"collation", collation_json(column.type, column.collation)},
            {"expression", text_or_null(column.expression)}};
}

json names_json(Oid relation, const Bitmapset* columns)
{
    json made = json::array();
    for (int number = -1; (number = bms_next_member(columns, number)) >= 0;) {
        const auto column = static_cast<AttrNumber>(number);
        if (column > 0) {
            made.push_back(text_from([=] { return get_attname(relation, column, false); }));
        }
    }
    return made;
}

json columns_or_null(Oid relation, const List* columns)
{
    if (columns == NIL) {
        return nullptr;
    }
    json made = json::array();
    for (int i = 0; i < list_length(columns); ++i) {
        const auto column = static_cast<AttrNumber>(list_nth_int(columns, i));
        made.push_back(text_from([=] { return get_attname(relation, column, false); }));
    }
    return made;
}

json numbers_json(const List* numbers)
{
    json made = json::array();
    for (int i = 0; i < list_length(numbers); ++i) {
        made.push_back(list_nth_int(numbers, i));
    }
    return made;
}

const char* alias_of(const rollup_query& of, const rollup_source& source)
{
    for (int i = 0; i < list_length(of.occurrences); ++i) {
        const auto* occurrence = static_cast<const rollup_occurrence*>(list_nth(of.occurrences, i));
        if (occurrence->source == &source) {
            return occurrence->entry->eref->aliasname;
        }
    }
    return nullptr;
}

const char* kind_text(log_kind kind)
{
    switch (kind) {
    case log_kind::keys:
        return "keys";
    case log_kind::columns:
        return "columns";
    default:
        return "images";
    }
}

json source_json(const rollup_query& of, const source_plan& source)
{
    const Oid relation = source.source->relation;
    return {{"number", source.source->number},
            {"relation", text_from([=] { return relation_text(relation); })},
            {"alias", text_or_null(alias_of(of, *source.source))},
            {"kind", kind_text(source.kind)},
            {"used", names_json(relation, source.used)},
            {"log", array_of<log_column>(source.log, log_json)},
            {"keys_query", text_or_null(source.keys_query)},
            {"rows", numbers_json(source.rows)},
            {"joins_unique", columns_or_null(relation, source.joins_unique)},
            {"everything", source.is_everything},
            {"why", text_or_null(source.why)}};
}

json moving_json(const plan& of, const moving_filter& filter)
{
    const rollup_source* source = occurrence_of(*of.query, filter.entry)->source;
    const auto* planned = static_cast<const source_plan*>(list_nth(of.sources, source->number - 1));
    const char* query = pg::call([planned] { return moving_query(*planned); });
    return {
        {"source", source->number},
        {"column", text_from([&] { return quote_identifier(get_attname(source->relation, filter.column, false)); })},
        {"edge", text_from([&] { return constant_text(filter.edge); })},
        {"side", filter.is_lower ? "lower" : "upper"},
        {"keys_query", text_or_null(query)},
        {"rows", numbers_json(query == nullptr ? NIL : planned->rows)}};
}

json texts_json(const List* texts)
{
    json made = json::array();
    for (int i = 0; i < list_length(texts); ++i) {
        made.push_back(text_or_null(static_cast<const char*>(list_nth(texts, i))));
    }
    return made;
}

json plan_json(const plan& of)
{
    const rollup_query& query = *of.query;
    json made;
    made["uses"] = texts_json(of.uses);
    made["columns"] = columns_json(query);
    made["keys"] = array_of<rollup_key>(query.keys, [&](const rollup_key& key) { return key_json(of, key); });
    made["sources"] =
        array_of<source_plan>(of.sources, [&](const source_plan& source) { return source_json(query, source); });
    made["recompute"] = pieces_json(of.restricted.pieces);
    made["whole"] = text_or_null(of.restricted.whole);
    made["restrictions"] = array_of<restriction>(of.restricted.places, restriction_json);
    made["moving"] =
        array_of<moving_filter>(query.moving, [&](const moving_filter& filter) { return moving_json(of, filter); });
    made["delta"] = of.delta.plan == nullptr ? json(nullptr) : json::parse(pg::as_utf8(of.delta.plan));
    made["delta_refused"] = text_or_null(of.delta.refused);
    return made;
}

} // namespace
} // namespace etl::rollup

using namespace etl;
using namespace etl::rollup;

ETL_FUNCTION(etl_rollup_plan, args)
{
    const char* query = text_to_cstring(DatumGetTextPP(args.given(0)));
    List* key_columns = names_in(args.given(1));
    const List* rules = args.is_null(2) ? NIL : read_affects(pg::jsonb_text(args.datum(2)));
    const plan made = make_plan(query, key_columns, rules, args.get<bool>(3));
    return pg::make_jsonb(plan_json(made).dump());
}

ETL_FUNCTION(etl_rollup_uses, args)
{
    const char* query = text_to_cstring(DatumGetTextPP(args.given(0)));
    List* key_columns = names_in(args.given(1));
    const List* rules = read_affects(pg::jsonb_text(args.given(2)));
    const rollup_query* read = read_rollup_query(query, key_columns, functions::any);
    require_rules_of_sources(rules, *read);
    const List* uses = uses_of(*read, rules);
    std::vector<std::string> texts;
    for (int i = 0; i < list_length(uses); ++i) {
        texts.emplace_back(static_cast<const char*>(list_nth(uses, i)));
    }
    return pg::make_text_array(texts);
}

ETL_FUNCTION(etl_type_identity, args)
{
    const char* text =
        pg::type_identity(DatumGetObjectId(args.datum(0)), args.get<std::int32_t>(1), DatumGetObjectId(args.datum(2)));
    return args.result(std::string_view{text});
}

ETL_FUNCTION(etl_restriction, args)
{
    return args.result(true);
}
