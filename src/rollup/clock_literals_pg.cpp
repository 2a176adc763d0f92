// Literals that read the clock: 'now', 'today', 'yesterday' and 'tomorrow' as dates or times. The parser puts the
// moment in their place, so that the tree of a query does not show them any more: its text does.
#include "core/text.hpp"
#include "rollup/rollup_checks_pg.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <nodes/value.h>
#include <parser/parse_coerce.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
}

#include <array>
#include <cctype>
#include <cstring>
#include <string>

namespace etl::rollup {
namespace {

bool reads_clock(const char* text)
{
    constexpr std::array words = {"now", "today", "yesterday", "tomorrow"};
    char* lower = pstrdup(text);
    for (char* c = lower; *c != '\0'; ++c) {
        *c = static_cast<char>(std::tolower(static_cast<unsigned char>(*c)));
    }
    for (const char* word : words) {
        if (strstr(lower, word) != nullptr) {
            return true;
        }
    }
    return false;
}

// Dates and times, arrays and ranges of them.
bool is_of_time(Oid type)
{
    const Oid base = getBaseType(type);
    if (const Oid element = get_element_type(base); OidIsValid(element)) {
        return is_of_time(element);
    }
    if (const Oid subtype = get_range_subtype(base); OidIsValid(subtype)) {
        return is_of_time(subtype);
    }
    if (const Oid range = get_multirange_range(base); OidIsValid(range)) {
        return is_of_time(range);
    }
    return TypeCategory(base) == TYPCATEGORY_DATETIME;
}

struct literal {
    const char* text;
    int location;
};

struct literal_walk {
    List* suspects; // of literal*
    const char* found;
};

bool collect_literals(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, A_Const)) {
        auto* constant = reinterpret_cast<A_Const*>(node);
        if (!constant->isnull && IsA(&constant->val, String) && reads_clock(constant->val.sval.sval)) {
            auto* made = fresh<literal>();
            *made = {pstrdup(constant->val.sval.sval), constant->location};
            auto& walk = *static_cast<literal_walk*>(context);
            walk.suspects = lappend(walk.suspects, made);
        }
        return false;
    }
    return raw_expression_tree_walker(node, walker(collect_literals), context);
}

void look_up(literal_walk& walk, int location)
{
    ListCell* cell = nullptr;
    foreach (cell, walk.suspects) {
        const auto* suspect = static_cast<const literal*>(lfirst(cell));
        if (suspect->location == location) {
            walk.found = suspect->text;
        }
    }
}

bool look_at_constants(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    auto& walk = *static_cast<literal_walk*>(context);
    if (IsA(node, Query)) {
        return query_tree_walker(reinterpret_cast<Query*>(node), walker(look_at_constants), context, 0);
    }
    if (IsA(node, Const) && is_of_time(reinterpret_cast<Const*>(node)->consttype)) {
        look_up(walk, reinterpret_cast<Const*>(node)->location);
    }
    // 'now'::text::date
    if (IsA(node, CoerceViaIO) && is_of_time(reinterpret_cast<CoerceViaIO*>(node)->resulttype)) {
        const Node* from = as_node(reinterpret_cast<CoerceViaIO*>(node)->arg);
        if (IsA(from, Const)) {
            look_up(walk, reinterpret_cast<const Const*>(from)->location);
        }
    }
    return expression_tree_walker(node, walker(look_at_constants), context);
}

} // namespace

List* literals_of_clock(Node* statement)
{
    literal_walk walk = {NIL, nullptr};
    collect_literals(statement, &walk);
    return walk.suspects;
}

void require_no_clock_literal(Query* query, List* suspects)
{
    literal_walk walk = {suspects, nullptr};
    if (suspects != NIL) {
        look_at_constants(as_node(query), &walk);
    }
    if (walk.found != nullptr) {
        refuse("the query of a rollup looks at the clock by the literal '" + std::string{walk.found} + "'",
               "It would stand for the moment at which the rollup is made.",
               "Write now() or CURRENT_DATE, in a condition that compares one column of a table with it.");
    }
}

} // namespace etl::rollup
