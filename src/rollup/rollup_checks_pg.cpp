#include "rollup/rollup_checks_pg.hpp"

#include "core/text.hpp"
#include "rollup/as_of_pg.hpp"

extern "C" {
#include <access/transam.h>
#include <catalog/catalog.h>
#include <catalog/namespace.h>
#include <catalog/pg_am.h>
#include <catalog/pg_class.h>
#include <catalog/pg_language.h>
#include <catalog/pg_namespace.h>
#include <catalog/pg_proc.h>
#include <commands/defrem.h>
#include <optimizer/optimizer.h>
#include <parser/parsetree.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
}

#include <cstring>
#include <string>

namespace etl::rollup {
namespace {

constexpr char duplicate_column[] = "42701";
constexpr char grouping_error[] = "42803";

constexpr char as_of_hint[] =
    "Compare one column of a table with it, as in WHERE t.sold_at >= now() - interval '7 days'.";

// Queries ------------------------------------------------------------------------------------------------------------

struct shape {
    bool recursive;
    bool writes;
    bool locks;
    bool samples;
};

bool look_at_shape(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    auto& seen = *static_cast<shape*>(context);
    if (IsA(node, RangeTblEntry)) {
        seen.samples |= reinterpret_cast<RangeTblEntry*>(node)->tablesample != nullptr;
        return false;
    }
    if (IsA(node, Query)) {
        auto* query = reinterpret_cast<Query*>(node);
        seen.recursive |= query->hasRecursive;
        seen.writes |= query->hasModifyingCTE || query->commandType != CMD_SELECT;
        seen.locks |= query->rowMarks != NIL;
        return query_tree_walker(query, walker(look_at_shape), context, QTW_EXAMINE_RTES_BEFORE);
    }
    return expression_tree_walker(node, walker(look_at_shape), context);
}

// Before any walk over the query: a utility command has no tree.
void require_select(const Query* query)
{
    constexpr char hint[] = "Give one SELECT … GROUP BY …, without a semicolon.";
    if (query == nullptr) {
        refuse("the query of a rollup must be one statement", {}, hint);
    }
    if (query->commandType != CMD_SELECT) {
        refuse("the query of a rollup must be a SELECT", {}, hint);
    }
    if (query->setOperations != nullptr) {
        refuse("the query of a rollup must not be a set operation", "UNION, INTERSECT or EXCEPT stands on top.",
               "Put it into FROM and group its rows: SELECT … FROM (… UNION ALL …) AS u GROUP BY ….");
    }
}

// Keys ---------------------------------------------------------------------------------------------------------------

bool is_among(const List* names, const char* name)
{
    ListCell* cell = nullptr;
    foreach (cell, names) {
        if (strcmp(static_cast<const char*>(lfirst(cell)), name) == 0) {
            return true;
        }
    }
    return false;
}

bool is_group(const Query* query, const TargetEntry* target)
{
    return target->ressortgroupref != 0 && get_sortgroupref_clause_noerr(target->ressortgroupref, query->groupClause);
}

void require_outputs(const Query* query)
{
    const List* seen = NIL;
    ListCell* cell = nullptr;
    foreach (cell, query->targetList) {
        const auto* target = lfirst_node(TargetEntry, cell);
        if (target->resjunk) {
            continue;
        }
        if (is_among(seen, target->resname)) {
            throw error(duplicate_column,
                        "the query of a rollup returns more than one column " + in_quotes(target->resname), {},
                        "Give each column a name of its own with AS.");
        }
        if (strncmp(target->resname, "etl_", 4) == 0) {
            refuse("the query of a rollup must not return a column " + in_quotes(target->resname),
                   "Names that begin with etl_ are those of a rollup's own columns.",
                   "Give the column another name with AS.");
        }
        seen = lappend(const_cast<List*>(seen), target->resname);
    }
}

void require_key(const Query* query, const List* names, const char* name)
{
    const TargetEntry* target = find_output(query, name);
    if (target == nullptr) {
        throw error(sqlstate::undefined_column, "the query of a rollup returns no key column " + in_quotes(name), {},
                    "Name columns of the query's output, as they are called there.");
    }
    if (!is_group(query, target)) {
        throw error(grouping_error, "key column " + in_quotes(name) + " is not among the expressions of GROUP BY", {},
                    "Group by it, or leave it out of key_columns.");
    }
    int times = 0;
    ListCell* cell = nullptr;
    foreach (cell, names) {
        times += strcmp(static_cast<const char*>(lfirst(cell)), name) == 0 ? 1 : 0;
    }
    if (times > 1) {
        throw error(duplicate_column, "key column " + in_quotes(name) + " is named twice", {},
                    "Name each key column once.");
    }
    const Oid type = exprType(as_node(target->expr));
    if (!OidIsValid(GetDefaultOpClass(getBaseType(type), BTREE_AM_OID))) {
        const char* type_name = type_text(type, -1);
        refuse("key column " + in_quotes(name) + " has type " + type_name + ", which has no order",
               "A rollup's key columns have a unique index.", "Cast it in the query, as in (…)::text.");
    }
}

// Every expression of GROUP BY must be seen in the output, or two groups would be one row.
void require_all_groups(const Query* query, const List* names)
{
    ListCell* cell = nullptr;
    foreach (cell, query->groupClause) {
        const auto* group = lfirst_node(SortGroupClause, cell);
        const TargetEntry* target = get_sortgroupclause_tle(const_cast<SortGroupClause*>(group), query->targetList);
        if (!target->resjunk && is_among(names, target->resname)) {
            continue;
        }
        if (target->resjunk) {
            throw error(grouping_error, "the query of a rollup groups by an expression that it does not return", {},
                        "Return it under a name, and name that in key_columns.");
        }
        throw error(grouping_error,
                    "the query of a rollup groups by column " + in_quotes(target->resname) + ", which is no key column",
                    {}, "Name all that it groups by in key_columns.");
    }
}

} // namespace

void refuse(std::string message, std::string detail, std::string hint)
{
    throw error(sqlstate::feature_not_supported, std::move(message), std::move(detail), std::move(hint));
}

const TargetEntry* find_output(const Query* query, const char* name)
{
    ListCell* cell = nullptr;
    foreach (cell, query->targetList) {
        const auto* target = lfirst_node(TargetEntry, cell);
        if (!target->resjunk && strcmp(target->resname, name) == 0) {
            return target;
        }
    }
    return nullptr;
}

void require_known_shape(const Query* query)
{
    shape seen = {};
    look_at_shape(as_node(query), &seen);
    if (seen.recursive) {
        refuse("the query of a rollup must not be recursive",
               "What a changed row leads to is not known beforehand where WITH RECURSIVE follows it.",
               "Keep the recursion's result in a table, and make the rollup of that.");
    }
    if (seen.writes) {
        refuse("the query of a rollup must not change data", {}, "Leave the INSERT, UPDATE or DELETE out of WITH.");
    }
    if (seen.locks) {
        refuse("the query of a rollup must not lock rows", {}, "Leave FOR UPDATE or FOR SHARE out.");
    }
    if (seen.samples) {
        refuse("the query of a rollup must not use TABLESAMPLE", "A sample is another one at each refresh.",
               "Leave TABLESAMPLE out.");
    }
}

void require_plain_aggregate(const Query* query)
{
    require_select(query);
    require_known_shape(query);
    if (query->groupingSets != NIL) {
        refuse("the query of a rollup must not use grouping sets", "It has GROUPING SETS, CUBE or ROLLUP.",
               "Make a rollup of each grouping.");
    }
    if (query->groupClause == NIL) {
        refuse("the query of a rollup must have GROUP BY", "A rollup keeps one row for each group.",
               "Add GROUP BY with the key columns.");
    }
    if (query->hasWindowFuncs) {
        refuse("the query of a rollup must not use window functions on top",
               "Their values depend on the rows of other groups.",
               "Compute them in a view over the rollup, or in a subquery in FROM.");
    }
    if (query->hasTargetSRFs) {
        refuse("the query of a rollup must not return sets from its select list", {},
               "Call the set-returning function in FROM.");
    }
    if (query->distinctClause != NIL) {
        refuse("the query of a rollup must not use DISTINCT on top", "Its groups are distinct already.",
               "Leave DISTINCT out.");
    }
    if (query->limitCount != nullptr || query->limitOffset != nullptr) {
        refuse("the query of a rollup must not use LIMIT or OFFSET on top",
               "Which groups they leave depends on all groups.", "Use them where the rollup is read.");
    }
    if (query->sortClause != NIL) {
        refuse("the query of a rollup must not use ORDER BY on top", "A table has no order.",
               "Use it where the rollup is read.");
    }
}

void require_keys(const Query* query, const List* names)
{
    require_outputs(query);
    if (names == NIL) {
        throw error(sqlstate::invalid_parameter_value, "a rollup needs key columns", {},
                    "Name the columns that its query groups by, as in ARRAY['hour'].");
    }
    ListCell* cell = nullptr;
    foreach (cell, names) {
        require_key(query, names, static_cast<const char*>(lfirst(cell)));
    }
    require_all_groups(query, names);
}

void require_no_other_clock(Query* query)
{
    if (uses_clock(as_node(query))) {
        refuse("the query of a rollup looks at the clock where that cannot be followed",
               "now(), CURRENT_DATE and their like may stand in a condition that compares one column of a table with "
               "them, and nowhere else.",
               as_of_hint);
    }
}

void refuse_no_source()
{
    refuse("the query of a rollup reads no table", {}, "Name the tables to roll up in FROM.");
}

} // namespace etl::rollup
