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

// The one SELECT that a text is. None where it is another command, where rules make nothing or several of it, or where
// its WITH clause changes data.
Query* only_select(SPIPlanPtr plan)
{
    List* sources = SPI_plan_get_plan_sources(plan);
    if (list_length(sources) != 1) {
        return nullptr;
    }
    List* queries = static_cast<const CachedPlanSource*>(linitial(sources))->query_list;
    if (list_length(queries) != 1) {
        return nullptr;
    }
    auto* query = linitial_node(Query, queries);
    const bool reads = query->commandType == CMD_SELECT && query->utilityStmt == nullptr && !query->hasModifyingCTE;
    return reads ? query : nullptr;
}

bool is_steady(SPIPlanPtr plan)
{
    auto* query = reinterpret_cast<Node*>(only_select(plan));
    return query != nullptr && !is_unsteady(query, nullptr) && !contain_volatile_functions(query);
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
    SPIPlanPtr plan = nullptr;
    pg::with_locked_role([&] { plan = SPI_prepare(text, 0, nullptr); });
    const std::int64_t rows =
        is_steady(plan) ? static_cast<std::int64_t>(std::min(planned_rows(plan), 1e15)) : not_repeatable;
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
