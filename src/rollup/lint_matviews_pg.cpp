// Double counting in the query of a materialized view, found in its tree without running it.
//
// sum, count and avg over columns of one relation count a row as often as the joins repeat it. A join does not repeat
// rows where at most one row of the other relation can match: where the columns that it is compared by cover a unique
// index, or the keys of a GROUP BY. So for each aggregate the relations whose columns it takes are given, and relations
// are added one by one of which at most one row can match those that are there already, with whatever else is fixed
// (constants, the keys of the group). What cannot be added repeats rows.
#include "pg/memory.hpp"
#include "pg/result_set.hpp"
#include "rollup/single_match_pg.hpp"

extern "C" {
#include <access/transam.h>
#include <catalog/pg_class.h>
#include <catalog/pg_type.h>
#include <lib/stringinfo.h>
#include <optimizer/optimizer.h>
#include <optimizer/tlist.h>
#include <parser/parsetree.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/ruleutils.h>
}

#include <algorithm>
#include <array>
#include <string_view>

namespace {

using namespace etl::rollup;

struct finding {
    const char* aggregate;
    const char* counted;
    const char* repeated_by;
    const char* columns; // by which it is compared; nullptr for none
};

constexpr std::array<std::string_view, 9> counting = {"avg", "count",   "stddev",   "stddev_pop", "stddev_samp",
                                                      "sum", "var_pop", "var_samp", "variance"};

bool counts_repeated_rows(const Aggref* aggregate)
{
    const char* name = get_func_name(aggregate->aggfnoid);
    return aggregate->aggfnoid < FirstNormalObjectId && aggregate->aggdistinct == NIL && name != nullptr &&
           std::find(counting.begin(), counting.end(), name) != counting.end();
}

const char* column_text(const Query* query, int relation, AttrNumber column)
{
    const RangeTblEntry* entry = rt_fetch(relation, query->rtable);
    return quote_identifier(get_rte_attribute_name(const_cast<RangeTblEntry*>(entry), column));
}

const char* alias_text(const Query* query, int relation)
{
    return quote_identifier(rt_fetch(relation, query->rtable)->eref->aliasname);
}

const char* relation_text(const Query* query, int relation)
{
    const RangeTblEntry* entry = rt_fetch(relation, query->rtable);
    return entry->rtekind == RTE_RELATION
               ? quote_qualified_identifier(get_namespace_name(get_rel_namespace(entry->relid)),
                                            get_rel_name(entry->relid))
               : alias_text(query, relation);
}

bool find_column(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, Var) && reinterpret_cast<const Var*>(node)->varlevelsup == 0) {
        *static_cast<const Var**>(context) = reinterpret_cast<const Var*>(node);
        return true;
    }
    return expression_tree_walker(node, walker(find_column), context);
}

// sum(t.price), or for an expression sum(… t.price …).
const char* aggregate_text(const Query* query, const Aggref* aggregate)
{
    const Var* column = nullptr;
    find_column(reinterpret_cast<Node*>(aggregate->args), &column);
    if (column == nullptr) {
        return get_func_name(aggregate->aggfnoid);
    }
    const auto* first = reinterpret_cast<const Node*>(linitial_node(TargetEntry, aggregate->args)->expr);
    const char* argument = column->varattno > 0 ? column_text(query, column->varno, column->varattno) : "*";
    return psprintf(bare_column(first) != nullptr ? "%s(%s.%s)" : "%s(… %s.%s …)", get_func_name(aggregate->aggfnoid),
                    alias_text(query, column->varno), argument);
}

const char* columns_text(const Query* query, int relation, const Bitmapset* columns)
{
    if (bms_is_empty(columns)) {
        return nullptr;
    }
    StringInfoData text;
    initStringInfo(&text);
    for (int column = -1; (column = bms_next_member(columns, column)) >= 0;) {
        appendStringInfo(&text, "%s%s", text.len == 0 ? "" : ", ",
                         column_text(query, relation, static_cast<AttrNumber>(column)));
    }
    return text.data;
}

// What a search goes through a query with.
struct search {
    List* findings; // of finding*
    const scope* at;
    joined joins; // with what the keys of the group fix
};

// The relation that repeats rows, of those that do: one that is compared with what is given, if there is one.
int culprit(const joined& joins, const Bitmapset* given)
{
    int any = -1;
    for (int relation = -1; (relation = bms_next_member(joins.relations, relation)) >= 0;) {
        if (!bms_is_member(relation, given)) {
            if (!bms_is_empty(fixed_columns(joins, relation, given))) {
                return relation;
            }
            any = any < 0 ? relation : any;
        }
    }
    return any;
}

void judge(search& to, const Aggref* aggregate)
{
    const Query* query = to.at->query;
    Bitmapset* counted = pull_varnos(nullptr, reinterpret_cast<Node*>(aggregate->args));
    if (!counts_repeated_rows(aggregate) || bms_is_empty(counted)) {
        return;
    }
    joined joins = {to.joins.relations, list_copy(to.joins.equalities)};
    add_condition(joins, reinterpret_cast<Node*>(aggregate->aggfilter));
    const Bitmapset* given = with_single_matches(joins, bms_copy(counted), to.at);
    const int other = culprit(joins, given);
    if (other >= 0) {
        auto* found = etl::pg::allocate_array<finding>(1);
        *found = {aggregate_text(query, aggregate), relation_text(query, bms_next_member(counted, -1)),
                  relation_text(query, other), columns_text(query, other, fixed_columns(joins, other, given))};
        to.findings = lappend(to.findings, found);
    }
}

void search_query(search& to, Query* query, const scope* outer);

bool visit(Node* node, void* context)
{
    auto& to = *static_cast<search*>(context);
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, Query)) {
        search_query(to, reinterpret_cast<Query*>(node), to.at);
        return false;
    }
    if (IsA(node, Aggref) && reinterpret_cast<Aggref*>(node)->agglevelsup == 0) {
        judge(to, reinterpret_cast<Aggref*>(node));
    }
    return expression_tree_walker(node, walker(visit), context);
}

void search_entry(search& to, const RangeTblEntry* entry, const scope* at)
{
    if (entry->rtekind == RTE_SUBQUERY) {
        search_query(to, entry->subquery, at);
    } else if (entry->rtekind == RTE_RELATION && entry->relkind == RELKIND_VIEW) {
        search_query(to, query_of_view(entry->relid), nullptr);
    }
}

void fix_groups(joined& joins, Query* query, const List* targets)
{
    ListCell* cell = nullptr;
    foreach (cell, query->groupingSets == NIL ? query->groupClause : NIL) {
        const TargetEntry* target =
            get_sortgroupclause_tle(lfirst_node(SortGroupClause, cell), const_cast<List*>(targets));
        if (const Var* column = bare_column(target->expr)) {
            add_fixed_column(joins, column);
        }
    }
}

void search_query(search& to, Query* query, const scope* outer)
{
    const scope at = {query, outer};
    const search before = to;
    auto* targets = reinterpret_cast<List*>(without_references(query, query->targetList));
    to.at = &at;
    to.joins = joins_of(query);
    fix_groups(to.joins, query, targets);
    for (int relation = -1; (relation = bms_next_member(to.joins.relations, relation)) >= 0;) {
        search_entry(to, rt_fetch(relation, query->rtable), &at);
    }
    ListCell* cell = nullptr;
    foreach (cell, query->cteList) {
        visit(lfirst_node(CommonTableExpr, cell)->ctequery, &to);
    }
    visit(reinterpret_cast<Node*>(targets), &to);
    visit(without_references(query, query->havingQual), &to);
    visit(query->setOperations == nullptr ? query->jointree->quals : nullptr, &to);
    if (query->setOperations != nullptr) {
        foreach (cell, query->rtable) {
            search_entry(to, lfirst_node(RangeTblEntry, cell), &at);
        }
    }
    to.at = before.at;
    to.joins = before.joins;
}

List* double_counting(Oid matview)
{
    search to = {};
    Query* query = query_of_view(matview);
    if (query != nullptr) {
        search_query(to, query, nullptr);
    }
    return to.findings;
}

Datum text_or_null(const char* text, bool& is_null)
{
    is_null = text == nullptr;
    return is_null ? Datum{0} : CStringGetTextDatum(text);
}

// The output columns that a query is grouped by, when all keys are among them; NIL otherwise.
List* grouped_columns(const Query* query)
{
    List* names = NIL;
    ListCell* cell = nullptr;
    if (query == nullptr || query->groupingSets != NIL || query->hasTargetSRFs) {
        return NIL;
    }
    foreach (cell, query->groupClause) {
        const TargetEntry* target = get_sortgroupclause_tle(lfirst_node(SortGroupClause, cell), query->targetList);
        if (target->resjunk) {
            return NIL;
        }
        names = lappend(names, target->resname);
    }
    return names;
}

Datum text_array(const List* names)
{
    auto* values = etl::pg::allocate_array<Datum>(list_length(names) + 1);
    int count = 0;
    ListCell* cell = nullptr;
    foreach (cell, names) {
        values[count++] = CStringGetTextDatum(static_cast<const char*>(lfirst(cell)));
    }
    return PointerGetDatum(construct_array(values, count, TEXTOID, -1, false, TYPALIGN_INT));
}

} // namespace

ETL_FUNCTION(etl_double_counting, args)
{
    etl::pg::result_set rows{args};
    ListCell* cell = nullptr;
    foreach (cell, double_counting(DatumGetObjectId(args.datum(0)))) {
        const auto* found = static_cast<const finding*>(lfirst(cell));
        std::array<bool, 4> nulls;
        std::array values{text_or_null(found->aggregate, nulls[0]), text_or_null(found->counted, nulls[1]),
                          text_or_null(found->repeated_by, nulls[2]), text_or_null(found->columns, nulls[3])};
        rows.put(values, nulls);
    }
    return rows.finish();
}

ETL_FUNCTION(etl_grouped_columns, args)
{
    const List* names = grouped_columns(query_of_view(DatumGetObjectId(args.datum(0))));
    return names == NIL ? args.null_result() : text_array(names);
}
