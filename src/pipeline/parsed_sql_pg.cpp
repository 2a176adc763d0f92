// The SQL of a step as it is given when the step is defined: read, and not executed.
#include "pg/parsed_sql.hpp"
#include "pg/result_set.hpp"

#include <array>

using namespace etl;

ETL_FUNCTION(etl_statements, args)
{
    const auto given = args.get<std::string_view>(0);
    const auto purpose = args.get<std::string_view>(1);
    pg::result_set rows{args};
    const std::string sql{given};
    const std::string line{purpose};
    for (const pg::parsed_statement& statement : pg::parse_statements(sql.c_str(), line.c_str())) {
        const bool is_plain = statement.needs == nullptr;
        std::array values{pg::make_text(statement.command), is_plain ? Datum{0} : pg::make_text(statement.needs)};
        std::array nulls{false, is_plain};
        rows.put(values, nulls);
    }
    return rows.finish();
}

ETL_FUNCTION(etl_require_expression, args)
{
    const auto given = args.get<std::string_view>(0);
    const auto purpose = args.get<std::string_view>(1);
    const auto way_out = args.get<std::string_view>(2);
    const std::string sql{given};
    const std::string line{purpose};
    const std::string hint{way_out};
    pg::require_free_expression(sql.c_str(), line.c_str(), hint.c_str());
    return Datum{0};
}
