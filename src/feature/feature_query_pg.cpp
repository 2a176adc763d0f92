// The query of a feature view, before it is run: its columns, whether it looks at the moment $1, and what feeds it.
#include "feature/query_lineage_pg.hpp"
#include "pg/query.hpp"
#include "pg/result_set.hpp"
#include "pg/role_lock.hpp"
#include "pg/spi.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <utils/lsyscache.h>
#include <utils/plancache.h>
}

#include <array>
#include <string>

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

bool names_column(const lineage_sources& sources, Oid relation)
{
    for (int i = 0; i < list_length(sources.relations); ++i) {
        if (list_nth_oid(sources.relations, i) == relation && list_nth_int(sources.columns, i) != InvalidAttrNumber) {
            return true;
        }
    }
    return false;
}

// A row for each source; `output` is nullptr for what decides the rows.
void put_sources(pg::result_set& rows, const lineage_sources& sources, const char* output)
{
    for (int i = 0; i < list_length(sources.relations); ++i) {
        const Oid relation = list_nth_oid(sources.relations, i);
        const auto column = static_cast<AttrNumber>(list_nth_int(sources.columns, i));
        const bool whole = column == InvalidAttrNumber;
        if (whole && names_column(sources, relation)) {
            continue;
        }
        const char* name = whole ? nullptr : pg::call([=] { return get_attname(relation, column, false); });
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
            put_sources(rows, pg::call([&] { return value_sources(analysed, target->resno); }), target->resname);
        }
    }
    put_sources(rows, pg::call([&] { return row_sources(analysed); }), nullptr);
    return rows.finish();
}
