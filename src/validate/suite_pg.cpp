// Suite documents as SQL sees them: read, named, and listed.
#include "pg/result_set.hpp"
#include "pg/text_array.hpp"
#include "validate/column_pg.hpp"

#include <array>
#include <string>
#include <vector>

using namespace etl;
using namespace etl::validate;

// Parses the document, throws where it is no suite, and returns it in the 1.x shape under the given name.
ETL_FUNCTION(etl_normalize_suite, args)
{
    const auto document = args.get<std::string_view>(0);
    const auto name = args.is_null(1) ? std::string_view{} : args.get<std::string_view>(1);
    const suite rules = read_suite(document);
    const std::string chosen = name.empty() ? rules.name : std::string{name};
    if (chosen.empty()) {
        throw error(sqlstate::invalid_parameter_value, "the suite has no name", {},
                    "Give it one: etl.load_suite(document, name => 'transactions').");
    }
    return args.result(rename_suite(document, chosen));
}

ETL_FUNCTION(etl_suite_name, args)
{
    const auto document = args.get<std::string_view>(0);
    return args.result(read_suite(document).name);
}

ETL_FUNCTION(etl_suite_expectations, args)
{
    const auto document = args.get<std::string_view>(0);
    pg::result_set rows{args};
    for (const expectation& e : read_suite(document).expectations) {
        const std::vector<std::string> columns =
            e.column_b.empty() ? std::vector{e.column} : std::vector{e.column, e.column_b};
        std::array values{pg::make_text(e.type), pg::make_text_array(columns), pg::make_text(e.kwargs),
                          pg::make_text(e.label()), BoolGetDatum(e.is_row_level())};
        std::array nulls{false, false, false, false, false};
        rows.put(values, nulls);
    }
    return rows.finish();
}
