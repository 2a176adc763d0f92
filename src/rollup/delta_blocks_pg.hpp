// What states are built of: columns, and the texts that fill and change them.
#pragma once

#include "rollup/delta_states_pg.hpp"

namespace etl::rollup {

// What the texts of one aggregate are made of.
struct aggregate_parts {
    const char* name;     // without its schema
    bool is_builtin;      // of pg_catalog
    bool is_ours;         // of etl
    const char* argument; // r.etl_c1, the first one; nullptr for count(*)
    const char* all_arguments;
    Oid argument_type;
    bool has_fixed_scale; // numeric values of the argument have all the same digits after the point
    const char* filter;   // r.etl_c2; nullptr without FILTER
};

// The operator by which an aggregate orders its values when it is min() or max() or their like: least() and greatest()
// must order them in the same way.
struct extreme_order {
    const char* sooner; // OPERATOR(pg_catalog.<)
    bool is_least;
};

inline constexpr const char* is_new = "r.etl_sign > 0";
inline constexpr const char* is_old = "r.etl_sign < 0";

// The number of a column for the expression, from 1.
int add_column(delta_states& to, Node* expression);

// " FILTER (WHERE …)" of an aggregate's own condition and of one of the images' sign.
const char* filter_text(const aggregate_parts& parts, const char* more = nullptr);

// A condition over images under which a group cannot be merged.
void add_loss(delta_states& to, const char* condition);

// The names of states; what is there already is not added again.

// A state that new rows add to and old rows take from: the call of an aggregate, which is made 0 without values.
const char* add_sum(delta_states& to, const aggregate_parts& parts, const char* type, const char* call, bool is_count);

// The rows of a group are counted anyway.
const char* add_count(delta_states& to, const aggregate_parts& parts);

const char* add_extreme(delta_states& to, const Aggref* aggregate, const aggregate_parts& parts,
                        const extreme_order& order);

const delta_set* add_set(delta_states& to, const aggregate_parts& parts);

// A state that etl.merge merges.
const char* add_merged(delta_states& to, const aggregate_parts& parts, const char* type, const char* call);

} // namespace etl::rollup
