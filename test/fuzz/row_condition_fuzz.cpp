// Any text as a row condition in any of its languages, and as an expression over parameters: refused, or SQL that
// stays within the parentheses around it.
#include "validate/row_condition.hpp"
#include "core/error.hpp"
#include "validate/parameter_expression.hpp"
#include "validate/sql_text.hpp"

#include <cstdlib>

namespace {

using etl::json;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

void as_condition(std::string_view text, const char* parser)
{
    std::string sql;
    try {
        sql = etl::validate::row_condition_sql(std::string{text}, parser);
    } catch (const etl::error&) {
        return;
    }
    // What is sound alone is sound in parentheses, and between its neighbours.
    (void)etl::validate::check_sql_condition(sql, "the result");
    (void)etl::validate::check_sql_condition("(" + sql + ") AND ('x' = (" + sql + "))", "the result twice");
    demand(!sql.empty());
}

void as_expression(std::string_view text)
{
    const etl::validate::parameter_scope scope{json{{"x", 3}, {"y", 2.5}, {"d", "2024-01-31"}, {"l", json::array()}},
                                               json::object(), 1700000000000000};
    try {
        const json value = etl::validate::evaluate_parameter(text, scope);
        demand(!value.is_object());
    } catch (const etl::error&) {
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    for (const char* parser : {"", "great_expectations", "pandas", "spark", "sql"}) {
        as_condition(text, parser);
    }
    as_expression(text);
    return 0;
}
