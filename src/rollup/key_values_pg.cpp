// The keys as a case sees them: where an equality gives a column as another one, as that of the table nearest to the
// changed one.
#include "rollup/key_case_pg.hpp"

extern "C" {
#include <access/nbtree.h>
#include <catalog/pg_am.h>
#include <commands/defrem.h>
#include <parser/parse_coerce.h>
#include <utils/lsyscache.h>
}

namespace etl::rollup {
namespace {

struct equal_walk {
    const search* in;
    Var* of;
    Oid type;
    Bitmapset* seen; // links
    Var* best;
    bool is_exact; // only columns of the very same type, of which equal ones are the same
};

// Whether equal values are the same in every byte: not for numeric (1.0 and 1.00), nor for texts that a collation
// takes for equal.
bool is_equal_the_same(Oid type, Oid collation)
{
    const Oid opclass = GetDefaultOpClass(getBaseType(type), BTREE_AM_OID);
    if (!OidIsValid(opclass)) {
        return false;
    }
    const Oid input = get_opclass_input_type(opclass);
    const Oid support = get_opfamily_proc(get_opclass_family(opclass), input, input, BTEQUALIMAGE_PROC);
    return OidIsValid(support) && DatumGetBool(OidFunctionCall1Coll(support, collation, ObjectIdGetDatum(input)));
}

bool is_cheaper(const equal_walk& walk, const Var* candidate)
{
    const bool fits = walk.is_exact ? candidate->vartype == walk.type && candidate->varcollid == walk.of->varcollid &&
                                          candidate->vartypmod == walk.of->vartypmod
                                    : can_coerce_type(1, &candidate->vartype, &walk.type, COERCION_IMPLICIT);
    return fits && walk.in->costs[candidate->varno] < walk.in->costs[walk.best->varno];
}

// Follows equalities from a column to the one nearest to the changed table.
void follow_equalities(equal_walk& walk, const Var* from)
{
    int index = -1;
    ListCell* cell = nullptr;
    foreach (cell, walk.in->links) {
        ++index;
        const auto* over = static_cast<const link*>(lfirst(cell));
        equal_columns columns = {};
        if (over->node == nullptr || !over->is_sure || bms_is_member(index, walk.seen) ||
            !is_equality(over->node, columns)) {
            continue;
        }
        Var* other = equal(columns.left, from) ? columns.right : equal(columns.right, from) ? columns.left : nullptr;
        if (other == nullptr) {
            continue;
        }
        walk.seen = bms_add_member(walk.seen, index);
        if (is_cheaper(walk, other)) {
            walk.best = other;
        }
        if (!walk.is_exact || other->vartype == walk.type) {
            follow_equalities(walk, other);
        }
    }
}

Node* nearest_equal(const search& in, Var* column, bool is_exact)
{
    if (is_exact && !is_equal_the_same(column->vartype, column->varcollid)) {
        return as_node(column);
    }
    equal_walk walk = {&in, column, column->vartype, nullptr, column, is_exact};
    follow_equalities(walk, column);
    if (walk.best == column) {
        return as_node(column);
    }
    Node* nearest = static_cast<Node*>(copyObjectImpl(walk.best));
    Node* cast = coerce_to_target_type(nullptr, nearest, walk.best->vartype, column->vartype, -1, COERCION_IMPLICIT,
                                       COERCE_EXPLICIT_CAST, -1);
    return cast == nullptr ? as_node(column) : with_collation(cast, column->varcollid);
}

Node* with_nearest(Node* node, void* context)
{
    if (node == nullptr) {
        return nullptr;
    }
    return IsA(node, Var) ? nearest_equal(*static_cast<search*>(context), reinterpret_cast<Var*>(node), true)
                          : expression_tree_mutator(node, mutator(with_nearest), context);
}

// COALESCE without its NULLs and repetitions, which is what is left of a full join's key.
Node* simplified(Node* node, void* context)
{
    if (node == nullptr) {
        return nullptr;
    }
    if (!IsA(node, CoalesceExpr)) {
        return expression_tree_mutator(node, mutator(simplified), context);
    }
    auto* all = reinterpret_cast<CoalesceExpr*>(expression_tree_mutator(node, mutator(simplified), context));
    List* left = NIL;
    ListCell* cell = nullptr;
    foreach (cell, all->args) {
        Node* argument = as_node(lfirst(cell));
        if (!IsA(argument, Const) || !reinterpret_cast<Const*>(argument)->constisnull) {
            left = list_append_unique(left, argument);
        }
    }
    if (list_length(left) < 2) {
        return as_node(left == NIL ? linitial(all->args) : linitial(left));
    }
    all->args = left;
    return as_node(all);
}

} // namespace

bool read_keys(search& to, List*& keys)
{
    keys = NIL;
    ListCell* cell = nullptr;
    foreach (cell, to.in->of->keys) {
        const auto* key = static_cast<const rollup_key*>(lfirst(cell));
        Node* value = flat_value(*to.in, {key->expression, to.in->top, nullptr, nullptr, 0}, to.touched);
        if (value == nullptr) {
            to.unknown_why = "A key comes from a subquery whose rows its changes do not tell.";
            return false;
        }
        value = IsA(value, Var) ? nearest_equal(to, reinterpret_cast<Var*>(value), false) : with_nearest(value, &to);
        value = simplified(value, nullptr);
        keys = lappend(keys, value);
    }
    return true;
}

} // namespace etl::rollup
