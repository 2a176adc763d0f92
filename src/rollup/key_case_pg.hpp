// One case of how a changed row meets the rest of a query: the conditions that hold in it, the ways over them to what
// tells the keys, and the branch of a query that comes of it. affected_keys_pg.cpp tells the whole.
#pragma once

#include "rollup/net_pg.hpp"

namespace etl::rollup {

// A condition that holds in the case at hand, and the items that it is about.
struct link {
    Node* node; // nullptr: a lateral reference
    Bitmapset* items;
    Bitmapset* seen; // these, and the dissolved ones between
    int cost;
    bool is_sure; // it holds even if its items are left out of the answer
};

// A case's answer: which items are joined, under which conditions, and the keys.
struct branch {
    Bitmapset* items;
    List* conditions;
    List* keys;
};

struct search {
    net* in;
    List* links;
    List* branches;
    int change; // the number of the changed item
    int* costs; // by item: of the cheapest path from the changed one
    const link** ways;
    Bitmapset* touched; // items that the answer looked at
    const char* unknown_why;
    const char* all_why;
};

Bitmapset* items_in(Node* node);

// The items that a lateral one refers to.
Bitmapset* references_of(const RangeTblEntry* entry);

// The links of the case, and what they are good for. All may raise.
bool read_conditions(search& to); // false where the case contradicts itself
void read_lateral_references(search& to);

// The costs and ways of all items from the changed one.
void find_ways(search& to);

// Adds an item, and all on its way to the changed one. False where there is none.
bool add_way(const search& in, int number, Bitmapset*& to);

// Whatever an item refers to laterally must be there, too. False where it cannot be.
bool add_references(const search& in, Bitmapset*& to);

// The keys as the case sees them, from as near to the changed table as can be; false where one cannot be told.
bool read_keys(search& to, List*& keys);

// The case at hand. False where it ends the search: a key that cannot be told, or no path to it.
bool solve_case(search& to);

} // namespace etl::rollup
