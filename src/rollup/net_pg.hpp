// The joins of a query seen flat, from one changed table: what is joined, under which conditions, and which of it an
// outer join may leave NULL. affected_keys_pg.cpp tells what that is good for.
//
// Subqueries on the way to the changed table are dissolved, as the rows beneath them are what is asked for; so are
// those whose rows may have been others a while ago. Their columns are the expressions behind them, where these are
// faithful (faithful_pg.hpp). A subquery that an expression uses (EXISTS, IN, a scalar one) is an item beside the
// others, joined by the conditions in it that refer to them. All other subqueries and functions are items like tables.
#pragma once

#include "rollup/rollup_query_pg.hpp"

namespace etl::rollup {

// What an outer join may replace by NULLs, and what it does in the case at hand: it finds a match (real), finds none
// (null), or found one and lost it by the change (vanished), or the other way round: then the conditions below the join
// see the rows, and those above see NULLs.
enum class side_state : char { real, null, vanished };

struct side {
    side* parent;   // the side around it
    side* opposite; // of a FULL JOIN
    bool has_change;
    bool is_varied; // whether both of its cases are looked at
    side_state state;
};

struct level;

enum class item_kind : char {
    none,    // a join, or what is beneath a set operation's other branches
    leaf,    // a table, a function, an undissolved subquery
    query,   // a dissolved subquery: its columns are expressions over its own items
    unknown, // its rows may have been others, and nothing can be said about them
};

struct item {
    RangeTblEntry* entry;
    level* at;    // where it stands
    level* inner; // of a dissolved query
    side* where;  // the innermost side around it
    item_kind kind;
    bool is_change;
    bool has_old_rows; // not only the table's rows count but those that its log tells of
};

// A query whose FROM is part of the net.
struct level {
    Query* query;
    level* outer; // for columns of outer queries
    int base;     // the number of its first range-table entry is base + 1
    int branch;   // of a set operation: the entry that was chosen; 0 for others
    bool has_change;
};

struct condition {
    Node* node;
    level* at;
    side* home;       // it holds where this side has rows
    side* other_home; // and this one (FULL JOIN)
    int link;         // the item of the subquery that its Params refer to; 0 where there are none
};

struct net {
    const rollup_query* of;
    const rollup_occurrence* change;
    const List* covered; // sources whose own changes are found without any join
    int imaged;          // the number of a source whose rows are merged; 0 for none
    List* items;         // of item*, by number from 1
    List* conditions;
    List* sides;
    level* top;
    const char* unfit_why; // why it cannot be handled, as a sentence; nullptr where it can
    bool has_left_out;     // conditions with subqueries
    int branches[8];       // choices among the branches of set operations that are not on the way to the change
    int widths[8];
    int choices;
    int combinations;
};

inline item* item_of(const net& in, int number)
{
    return static_cast<item*>(list_nth(in.items, number - 1));
}

// Builds the net for the choices that stand in it. May raise.
void build_net(net& to);

// Goes on to the next choices; false after the last.
bool next_choice(net& of);

// Whether the rows are there in the case at hand.
bool is_present(const side* where);

// Whether an item's columns are NULL for who looks from those sides.
bool is_nulled(const item* what, const side* home, const side* other_home);

// An expression over the columns of leaves, as seen from its place: columns that an outer join left out are NULL, and
// those of dissolved queries are what they are computed from. nullptr where that cannot be said. Adds the items that it
// went through, dissolved ones too. May raise.
Node* flat_value(const net& in, const condition& what, Bitmapset*& seen);

// The expression with the numbers of items for tables and nothing replaced, for questions about its parts. May raise.
Node* numbered(const net& in, const condition& what);

// A leaf's entry with its references to other leaves; nullptr where that cannot be said. May raise.
RangeTblEntry* flat_entry(const net& in, const item* leaf);

} // namespace etl::rollup
