#include "rollup/faithful_pg.hpp"

extern "C" {
#include <optimizer/optimizer.h>
#include <parser/parsetree.h>
}

namespace etl::rollup {
namespace {

bool is_in_clause(const TargetEntry* target, const List* clause)
{
    return target->ressortgroupref != 0 &&
           get_sortgroupref_clause_noerr(target->ressortgroupref, const_cast<List*>(clause)) != nullptr;
}

bool is_in_every_partition(const Query* query, const TargetEntry* target)
{
    ListCell* cell = nullptr;
    foreach (cell, query->windowClause) {
        if (!is_in_clause(target, lfirst_node(WindowClause, cell)->partitionClause)) {
            return false;
        }
    }
    return true;
}

} // namespace

bool is_row_wise(const Query* query, AttrNumber column)
{
    const TargetEntry* target = get_tle_by_resno(query->targetList, column);
    return target != nullptr && !target->resjunk && query->groupingSets == NIL &&
           !has_subquery(as_node(target->expr)) && !is_single_row(query);
}

bool is_faithful(const Query* query, AttrNumber column)
{
    if (!is_row_wise(query, column) || query->limitCount != nullptr || query->limitOffset != nullptr) {
        return false;
    }
    const TargetEntry* target = get_tle_by_resno(query->targetList, column);
    return (query->distinctClause == NIL || is_in_clause(target, query->distinctClause)) &&
           (query->windowClause == NIL || is_in_every_partition(query, target));
}

bool is_single_row(const Query* query)
{
    return (query->hasAggs || query->havingQual != nullptr) && query->groupClause == NIL && query->groupingSets == NIL;
}

} // namespace etl::rollup
