// Which groups a change touches: the changed rows joined to what tells their keys.
//
// A group's row can only differ when a combination of rows (one of each table of FROM, or NULLs for the optional side
// of an outer join) has come, gone or changed in it. Let one table have changed rows: the keys of all combinations that
// hold one of these are SELECT keys FROM changed rows, other tables WHERE conditions. Three things make that cheap and
// right.
//
// Fewer tables. The answer may be too large by some keys, whose recomputation finds them unchanged, but never too
// small. So a condition may be left out, and a table that tells no key and does not connect the changed rows with one
// that does may be, too. The tables kept are those on the cheapest paths of conditions (equalities first) from the
// changed table. Where an equality gives a key column as the changed table's own column, no other table is needed at
// all, and the writer can log the keys themselves. Where there is no path, each change touches every group.
//
// Changes in several tables. A combination of the past may hold changed rows of several tables. It is found from the
// first of them in the order of FROM, if whoever starts at a table sees the old rows of the tables after it: "etl rows
// N", the table's rows together with those of its log. The tables before it have not changed in such a combination, and
// their rows as they are now will do. A table whose changes are found without a join covers its combinations by itself.
//
// Outer joins. A change in the optional side also makes combinations come and go in which that side is NULL: those of
// the rows that it matches. So each outer join around what is looked at gives two cases: the rows of its optional side
// are real; or they are NULL to all that stands above the join. In the second case, with the changed rows within that
// side, its conditions are still those of the rows (vanished); with the changed rows elsewhere, they are gone (null). A
// case that contradicts a condition, as WHERE optional.x = 1 does, is no case. The keys are the union of all cases.
//
// Subqueries are dissolved into the same net, see net_pg.hpp. What happens to their rows on the way up (groups,
// DISTINCT, HAVING, windows, LIMIT) decides which of their columns may be used, and is left out besides.
#include "rollup/affected_keys_pg.hpp"

#include "rollup/key_query_pg.hpp"

extern "C" {
#include <nodes/makefuncs.h>
}

namespace etl::rollup {
namespace {

constexpr int most_sides = 6; // two cases each

// Cases --------------------------------------------------------------------------------------------------------------

// Lets the outer joins around what was looked at vary. Whether there are new ones.
bool vary_touched_sides(search& to)
{
    bool grown = false;
    for (int number = -1; (number = bms_next_member(to.touched, number)) >= 0;) {
        for (side* around = item_of(*to.in, number)->where; around != nullptr; around = around->parent) {
            grown |= !around->is_varied;
            around->is_varied = true;
        }
    }
    return grown;
}

List* varied_sides(const net& in)
{
    List* varied = NIL;
    ListCell* cell = nullptr;
    foreach (cell, in.sides) {
        if (static_cast<side*>(lfirst(cell))->is_varied) {
            varied = lappend(varied, lfirst(cell));
        }
    }
    return varied;
}

void take_case(const List* varied, unsigned number)
{
    for (int i = 0; i < list_length(varied); ++i) {
        auto* one = static_cast<side*>(list_nth(varied, i));
        const side_state other = one->has_change ? side_state::vanished : side_state::null;
        one->state = (number >> i & 1U) != 0 ? other : side_state::real;
    }
}

// Cases that cannot be, or are told by another one: a full join without both sides, and what is within a side that is
// not there.
bool is_a_case(const List* varied)
{
    ListCell* cell = nullptr;
    foreach (cell, varied) {
        const auto* one = static_cast<const side*>(lfirst(cell));
        if (one->state == side_state::real) {
            continue;
        }
        if (!is_present(one->parent) || (one->opposite != nullptr && one->opposite->state != side_state::real)) {
            return false;
        }
    }
    return true;
}

// All cases over the sides that vary. False where one ends the search.
bool solve_cases(search& to)
{
    const List* varied = varied_sides(*to.in);
    if (list_length(varied) > most_sides) {
        to.unknown_why = "Too many outer joins lie between it and the keys.";
        return false;
    }
    for (unsigned number = 0; number < 1U << list_length(varied); ++number) {
        pg::poll();
        take_case(varied, number);
        if (is_a_case(varied) && !solve_case(to)) {
            return false;
        }
    }
    return true;
}

int find_change(const net& in)
{
    for (int number = 1; number <= list_length(in.items); ++number) {
        if (item_of(in, number)->is_change) {
            return number;
        }
    }
    return 0;
}

// Solves the net for its choices among branches. False where that ends the search.
bool solve_net(search& to)
{
    build_net(*to.in);
    to.change = find_change(*to.in);
    to.branches = NIL;
    to.touched = bms_make_singleton(to.change);
    if (to.in->unfit_why != nullptr || to.change == 0) {
        to.unknown_why = to.in->unfit_why != nullptr
                             ? to.in->unfit_why
                             : "It stands in a place of the query from which its rows cannot be followed.";
        return false;
    }
    vary_touched_sides(to);
    do {
        to.branches = NIL;
        if (!solve_cases(to)) {
            return false;
        }
    } while (vary_touched_sides(to));
    return true;
}

// For a change that can touch no group: conditions contradict each other.
branch no_branch(const search& from)
{
    branch made = {bms_make_singleton(from.change), list_make1(makeBoolConst(false, false)), NIL};
    ListCell* cell = nullptr;
    foreach (cell, from.in->of->keys) {
        const auto* key = static_cast<const rollup_key*>(lfirst(cell));
        made.keys = lappend(made.keys, null_of(key->type, key->modifier, key->collation));
    }
    return made;
}

void add_queries(const search& from, affected_keys& to)
{
    ListCell* cell = nullptr;
    foreach (cell, from.branches) {
        to.queries = list_append_unique(to.queries, query_of(*from.in, *static_cast<const branch*>(lfirst(cell))));
    }
}

// What each changed row tells by itself, where no other table and no second case has a say.
List* own_expressions(const List* queries)
{
    const auto* only = linitial_node(Query, queries);
    if (list_length(queries) != 1 || list_length(only->rtable) != 1) {
        return NIL;
    }
    List* expressions = NIL;
    ListCell* cell = nullptr;
    foreach (cell, only->targetList) {
        expressions = lappend(expressions, lfirst_node(TargetEntry, cell)->expr);
    }
    return expressions;
}

} // namespace

affected_keys affected_by(const rollup_query& of, const rollup_occurrence& change, const List* covered, int imaged)
{
    net in = {};
    in.of = &of;
    in.change = &change;
    in.covered = covered;
    in.imaged = imaged;
    search found = {};
    found.in = &in;
    affected_keys answer = {key_source::query, "Its rows are joined to their groups.", NIL, NIL};
    do {
        if (!solve_net(found)) {
            const bool is_known = found.unknown_why == nullptr;
            return {is_known ? key_source::all : key_source::unknown, is_known ? found.all_why : found.unknown_why, NIL,
                    NIL};
        }
        add_queries(found, answer);
    } while (next_choice(in));
    if (answer.queries == NIL) {
        answer.queries = list_make1(query_of(in, no_branch(found)));
    }
    answer.expressions = own_expressions(answer.queries);
    if (answer.expressions != NIL) {
        answer.from = key_source::own;
        answer.why = "Each row tells its group.";
    }
    return answer;
}

} // namespace etl::rollup
