// etl._query_columns: what a query returns, without running it.
#include "pg/query.hpp"
#include "pg/result_set.hpp"
#include "pg/spi.hpp"

#include <array>
#include <string>

using namespace etl;

ETL_FUNCTION(etl_query_columns, args)
{
    const auto query = args.get<std::string_view>(0);
    pg::result_set rows{args};
    const pg::spi_session session;
    for (const pg::query_column& column : pg::describe_query(std::string{query}, "query")) {
        std::array values{pg::make_text(column.name), ObjectIdGetDatum(column.type),
                          ObjectIdGetDatum(column.collation)};
        std::array nulls{false, false, false};
        rows.put(values, nulls);
    }
    return rows.finish();
}
