#include "rollup/affects_pg.hpp"

#include "core/json.hpp"
#include "core/text.hpp"
#include "pg/encoding.hpp"
#include "rollup/affected_keys_pg.hpp"
#include "rollup/rollup_checks_pg.hpp"

extern "C" {
#include <access/table.h>
#include <catalog/namespace.h>
#include <nodes/makefuncs.h>
#include <parser/parse_coerce.h>
#include <utils/lsyscache.h>
#include <utils/regproc.h>
#include <utils/rel.h>
#include <utils/varlena.h>
}

#include <string>

namespace etl::rollup {
namespace {

constexpr char shape[] = "Give tables and queries, as in {\"public.orders\": \"SELECT day FROM changed\"}.";

const char* kept_text(const std::string& text)
{
    const std::string of_server{pg::from_utf8(text)};
    return pg::call([from = of_server.c_str()] { return pstrdup(from); });
}

Oid find_relation(const char* name)
{
    return pg::call([name] {
        List* names = stringToQualifiedNameList(name
#if PG_VERSION_NUM >= 160000
                                                ,
                                                nullptr
#endif
        );
        return names == NIL ? InvalidOid : RangeVarGetRelid(makeRangeVarFromNameList(names), NoLock, true);
    });
}

affects_rule* rule_of(const std::string& name, const json& query)
{
    if (!query.is_string()) {
        throw error(sqlstate::invalid_parameter_value, "affects must hold a query for " + in_quotes(name), {}, shape);
    }
    const char* kept = kept_text(name);
    const char* text = kept_text(query.get<std::string>());
    auto* made = fresh<affects_rule>();
    *made = {find_relation(kept), kept, text};
    return made;
}

// The name `changed` for the analysis, with the columns of the table.
QueryEnvironment* environment_with(Oid relation)
{
    auto* named = fresh<EphemeralNamedRelationData>();
    named->md.name = pstrdup("changed");
    named->md.reliddesc = relation;
    named->md.enrtype = ENR_NAMED_TUPLESTORE;
    QueryEnvironment* made = create_queryEnv();
    register_ENR(made, named);
    return made;
}

struct log_reading {
    Oid relation;
    const char* name;
};

bool read_log(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, RangeTblEntry)) {
        auto* entry = reinterpret_cast<RangeTblEntry*>(node);
        const auto& to = *static_cast<log_reading*>(context);
        if (entry->rtekind == RTE_NAMEDTUPLESTORE) {
            entry->rtekind = RTE_CTE;
            entry->ctename = pstrdup(to.name);
            entry->ctelevelsup = 0;
            entry->relid = to.relation;
        }
        return false;
    }
    if (IsA(node, Query)) {
        return query_tree_walker(reinterpret_cast<Query*>(node), walker(read_log), context, QTW_EXAMINE_RTES_BEFORE);
    }
    return expression_tree_walker(node, walker(read_log), context);
}

[[noreturn]] void refuse_rule(const affects_rule& rule, const std::string& what, const std::string& detail)
{
    throw error(sqlstate::invalid_parameter_value, "the affects query for " + in_quotes(rule.name) + " " + what, detail,
                "Give a SELECT of the key columns, by their names, from changed.");
}

// What holds for the query of the rollup holds for the rule's, which a refresh runs just so.
void require_plain_rule(const affects_rule& rule, Query* query)
{
    try {
        require_known_shape(query);
        make_plain(query);
        require_tables(query);
        require_functions(query);
        require_own_operators(query);
    } catch (const error& refused) {
        throw error(refused.sqlstate(), "affects for " + in_quotes(rule.name) + ": " + refused.what(), refused.detail(),
                    refused.hint());
    }
}

// The outputs of the rule as entry 1, and the key among them, cast where it must be.
Expr* key_from(const affects_rule& rule, const Query* query, const rollup_key& key)
{
    const TargetEntry* target = find_output(query, key.name);
    if (target == nullptr) {
        refuse_rule(rule, "returns no column " + in_quotes(key.name), {});
    }
    Var* column = makeVarFromTargetEntry(1, const_cast<TargetEntry*>(target));
    Node* cast = coerce_to_target_type(nullptr, as_node(column), column->vartype, key.type, -1, COERCION_ASSIGNMENT,
                                       COERCE_EXPLICIT_CAST, -1);
    if (cast == nullptr) {
        const char* type = type_text(column->vartype, -1);
        const char* wanted = type_text(key.type, -1);
        refuse_rule(rule, "returns column " + in_quotes(key.name) + " of another type",
                    std::string{"It is of type "} + type + ", and the key column of type " + wanted + ".");
    }
    return reinterpret_cast<Expr*>(cast);
}

RangeTblEntry* subquery_entry(Query* query)
{
    List* names = NIL;
    ListCell* cell = nullptr;
    foreach (cell, query->targetList) {
        const auto* target = lfirst_node(TargetEntry, cell);
        if (!target->resjunk) {
            names = lappend(names, makeString(pstrdup(target->resname)));
        }
    }
    auto* entry = makeNode(RangeTblEntry);
    entry->rtekind = RTE_SUBQUERY;
    entry->subquery = query;
    entry->eref = makeAlias("affected", names);
    entry->alias = makeAlias("affected", NIL);
    entry->inFromCl = true;
    return entry;
}

} // namespace

List* read_affects(std::string_view document)
{
    constexpr int deepest = 3;
    const json all = parse_json(pg::as_utf8(document), "affects", deepest);
    if (!all.is_object()) {
        throw error(sqlstate::invalid_parameter_value, "affects must be a JSON object", {}, shape);
    }
    List* rules = NIL;
    for (const auto& [name, query] : all.items()) {
        affects_rule* made = rule_of(name, query);
        rules = pg::call([rules, made] { return lappend(rules, made); });
    }
    return rules;
}

const affects_rule* rule_for(const List* rules, const rollup_source& source)
{
    ListCell* cell = nullptr;
    foreach (cell, rules) {
        const auto* rule = static_cast<const affects_rule*>(lfirst(cell));
        if (rule->relation == source.relation) {
            return rule;
        }
    }
    return nullptr;
}

void require_rules_of_sources(const List* rules, const rollup_query& of)
{
    ListCell* cell = nullptr;
    foreach (cell, rules) {
        const auto* rule = static_cast<const affects_rule*>(lfirst(cell));
        bool is_known = false;
        ListCell* source = nullptr;
        foreach (source, of.sources) {
            is_known |= static_cast<const rollup_source*>(lfirst(source))->relation == rule->relation;
        }
        if (!is_known) {
            throw error(sqlstate::undefined_table,
                        "affects names " + in_quotes(rule->name) + ", which the query of the rollup does not read", {},
                        "Name tables of the query, with their schemas.");
        }
    }
}

Query* rule_query(const affects_rule& rule, const rollup_query& of, const rollup_source& source)
{
    Query* query = analyse_statement(rule.query, environment_with(source.relation));
    if (query == nullptr || query->commandType != CMD_SELECT) {
        refuse_rule(rule, "must be one SELECT", {});
    }
    require_plain_rule(rule, query);
    log_reading to = {source.relation, changes_name(source)};
    read_log(as_node(query), &to);

    auto* made = makeNode(Query);
    made->commandType = CMD_SELECT;
    made->canSetTag = true;
    made->rtable = list_make1(subquery_entry(query));
    auto* reference = makeNode(RangeTblRef);
    reference->rtindex = 1;
    made->jointree = makeFromExpr(list_make1(reference), nullptr);
    ListCell* cell = nullptr;
    foreach (cell, of.keys) {
        const auto* key = static_cast<const rollup_key*>(lfirst(cell));
        made->targetList =
            lappend(made->targetList, makeTargetEntry(key_from(rule, query, *key),
                                                      static_cast<AttrNumber>(list_length(made->targetList) + 1),
                                                      pstrdup(key->name), false));
    }
    return made;
}

} // namespace etl::rollup
