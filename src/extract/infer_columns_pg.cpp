// etl._infer_columns: columns for records of which samples are known.
#include "extract/infer_columns.hpp"
#include "pg/encoding.hpp"
#include "pg/notice.hpp"
#include "pg/result_set.hpp"
#include "pg/text_array.hpp"

#include <array>

using namespace etl;

namespace {

std::string of_server(std::string_view text)
{
    return std::string{pg::from_utf8(text)};
}

void put_column(pg::result_set& rows, const inferred_column& column)
{
    std::vector<std::string> examples;
    for (const std::string& example : column.examples) {
        examples.push_back(example.find('\0') == std::string::npos ? of_server(example) : std::string{});
    }
    std::array<Datum, 5> values{pg::make_text(of_server(column.name)), pg::make_text(column.type),
                                pg::make_text(of_server(column.path)), BoolGetDatum(column.nullable),
                                pg::make_text_array(examples)};
    std::array nulls{false, false, false, false, false};
    rows.put(values, nulls);
}

} // namespace

// etl._infer_columns(records)
ETL_FUNCTION(etl_infer_columns, args)
{
    const Datum array = args.given(0);
    pg::result_set rows{args};
    return pg::with_errors_of_server([&] {
        const std::vector<std::string> records = pg::read_text_array(array);
        std::vector<std::string_view> views;
        for (const std::string& record : records) {
            views.push_back(pg::as_utf8(record));
        }
        const inferred_columns made = infer_columns(views, pg::poll);
        for (const std::string& remark : made.remarks) {
            pg::warn(of_server(remark), {}, "Look at the mapping before you use it.");
        }
        for (const inferred_column& column : made.columns) {
            put_column(rows, column);
        }
        return rows.finish();
    });
}
