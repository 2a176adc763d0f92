// etl.histogram and what reads it.
#include "sketch/histogram.hpp"
#include "pg/double_array.hpp"
#include "pg/number_array.hpp"
#include "pg/result_set.hpp"
#include "pg/state_type.hpp"

extern "C" {
#include <access/htup_details.h>
#include <funcapi.h>
}

#include <vector>

namespace {

using etl::histogram;
using etl::pg::state_buffer;

} // namespace

ETL_STATE_TYPE(histogram, histogram::check)

ETL_FUNCTION(etl_histogram_add, args)
{
    const auto edges = etl::pg::read_doubles(args, 2, "edges");
    state_buffer state = etl::pg::own_state(args);
    histogram counts{state, edges};
    if (args.is_null(1)) {
        counts.add_null();
    } else {
        counts.add(args.get<double>(1));
    }
    return state.datum();
}

ETL_FUNCTION(etl_histogram_combine, args)
{
    const auto other = etl::pg::read_state(args, 1);
    state_buffer state = etl::pg::own_state(args);
    histogram::merge(state, other);
    return state.datum();
}

ETL_FUNCTION(etl_histogram_row_count, args)
{
    return args.result(static_cast<std::int64_t>(histogram::read(etl::pg::read_state(args, 0)).count()));
}

ETL_FUNCTION(etl_histogram_edges, args)
{
    return etl::pg::make_doubles(histogram::read(etl::pg::read_state(args, 0)).edges);
}

ETL_FUNCTION(etl_histogram_counts, args)
{
    const auto counts = histogram::read(etl::pg::read_state(args, 0)).rows;
    return etl::pg::make_numbers(std::span{reinterpret_cast<const std::int64_t*>(counts.data()), counts.size()});
}

// (bin, lower, upper, rows) for each bin.
ETL_FUNCTION(etl_histogram_bins, args)
{
    const auto bytes = etl::pg::read_state(args, 0);
    etl::pg::result_set result{args};
    const histogram::contents counts = histogram::read(bytes);
    etl::poller stop{etl::pg::poll};
    for (std::size_t i = 0; i < counts.rows.size(); ++i) {
        Datum values[] = {Int32GetDatum(static_cast<std::int32_t>(i + 1)), Float8GetDatum(counts.edges[i]),
                          Float8GetDatum(counts.edges[i + 1]),
                          Int64GetDatum(static_cast<std::int64_t>(counts.rows[i]))};
        bool nulls[] = {false, false, false, false};
        result.put(values, nulls);
        stop.tick();
    }
    return result.finish();
}

// (below, above, nans, nulls)
ETL_FUNCTION(etl_histogram_outside, args)
{
    TupleDesc described = nullptr;
    if (get_call_result_type(args.raw(), nullptr, &described) != TYPEFUNC_COMPOSITE) {
        throw etl::error(etl::sqlstate::feature_not_supported, "etl.outside was called where no row fits");
    }
    Datum values[4];
    {
        const histogram::contents counts = histogram::read(etl::pg::read_state(args, 0));
        std::size_t i = 0;
        for (const std::uint64_t rows : {counts.below, counts.above, counts.nans, counts.nulls}) {
            values[i++] = Int64GetDatum(static_cast<std::int64_t>(rows));
        }
    }
    bool nulls[] = {false, false, false, false};
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(described), values, nulls));
}
