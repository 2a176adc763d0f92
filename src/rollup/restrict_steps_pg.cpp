#include "rollup/restrict_steps_pg.hpp"

#include "rollup/faithful_pg.hpp"

extern "C" {
#include <optimizer/optimizer.h>
#include <parser/parsetree.h>
}

namespace etl::rollup {

void add_to(Node*& condition, Node* more)
{
    condition = conjunction(lappend(list_copy(conjuncts(condition)), more));
}

void look_at_from(from_facts& to, Node* node)
{
    if (IsA(node, RangeTblRef)) {
        to.kept = bms_add_member(to.kept, reinterpret_cast<RangeTblRef*>(node)->rtindex);
        return;
    }
    if (IsA(node, FromExpr)) {
        auto* from = reinterpret_cast<FromExpr*>(node);
        to.conditions = list_concat(to.conditions, conjuncts(from->quals));
        ListCell* cell = nullptr;
        foreach (cell, from->fromlist) {
            look_at_from(to, as_node(lfirst(cell)));
        }
        return;
    }
    auto* join = castNode(JoinExpr, node);
    if (join->jointype == JOIN_INNER) {
        to.conditions = list_concat(to.conditions, conjuncts(join->quals));
        look_at_from(to, join->larg);
        look_at_from(to, join->rarg);
    } else if (join->jointype == JOIN_LEFT || join->jointype == JOIN_RIGHT) {
        to.outer_joins = lappend(to.outer_joins, join);
        look_at_from(to, join->jointype == JOIN_LEFT ? join->larg : join->rarg);
    }
}

int only_entry(Node* expression)
{
    int number = 0;
    return !has_subquery(expression) && bms_get_singleton_member(pull_varnos(nullptr, expression), &number) ? number
                                                                                                            : 0;
}

Node* lower(Node* node, void* context)
{
    if (node == nullptr) {
        return nullptr;
    }
    if (!IsA(node, Var)) {
        return expression_tree_mutator(node, mutator(lower), context);
    }
    auto& to = *static_cast<lowering*>(context);
    const auto* column = reinterpret_cast<const Var*>(node);
    if (to.branch != 0) {
        Node* below = column->varattno <= 0 ? nullptr : branch_column(to.query, to.branch, column->varattno);
        to.has_failed |= below == nullptr;
        return below == nullptr ? node : below;
    }
    if (column->varattno <= 0 || !is_faithful(to.query, column->varattno)) {
        to.has_failed = true;
        return node;
    }
    return static_cast<Node*>(copyObjectImpl(get_tle_by_resno(to.query->targetList, column->varattno)->expr));
}

} // namespace etl::rollup
