// etl.quantiles and what reads it.
#include "sketch/quantiles.hpp"
#include "pg/double_array.hpp"
#include "pg/state_type.hpp"
#include "sketch/quantiles_reader.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/array.h>
}

#include <vector>

namespace {

using etl::quantiles;
using etl::quantiles_reader;
using etl::pg::arguments;
using etl::pg::state_buffer;

// NULL is no value.
Datum add(arguments args, int kept)
{
    if (args.is_null(1)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
    state_buffer state = etl::pg::own_state(args);
    quantiles{state, kept}.add(args.get<double>(1));
    return state.datum();
}

// Of the state in the first argument.
quantiles_reader reader_of(arguments args)
{
    return {etl::pg::read_state(args, 0), etl::pg::poll};
}

Datum answer(arguments args, std::optional<double> found)
{
    return found ? args.result(*found) : args.null_result();
}

} // namespace

ETL_STATE_TYPE(quantiles, quantiles::check)

ETL_FUNCTION(etl_quantiles_add, args)
{
    return add(args, quantiles::default_kept);
}

ETL_FUNCTION(etl_quantiles_add_kept, args)
{
    if (args.is_null(2)) {
        throw etl::error(etl::sqlstate::null_value_not_allowed, "kept must not be NULL");
    }
    return add(args, args.get<std::int32_t>(2));
}

ETL_FUNCTION(etl_quantiles_combine, args)
{
    const auto other = etl::pg::read_state(args, 1);
    state_buffer state = etl::pg::own_state(args);
    quantiles::merge(state, other);
    return state.datum();
}

ETL_FUNCTION(etl_quantiles_final, args)
{
    state_buffer stored;
    quantiles::pack(etl::pg::read_state(args, 0), stored);
    return stored.datum();
}

ETL_FUNCTION(etl_quantiles_row_count, args)
{
    return args.result(static_cast<std::int64_t>(reader_of(args).count()));
}

ETL_FUNCTION(etl_quantiles_min, args)
{
    return answer(args, reader_of(args).least());
}

ETL_FUNCTION(etl_quantiles_max, args)
{
    return answer(args, reader_of(args).greatest());
}

ETL_FUNCTION(etl_quantiles_quantile, args)
{
    return answer(args, reader_of(args).at(args.get<double>(1)));
}

// NULL for NULL among the fractions, as percentile_cont has it.
ETL_FUNCTION(etl_quantiles_quantile_array, args)
{
    ArrayType* array = DatumGetArrayTypeP(args.given(1));
    if (ARR_NDIM(array) > 1) {
        throw etl::error(etl::sqlstate::invalid_parameter_value, "fractions must be an array of one dimension");
    }
    Datum* fractions = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(array, FLOAT8OID, sizeof(double), true, TYPALIGN_DOUBLE, &fractions, &nulls, &count);
    const quantiles_reader reader = reader_of(args);
    etl::poller stop{etl::pg::poll};
    std::vector<std::optional<double>> found;
    for (int i = 0; i < count; ++i) {
        found.push_back(nulls[i] ? std::nullopt : reader.at(DatumGetFloat8(fractions[i])));
        stop.tick();
    }
    return etl::pg::make_doubles(found);
}

ETL_FUNCTION(etl_quantiles_cdf, args)
{
    return answer(args, reader_of(args).up_to(args.get<double>(1)));
}

ETL_FUNCTION(etl_quantiles_rank_error, args)
{
    return args.result(reader_of(args).rank_error());
}

ETL_FUNCTION(etl_quantiles_equi_depth_edges, args)
{
    const quantiles_reader reader = reader_of(args);
    return etl::pg::make_doubles(reader.edges(args.get<std::int32_t>(1)));
}
