// What a user says about the groups that a table's changes touch, where it cannot be derived.
#pragma once

#include "rollup/rollup_query_pg.hpp"

#include <string_view>

namespace etl::rollup {

// A query over `changed`, the changed rows of a table with all of their columns, that returns the key columns.
struct affects_rule {
    Oid relation;
    const char* name; // as the user gave it
    const char* query;
};

// The rules in a JSON object of tables and queries, and that each is of a source. Throws etl::error.
List* read_affects(std::string_view json);

const affects_rule* rule_for(const List* rules, const rollup_source& source);
void require_rules_of_sources(const List* rules, const rollup_query& of);

// The rule's query in the form of those that are derived: the keys by name, and what it calls changed read from the
// log. Throws etl::error where it does not return the keys. May raise.
Query* rule_query(const affects_rule& rule, const rollup_query& of, const rollup_source& source);

} // namespace etl::rollup
