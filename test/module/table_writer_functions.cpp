// A function for the tests of src/pg/table_writer.hpp.
#include "pg/function.hpp"
#include "pg/table_writer.hpp"

#include <array>

// (table regclass, rows int): its columns are an integer and a text, which is NULL in every third row.
ETL_FUNCTION(write_rows, args)
{
    etl::pg::table_writer to{DatumGetObjectId(args.given(0))};
    const auto rows = args.get<std::int32_t>(1);
    for (std::int32_t i = 1; i <= rows; ++i) {
        const std::string text(static_cast<std::size_t>(i), 'x');
        const std::array values{Int32GetDatum(i), etl::pg::make_text(text)};
        const std::array nulls{false, i % 3 == 0};
        to.put(values, nulls);
    }
    return args.result(to.finish());
}
