// The query of a feature view, before it is run: its columns, whether it looks at the moment $1, and what feeds it.
#include "core/query_lineage_pg.hpp"
#include "pg/query.hpp"
#include "pg/result_set.hpp"
#include "pg/role_lock.hpp"
#include "pg/spi.hpp"
#include "pg/tree_walker.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <utils/lsyscache.h>
#include <utils/plancache.h>
}

#include <array>
#include <set>
#include <string>
#include <utility>

namespace etl::feature {
namespace {

constexpr Oid moment[] = {TIMESTAMPTZOID};
constexpr char what[] = "the query of a feature view";
constexpr char hint[] = "Give one SELECT, without a semicolon; $1 in it is the moment as of which the features hold.";

// The analysed query, which lives as long as the SPI session. May raise.
const Query* analyse(const char* query)
{
    const Query* made = nullptr;
    pg::with_locked_role([&] {
        SPIPlanPtr plan = SPI_prepare(query, 1, const_cast<Oid*>(moment));
        const auto* source = static_cast<const CachedPlanSource*>(linitial(SPI_plan_get_plan_sources(plan)));
        made = linitial_node(Query, source->query_list);
    });
    return made;
}

bool find_parameter(Node* node, void* context)
{
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, Param)) {
        const auto* parameter = reinterpret_cast<const Param*>(node);
        return parameter->paramkind == PARAM_EXTERN && parameter->paramid == *static_cast<const int*>(context);
    }
    if (IsA(node, Query)) {
        return query_tree_walker(reinterpret_cast<Query*>(node), pg::walker(find_parameter), context, 0);
    }
    return expression_tree_walker(node, pg::walker(find_parameter), context);
}

// Whether a parameter occurs anywhere. May raise.
bool uses_parameter(const Query* query, int number)
{
    return find_parameter(pg::as_node(query), &number);
}

// The columns by their relations, whatever becomes of them; column 0 where none of the relation's columns is named.
std::set<std::pair<Oid, int>> places_of(const List* sources)
{
    std::set<std::pair<Oid, int>> places;
    std::set<Oid> named;
    for (int i = 0; i < list_length(sources); ++i) {
        const auto* each = static_cast<const lineage::source*>(list_nth(sources, i));
        places.emplace(each->relation, each->column);
        if (each->column != InvalidAttrNumber) {
            named.insert(each->relation);
        }
    }
    for (const Oid relation : named) {
        places.erase({relation, InvalidAttrNumber});
    }
    return places;
}

// A row for each source; `output` is nullptr for what decides the rows.
void put_sources(pg::result_set& rows, const List* sources, const char* output)
{
    for (const auto& [relation, number] : places_of(sources)) {
        const auto column = static_cast<AttrNumber>(number);
        const bool whole = column == InvalidAttrNumber;
        const char* name =
            whole ? nullptr : pg::call([from = relation, column] { return get_attname(from, column, false); });
        std::array values{output == nullptr ? Datum{0} : pg::make_text(output), ObjectIdGetDatum(relation),
                          whole ? Datum{0} : pg::make_text(name)};
        std::array nulls{output == nullptr, false, whole};
        rows.put(values, nulls);
    }
}

} // namespace
} // namespace etl::feature

using namespace etl;
using namespace etl::feature;

ETL_FUNCTION(etl_feature_query_columns, args)
{
    const auto query = args.get<std::string_view>(0);
    pg::result_set rows{args};
    const pg::spi_session session;
    for (const pg::query_column& column : pg::describe_query(std::string{query}, what, hint, moment)) {
        std::array values{pg::make_text(column.name), ObjectIdGetDatum(column.type), Int32GetDatum(column.modifier),
                          ObjectIdGetDatum(column.collation)};
        std::array nulls{false, false, false, false};
        rows.put(values, nulls);
    }
    return rows.finish();
}

ETL_FUNCTION(etl_uses_moment, args)
{
    const std::string query{args.get<std::string_view>(0)};
    const pg::spi_session session;
    pg::require_select(query, what, hint, moment);
    return args.result(pg::call([text = query.c_str()] { return uses_parameter(analyse(text), 1); }));
}

ETL_FUNCTION(etl_query_lineage, args)
{
    const std::string query{args.get<std::string_view>(0)};
    pg::result_set rows{args};
    const pg::spi_session session;
    pg::require_select(query, what, hint, moment);
    const Query* analysed = pg::call([text = query.c_str()] { return analyse(text); });
    for (int i = 0; i < list_length(analysed->targetList); ++i) {
        const auto* target = static_cast<const TargetEntry*>(list_nth(analysed->targetList, i));
        if (!target->resjunk) {
            put_sources(rows, pg::call([&] { return lineage::value_sources(analysed, target->resno); }),
                        target->resname);
        }
    }
    put_sources(rows, pg::call([&] { return lineage::row_sources(analysed); }), nullptr);
    return rows.finish();
}
