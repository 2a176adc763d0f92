// The query of a rollup with places in it where a refresh says which groups it wants.
//
// A refresh recomputes some groups. That is fast where the executor need not read the others, so the condition on the
// keys must stand as near to the tables as it can. The first place is the query's own WHERE, with the expression of the
// key: it alone makes the answer right. From there the condition goes
//   - down into a subquery of which the key is a faithful column (faithful_pg.hpp), where no outer join makes it NULL,
//   - over to a column that the query compares with the key column by an equality which all rows of its groups fulfil:
//     one in WHERE or of an inner join,
//   - and from a row that an outer join keeps to those that it looks for: into the condition of that join.
// PostgreSQL itself carries `a = 1` over an equality `a = b`, but not `a = ANY ('{1,2}')`.
//
// A subquery that groups or orders rows, as one that finds the latest row of each transaction, is computed as a whole
// before it is joined. Where it is joined by an equality with a column of a restricted table, only the rows that equal
// one of that table's restricted rows matter: column IN (SELECT column FROM table WHERE place) says so within it.
#include "rollup/restrict_pg.hpp"

#include "rollup/raising_pg.hpp"
#include "rollup/restrict_steps_pg.hpp"
#include "rollup/rollup_checks_pg.hpp"

extern "C" {
#include <nodes/makefuncs.h>
#include <optimizer/optimizer.h>
#include <parser/parsetree.h>
#include <utils/lsyscache.h>
}

namespace etl::rollup {
namespace {

bool restrict_query(marking& to, Query* query, Node* expression, bool is_top);

bool restrict_branches(marking& to, Query* query, const Node* operation, Node* expression)
{
    if (IsA(operation, SetOperationStmt)) {
        const auto* both = reinterpret_cast<const SetOperationStmt*>(operation);
        const bool left = restrict_branches(to, query, both->larg, expression);
        return restrict_branches(to, query, both->rarg, expression) && left;
    }
    const int branch = castNode(RangeTblRef, const_cast<Node*>(operation))->rtindex;
    lowering below = {query, branch, false};
    Node* lowered = lower(expression, &below);
    Query* inner = rt_fetch(branch, query->rtable)->subquery;
    lowering within = {inner, 0, false};
    Node* lowest = inner->setOperations == nullptr ? lower(lowered, &within) : lowered;
    return !below.has_failed && !within.has_failed && restrict_query(to, inner, lowest, false);
}

// Puts the condition into a subquery. False where it cannot hold there.
bool restrict_subquery(marking& to, RangeTblEntry* entry, Node* expression)
{
    if (entry->rtekind != RTE_SUBQUERY) {
        return false;
    }
    Query* query = entry->subquery;
    if (query->setOperations != nullptr) {
        return restrict_query(to, query, expression, false);
    }
    lowering below = {query, 0, false};
    Node* lowered = lower(expression, &below);
    return !below.has_failed && restrict_query(to, query, lowered, false);
}

struct spreading {
    marking* to;
    Query* query;
    const from_facts* from;
    Bitmapset* done; // entries
};

void spread(spreading& at, const Var* from);

// A column that equals the key: into its subquery, or else as a condition beside the equality.
void restrict_equal(spreading& at, Var* column, Node*& condition)
{
    at.done = bms_add_member(at.done, static_cast<int>(column->varno));
    RangeTblEntry* entry = rt_fetch(column->varno, at.query->rtable);
    if (!restrict_subquery(*at.to, entry, as_node(column))) {
        add_to(condition, place_for(*at.to, as_node(column)));
    }
}

Var* other_column(Node* condition, const Var* known)
{
    equal_columns columns = {};
    if (!is_equality(condition, columns)) {
        return nullptr;
    }
    return equal(columns.left, known) ? columns.right : equal(columns.right, known) ? columns.left : nullptr;
}

bool is_done(const spreading& at, const Var* column)
{
    return bms_is_member(static_cast<int>(column->varno), at.done);
}

void spread(spreading& at, const Var* from)
{
    ListCell* cell = nullptr;
    foreach (cell, at.from->conditions) {
        Var* column = other_column(as_node(lfirst(cell)), from);
        if (column != nullptr && !is_done(at, column)) {
            restrict_equal(at, column, at.query->jointree->quals);
            spread(at, column);
        }
    }
    ListCell* join_cell = nullptr;
    foreach (join_cell, at.from->outer_joins) {
        auto* join = lfirst_node(JoinExpr, join_cell);
        foreach (cell, conjuncts(join->quals)) {
            Var* column = other_column(as_node(lfirst(cell)), from);
            if (column != nullptr && !is_done(at, column) &&
                !bms_is_member(static_cast<int>(column->varno), at.from->kept)) {
                restrict_equal(at, column, join->quals);
            }
        }
    }
}

// Where computing it may fail, the conditions of the query come first: beside them PostgreSQL would compute it in the
// order that costs least. nullptr where they hold subqueries, which would have to run once more for each row.
Node* guarded(const marking& to, const from_facts& from, Node* expression)
{
    List* conditions = NIL;
    ListCell* cell = nullptr;
    foreach (cell, from.conditions) {
        if (!is_place(to, as_node(lfirst(cell)))) {
            conditions = lappend(conditions, lfirst(cell));
        }
    }
    if (!may_raise(expression, raising::beyond) || conditions == NIL) {
        return expression;
    }
    if (has_subquery(as_node(conditions))) {
        return nullptr;
    }
    return only_where(conjunction(conditions), expression);
}

// Puts the condition into the query's own WHERE.
bool restrict_here(marking& to, Query* query, const from_facts& from, Node* expression)
{
    Node* safe = guarded(to, from, expression);
    if (safe != nullptr) {
        add_to(query->jointree->quals, place_for(to, safe));
    }
    return safe != nullptr;
}

bool restrict_query(marking& to, Query* query, Node* expression, bool is_top)
{
    if (query->setOperations != nullptr) {
        return query->limitCount == nullptr && query->limitOffset == nullptr &&
               restrict_branches(to, query, query->setOperations, expression);
    }
    const int entry = only_entry(expression);
    if (entry == 0 && !is_top) {
        return false;
    }
    from_facts from = {};
    look_at_from(from, as_node(query->jointree));
    bool is_restricted = is_top && restrict_here(to, query, from, expression);
    const bool is_kept = entry != 0 && bms_is_member(entry, from.kept);
    const bool is_below = is_kept && restrict_subquery(to, rt_fetch(entry, query->rtable), expression);
    is_restricted = is_restricted || is_below || restrict_here(to, query, from, expression);
    spreading at = {&to, query, &from, entry == 0 ? nullptr : bms_make_singleton(entry)};
    if (is_kept && IsA(expression, Var)) {
        spread(at, reinterpret_cast<const Var*>(expression));
    }
    if (is_kept && !may_raise(expression, raising::beyond)) {
        reduce_subqueries({&to, query, &from, entry, expression, at.done});
    }
    return is_restricted;
}

} // namespace

restricted_query restrict_groups(const rollup_query& of, query_shape shape, void* context)
{
    auto* query = static_cast<Query*>(copyObjectImpl(of.query));
    marking to = start_marking();
    ListCell* cell = nullptr;
    foreach (cell, of.keys) {
        const auto* key = static_cast<const rollup_key*>(lfirst(cell));
        to.key = key->name;
        restrict_query(to, query, as_node(find_output(query, key->name)->expr), true);
    }
    List* pieces = pieces_of(shape == nullptr ? query : shape(query, context), to.places);
    const char* whole = query_text(shape == nullptr ? of.query : shape(of.query, context));
    return {pieces, whole, to.places};
}

} // namespace etl::rollup
