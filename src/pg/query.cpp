#include "pg/query.hpp"

#include "pg/boundary.hpp"
#include "pg/role_lock.hpp"

extern "C" {
#include <executor/spi.h>
#include <nodes/parsenodes.h>
#include <nodes/plannodes.h>
#include <tcop/cmdtag.h>
#include <utils/plancache.h>
}

namespace etl::pg {
namespace {

struct query_kind {
    int statements;
    bool reads;
    bool writes_in_with;
    const char* command;
};

// Of the last statement, if there are several.
query_kind kind_of(List* sources)
{
    query_kind kind = {list_length(sources), false, false, ""};
    ListCell* cell = nullptr;
    foreach (cell, sources) {
        const auto* source = static_cast<const CachedPlanSource*>(lfirst(cell));
        kind.command = GetCommandTagName(source->commandTag);
        kind.reads = list_length(source->query_list) == 1;
        if (kind.reads) {
            const auto* query = linitial_node(Query, source->query_list);
            kind.reads = query->commandType == CMD_SELECT;
            kind.writes_in_with = query->hasModifyingCTE;
        }
    }
    return kind;
}

std::string describe(const query_kind& kind)
{
    if (kind.statements != 1) {
        return "It has " + std::to_string(kind.statements) + " statements.";
    }
    if (kind.writes_in_with) {
        return "It changes data in its WITH clause.";
    }
    const std::string command = kind.command;
    return "It is " + (command == "SELECT" ? "SELECT INTO" : command) + ".";
}

// May raise; the types are only read.
SPIPlanPtr prepare(const char* query, std::span<const Oid> types)
{
    SPIPlanPtr plan = nullptr;
    with_locked_role(
        [&] { plan = SPI_prepare(query, static_cast<int>(types.size()), const_cast<Oid*>(types.data())); });
    return plan;
}

} // namespace

void require_select(const std::string& query, const char* what, const char* hint, std::span<const Oid> types)
{
    const auto kind = call([text = query.c_str(), types] {
        SPIPlanPtr plan = prepare(text, types);
        const query_kind found = kind_of(SPI_plan_get_plan_sources(plan));
        SPI_freeplan(plan);
        return found;
    });
    if (kind.statements != 1 || !kind.reads || kind.writes_in_with) {
        throw error(sqlstate::invalid_parameter_value, std::string{what} + " must be one SELECT that changes no data",
                    describe(kind), hint);
    }
}

std::vector<query_column> describe_query(const std::string& query, const char* what, const char* hint,
                                         std::span<const Oid> types)
{
    require_select(query, what, hint, types);
    TupleDesc row = call([text = query.c_str(), types] {
        SPIPlanPtr plan = prepare(text, types);
        const auto* source = static_cast<CachedPlanSource*>(linitial(SPI_plan_get_plan_sources(plan)));
        const TupleDesc copied = CreateTupleDescCopy(source->resultDesc);
        SPI_freeplan(plan);
        return copied;
    });
    std::vector<query_column> made;
    for (int i = 0; i < row->natts; ++i) {
        const Form_pg_attribute column = TupleDescAttr(row, i);
        made.push_back({NameStr(column->attname), column->atttypid, column->atttypmod, column->attcollation});
    }
    return made;
}

double planned_cost(const std::string& query, std::span<const Oid> types)
{
    return call([text = query.c_str(), types] {
        SPIPlanPtr plan = prepare(text, types);
        CachedPlan* planned = nullptr;
        with_locked_role([&] { planned = SPI_plan_get_cached_plan(plan); });
        const double cost = linitial_node(PlannedStmt, planned->stmt_list)->planTree->total_cost;
        ReleaseCachedPlan(planned, nullptr); // a plan that is not saved has no owner
        SPI_freeplan(plan);
        return cost;
    });
}

} // namespace etl::pg
