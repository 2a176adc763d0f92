// etl._repeatable_rows: whether a query gives the same rows each time that it is evaluated on one snapshot, and how
// many the planner expects.
#include "pg/function.hpp"
#include "pg/role_lock.hpp"
#include "pg/spi.hpp"

extern "C" {
#include <catalog/pg_class.h>
#include <catalog/pg_inherits.h>
#include <executor/spi.h>
#include <nodes/nodeFuncs.h>
#include <nodes/parsenodes.h>
#include <optimizer/optimizer.h>
#include <utils/lsyscache.h>
#include <utils/plancache.h>
}

#include <algorithm>
#include <cstdint>
#include <string>

namespace etl::dedupe {
namespace {

// PostgreSQL 15 declares walkers without their arguments.
#if PG_VERSION_NUM >= 160000
using any_walker = tree_walker_callback;
#else
using any_walker = bool (*)();
#endif

any_walker walker(bool (*of)(Node*, void*))
{
    return reinterpret_cast<any_walker>(reinterpret_cast<void (*)()>(of));
}

// Whether it is a foreign table, or has one among its partitions and children.
bool is_foreign(const RangeTblEntry* source)
{
    if (source->rtekind != RTE_RELATION) {
        return false;
    }
    ListCell* member = nullptr;
    foreach (member, find_all_inheritors(source->relid, NoLock, nullptr)) {
        if (get_rel_relkind(lfirst_oid(member)) == RELKIND_FOREIGN_TABLE) {
            return true;
        }
    }
    return false;
}

// What depends on the order in which rows come, which no snapshot fixes: a limit, a window, sums of floating-point
// numbers; and what is drawn by lot, or lies on another server.
bool is_unsteady(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, TableSampleClause)) {
        return true;
    }
    if (IsA(node, RangeTblEntry)) {
        return is_foreign(reinterpret_cast<const RangeTblEntry*>(node));
    }
    if (IsA(node, Query)) {
        auto* query = reinterpret_cast<Query*>(node);
        return query->limitCount != nullptr || query->limitOffset != nullptr || query->hasAggs ||
               query->hasWindowFuncs || query->hasTargetSRFs || query->hasDistinctOn || query->rowMarks != NIL ||
               query_tree_walker(query, walker(is_unsteady), context, QTW_EXAMINE_RTES_BEFORE);
    }
    return expression_tree_walker(node, walker(is_unsteady), context);
}

bool is_steady(SPIPlanPtr plan)
{
    bool all = true;
    ListCell* source = nullptr;
    foreach (source, SPI_plan_get_plan_sources(plan)) {
        ListCell* query = nullptr;
        foreach (query, static_cast<const CachedPlanSource*>(lfirst(source))->query_list) {
            auto* node = static_cast<Node*>(lfirst(query));
            all = all && !is_unsteady(node, nullptr) && !contain_volatile_functions(node);
        }
    }
    return all;
}

double planned_rows(SPIPlanPtr plan)
{
    CachedPlan* planned = nullptr;
    pg::with_locked_role([&] { planned = SPI_plan_get_cached_plan(plan); });
    const double rows = linitial_node(PlannedStmt, planned->stmt_list)->planTree->plan_rows;
    ReleaseCachedPlan(planned, nullptr); // a plan that is not saved has no owner
    return rows;
}

constexpr std::int64_t not_repeatable = -1;

std::int64_t repeatable_rows(const char* text)
{
    SPIPlanPtr plan = SPI_prepare(text, 0, nullptr);
    const bool is_one = list_length(SPI_plan_get_plan_sources(plan)) == 1;
    const std::int64_t rows =
        is_one && is_steady(plan) ? static_cast<std::int64_t>(std::min(planned_rows(plan), 1e15)) : not_repeatable;
    SPI_freeplan(plan);
    return rows;
}

} // namespace
} // namespace etl::dedupe

using namespace etl;

ETL_FUNCTION(etl_repeatable_rows, args)
{
    const std::string query{args.get<std::string_view>(0)};
    const pg::spi_session session;
    const std::int64_t rows = pg::call([text = query.c_str()] { return dedupe::repeatable_rows(text); });
    return rows == dedupe::not_repeatable ? args.null_result() : args.result(rows);
}
