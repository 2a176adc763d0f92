// Ways over conditions from a changed table to those that tell the keys.
#include "rollup/key_case_pg.hpp"

namespace etl::rollup {
namespace {

constexpr int out_of_reach = 1000000;

// The cheapest item of a link that has been reached, and what a step over the link costs from there.
int cost_over(const search& in, const link& over)
{
    int least = out_of_reach;
    for (int number = -1; (number = bms_next_member(over.items, number)) >= 0;) {
        least = Min(least, in.costs[number]);
    }
    return Min(out_of_reach, least + over.cost);
}

} // namespace

// Relaxes until nothing gets cheaper: nets are small.
void find_ways(search& to)
{
    const int count = list_length(to.in->items) + 1;
    to.costs = pg::allocate_array<int>(static_cast<std::size_t>(count));
    to.ways = pg::allocate_array<const link*>(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        to.costs[i] = out_of_reach;
        to.ways[i] = nullptr;
    }
    to.costs[to.change] = 0;
    for (bool goes_on = true; goes_on;) {
        goes_on = false;
        ListCell* cell = nullptr;
        foreach (cell, to.links) {
            const auto* over = static_cast<const link*>(lfirst(cell));
            const int cost = cost_over(to, *over);
            for (int number = -1; (number = bms_next_member(over->items, number)) >= 0;) {
                if (cost < to.costs[number]) {
                    to.costs[number] = cost;
                    to.ways[number] = over;
                    goes_on = true;
                }
            }
        }
    }
}

// Adds an item, and all on its way to the changed one. False where there is none.
bool add_way(const search& in, int number, Bitmapset*& to)
{
    if (bms_is_member(number, to)) {
        return true;
    }
    if (in.costs[number] >= out_of_reach) {
        return false;
    }
    to = bms_add_member(to, number);
    const link* over = in.ways[number];
    for (int next = -1; over != nullptr && (next = bms_next_member(over->items, next)) >= 0;) {
        add_way(in, next, to);
    }
    return true;
}

// Whatever an item refers to laterally must be there, too.
bool add_references(const search& in, Bitmapset*& to)
{
    for (int number = -1; (number = bms_next_member(to, number)) >= 0;) {
        const item* leaf = item_of(*in.in, number);
        if (leaf->entry->rtekind == RTE_RELATION) {
            continue;
        }
        const RangeTblEntry* entry = flat_entry(*in.in, leaf);
        if (entry == nullptr) {
            return false;
        }
        Bitmapset* needed = references_of(entry);
        const int before = bms_num_members(to);
        for (int next = -1; (next = bms_next_member(needed, next)) >= 0;) {
            if (!add_way(in, next, to)) {
                return false;
            }
        }
        if (bms_num_members(to) != before) {
            number = -1; // those may refer to others
        }
    }
    return true;
}

} // namespace etl::rollup
