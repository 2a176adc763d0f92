// How SQL asks what a suite needs, before its rows are scanned.
#include "core/hex.hpp"
#include "pg/result_set.hpp"
#include "pg/spill.hpp"
#include "pg/text_array.hpp"
#include "validate/column_pg.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/memutils.h>
}

#include <array>
#include <string>
#include <vector>

namespace etl::validate {
namespace {

const char* kind_of(const expectation& what)
{
    const std::string_view name = what.type->name;
    if (name == "expect_table_row_count_to_equal_other_table") {
        return "other_table";
    }
    if (name.ends_with("_of_type") || name.ends_with("_in_type_list")) {
        return "type";
    }
    switch (what.type->of) {
    case family::table:
        return counts_some_rows(what) ? "scan" : "table";
    case family::query:
        return "query";
    default:
        break;
    }
    if (is_row_test(what) && !what.is_row_level()) {
        return "ordered";
    }
    return name.find("_be_unique") != std::string_view::npos && !is_row_test(what) ? "unique" : "scan";
}

std::string tested_condition(const expectation& what)
{
    return std::string_view{what.type->name} == "expect_row_condition" ? arguments{what}.text("condition")
                                                                       : std::string{};
}

Datum text_or_null(const std::string& text)
{
    return text.empty() ? Datum{0} : pg::make_text(text);
}

} // namespace
} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

ETL_FUNCTION(etl_validation_rules, args)
{
    const auto document = args.get<std::string_view>(0);
    pg::result_set rows{args};
    std::int32_t number = 0;
    for (const expectation& what : read_suite(document).expectations) {
        const std::string_view kind = kind_of(what);
        const std::string test = tested_condition(what);
        const std::vector<std::string> order{what.columns.end() - static_cast<std::ptrdiff_t>(what.ordered_by),
                                             what.columns.end()};
        std::array values{Int32GetDatum(number),
                          pg::make_text(kind),
                          pg::make_text_array(what.columns),
                          text_or_null(what.condition),
                          text_or_null(test),
                          order.empty() ? Datum{0} : pg::make_text_array(order),
                          kind == "ordered" ? pg::make_text(previous_name(what)) : Datum{0},
                          pg::make_text(what.kwargs.dump())};
        std::array nulls{false, false, false, what.condition.empty(), test.empty(), order.empty(), kind != "ordered",
                         false};
        rows.put(values, nulls);
        ++number;
    }
    return rows.finish();
}

ETL_FUNCTION(etl_open_spill, args)
{
    return args.result(to_hex(pg::make_spill_directory(CurTransactionContext)));
}

ETL_FUNCTION(etl_close_spill, args)
{
    const auto directory = from_hex(args.get<std::string_view>(0));
    if (directory) {
        pg::clear_spill_directory(*directory);
    }
    return Datum{0};
}
