#include "rollup/delta_rows_pg.hpp"

#include "rollup/raising_pg.hpp"

extern "C" {
#include <access/stratnum.h>
#include <access/table.h>
#include <catalog/pg_type.h>
#include <nodes/makefuncs.h>
#include <optimizer/optimizer.h>
#include <parser/parsetree.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
}

namespace etl::rollup {
namespace {

constexpr const char* images_name = "etl images";

template <class T>
T* copy_of(const T* node)
{
    return static_cast<T*>(copyObjectImpl(node));
}

// Entries ------------------------------------------------------------------------------------------------------------

// Adds a column to an entry that stands for a query of WITH.
void add_entry_column(RangeTblEntry* entry, const char* name, Oid type, int32 modifier, Oid collation)
{
    entry->eref->colnames = lappend(entry->eref->colnames, makeString(pstrdup(name)));
    entry->coltypes = lappend_oid(entry->coltypes, type);
    entry->coltypmods = lappend_int(entry->coltypmods, modifier);
    entry->colcollations = lappend_oid(entry->colcollations, collation);
}

RangeTblEntry* with_entry(const char* name, const char* alias)
{
    RangeTblEntry* entry = makeNode(RangeTblEntry);
    entry->rtekind = RTE_CTE;
    entry->ctename = pstrdup(name);
    entry->alias = makeAlias(alias, NIL);
    entry->eref = makeAlias(alias, NIL);
    entry->inFromCl = true;
    return entry;
}

// All columns of a table by their numbers, and the sign.
RangeTblEntry* images_entry(Oid relation, const char* alias)
{
    RangeTblEntry* entry = with_entry(images_name, alias);
    Relation table = table_open(relation, NoLock); // the analysis holds its lock
    for (int i = 0; i < RelationGetNumberOfAttributes(table); ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(table), i);
        add_entry_column(entry, attribute->attisdropped ? "" : NameStr(attribute->attname),
                         attribute->attisdropped ? InvalidOid : attribute->atttypid, attribute->atttypmod,
                         attribute->attcollation);
    }
    table_close(table, NoLock);
    add_entry_column(entry, "etl_sign", INT4OID, -1, InvalidOid);
    return entry;
}

// Outputs ------------------------------------------------------------------------------------------------------------

void add_output(Query* query, Node* expression, const char* name)
{
    query->targetList =
        lappend(query->targetList,
                makeTargetEntry(reinterpret_cast<Expr*>(expression),
                                static_cast<AttrNumber>(list_length(query->targetList) + 1), pstrdup(name), false));
}

// What is known of images --------------------------------------------------------------------------------------------

struct moved_column {
    Index from;
};

Node* move_column(Node* node, void* context)
{
    if (node == nullptr) {
        return nullptr;
    }
    if (IsA(node, Var) && reinterpret_cast<Var*>(node)->varlevelsup == 0) {
        auto* moved = copy_of(reinterpret_cast<Var*>(node));
        moved->varno = 1;
        moved->varnosyn = 0;
        moved->varattnosyn = 0;
        return as_node(moved);
    }
    return expression_tree_mutator(node, mutator(move_column), context);
}

// ARRAY(SELECT value FROM "etl images").
Node* values_of_images(const RangeTblEntry* fact, Node* value)
{
    Query* query = makeNode(Query);
    query->commandType = CMD_SELECT;
    RangeTblEntry* entry = copy_of(fact);
    entry->ctelevelsup = 1;
    query->rtable = list_make1(entry);
    RangeTblRef* reference = makeNode(RangeTblRef);
    reference->rtindex = 1;
    query->jointree = makeFromExpr(list_make1(reference), nullptr);
    add_output(query, move_column(value, nullptr), "value");
    SubLink* link = makeNode(SubLink);
    link->subLinkType = ARRAY_SUBLINK;
    link->subselect = as_node(query);
    link->location = -1;
    return as_node(link);
}

// column = ANY (values).
Node* is_among(const key_condition& condition, Node* values)
{
    ScalarArrayOpExpr* comparison = makeNode(ScalarArrayOpExpr);
    comparison->opno = condition.column_to_value;
    comparison->opfuncid = get_opcode(condition.column_to_value);
    comparison->useOr = true;
    comparison->inputcollid = condition.collation;
    comparison->args = list_make2(copy_of(condition.column), values);
    comparison->location = -1;
    return as_node(comparison);
}

bool is_of_entry(Node* node, Index entry)
{
    Bitmapset* entries = pull_varnos(nullptr, node);
    return bms_equal(entries, bms_make_singleton(static_cast<int>(entry))) && !has_subquery(node);
}

// PostgreSQL pushes a condition on a subquery's column into it where that changes nothing, but knows of no such
// condition from the join alone.
void tell_subquery(Query* rows, const join_shape& shape, Index fact, Index subquery)
{
    ListCell* cell = nullptr;
    foreach (cell, shape.conditions) {
        const auto* condition = static_cast<const join_condition*>(lfirst(cell));
        key_condition found = {};
        if (key_condition_of(*condition, subquery, found) && is_of_entry(found.value, fact) &&
            OidIsValid(get_array_type(exprType(found.value)))) {
            Node* values = values_of_images(rt_fetch(fact, rows->rtable), found.value);
            *condition->place = conjunction(list_make2(*condition->place, is_among(found, values)));
        }
    }
}

// Outputs over states ------------------------------------------------------------------------------------------------

struct visible_walk {
    const List* keys;
    const delta_states* states;
    const char* refused;
};

Var* value_column(AttrNumber number, Node* of)
{
    return makeVar(1, number, exprType(of), exprTypmod(of), exprCollation(of), 0);
}

Node* to_visible(Node* node, void* context)
{
    if (node == nullptr) {
        return nullptr;
    }
    auto& walk = *static_cast<visible_walk*>(context);
    AttrNumber number = 0;
    ListCell* cell = nullptr;
    foreach (cell, walk.keys) {
        ++number;
        if (equal(node, static_cast<const rollup_key*>(lfirst(cell))->expression)) {
            return as_node(value_column(number, node));
        }
    }
    if (IsA(node, Aggref)) {
        foreach (cell, walk.states->values) {
            ++number;
            if (equal(node, static_cast<const delta_value*>(lfirst(cell))->of)) {
                return as_node(value_column(number, node));
            }
        }
    }
    if (IsA(node, SubLink) || IsA(node, Query)) {
        walk.refused = "A subquery stands among the outputs or in HAVING.";
    } else if (IsA(node, Var)) {
        walk.refused = "An output is neither a key column nor made of aggregates and key columns.";
    }
    return walk.refused != nullptr ? node : expression_tree_mutator(node, mutator(to_visible), context);
}

RangeTblEntry* values_entry(const List* keys, const delta_states& states)
{
    RangeTblEntry* entry = with_entry("etl values", "s");
    ListCell* cell = nullptr;
    foreach (cell, keys) {
        const auto* key = static_cast<const rollup_key*>(lfirst(cell));
        add_entry_column(entry, key->name, key->type, key->modifier, key->collation);
    }
    int number = 0;
    foreach (cell, states.values) {
        const Aggref* aggregate = static_cast<const delta_value*>(lfirst(cell))->of;
        add_entry_column(entry, psprintf("etl_v%d", ++number), aggregate->aggtype, -1, aggregate->aggcollid);
    }
    add_entry_column(entry, "etl_place", TIDOID, -1, InvalidOid);
    return entry;
}

bool collect_aggregates(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, Aggref) && reinterpret_cast<Aggref*>(node)->agglevelsup == 0) {
        auto*& found = *static_cast<List**>(context);
        found = lappend(found, node);
        return false;
    }
    return expression_tree_walker(node, walker(collect_aggregates), context);
}

// Whether HAVING lets a group pass, not NULL.
Node* shown(Node* having)
{
    if (having == nullptr) {
        return makeBoolConst(true, false);
    }
    BooleanTest* test = makeNode(BooleanTest);
    test->arg = reinterpret_cast<Expr*>(having);
    test->booltesttype = IS_TRUE;
    test->location = -1;
    return as_node(test);
}

// An output, only of the groups that HAVING lets in where computing it of others might fail. CASE gives no domain.
Node* shown_value(Node* output, Node* having)
{
    const bool may_be_left_out = having != nullptr && getBaseType(exprType(output)) == exprType(output);
    return may_be_left_out && may_raise(output, raising::ever) ? only_where(shown(having), output) : output;
}

} // namespace

List* aggregates_of(const Query* query)
{
    List* found = NIL;
    collect_aggregates(as_node(query->targetList), &found);
    collect_aggregates(query->havingQual, &found);
    return found;
}

Query* rows_query(const Query* query, const List* keys, const delta_states& states)
{
    Query* rows = copy_of(query);
    rows->targetList = NIL;
    rows->groupClause = NIL;
    rows->havingQual = nullptr;
    rows->hasAggs = false;
    ListCell* cell = nullptr;
    foreach (cell, keys) {
        const auto* key = static_cast<const rollup_key*>(lfirst(cell));
        add_output(rows, copy_of(key->expression), key->name);
    }
    int number = 0;
    foreach (cell, states.columns) {
        add_output(rows, static_cast<Node*>(copyObjectImpl(lfirst(cell))), column_name(++number));
    }
    return rows;
}

void read_images(Query* rows, Index fact)
{
    const RangeTblEntry* table = rt_fetch(fact, rows->rtable);
    RangeTblEntry* images = images_entry(table->relid, table->eref->aliasname);
    list_nth_cell(rows->rtable, static_cast<int>(fact) - 1)->ptr_value = images;
    const join_shape shape = shape_of_joins(rows);
    for (int entry = bms_next_member(shape.entries, -1); entry >= 0; entry = bms_next_member(shape.entries, entry)) {
        if (rt_fetch(entry, rows->rtable)->rtekind == RTE_SUBQUERY) {
            tell_subquery(rows, shape, fact, static_cast<Index>(entry));
        }
    }
    const auto sign = static_cast<AttrNumber>(list_length(images->coltypes));
    add_output(rows, as_node(makeVar(static_cast<int>(fact), sign, INT4OID, -1, InvalidOid, 0)), "etl_sign");
}

Query* visible_query(const Query* query, const List* keys, const delta_states& states, bool with_place,
                     const char*& refused)
{
    Query* made = makeNode(Query);
    made->commandType = CMD_SELECT;
    made->rtable = list_make1(values_entry(keys, states));
    RangeTblRef* reference = makeNode(RangeTblRef);
    reference->rtindex = 1;
    made->jointree = makeFromExpr(list_make1(reference), nullptr);
    visible_walk walk = {keys, &states, nullptr};
    Node* having = to_visible(query->havingQual, &walk);
    ListCell* cell = nullptr;
    foreach (cell, query->targetList) {
        const auto* target = lfirst_node(TargetEntry, cell);
        if (!target->resjunk) {
            Node* output = to_visible(as_node(target->expr), &walk);
            add_output(made, shown_value(output, having), target->resname);
        }
    }
    add_output(made, shown(having), "etl_shown");
    if (with_place) {
        const auto place = static_cast<AttrNumber>(list_length(keys) + list_length(states.values) + 1);
        add_output(made, as_node(makeVar(1, place, TIDOID, -1, InvalidOid, 0)), "etl_place");
    }
    refused = walk.refused;
    return walk.refused == nullptr ? made : nullptr;
}

} // namespace etl::rollup
