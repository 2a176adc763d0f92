// etl.moments and what reads it.
#include "sketch/moments.hpp"
#include "pg/state_type.hpp"
#include "sketch/moments_reader.hpp"

namespace {

using etl::moments;
using etl::moments_reader;
using etl::pg::arguments;
using etl::pg::state_buffer;

// What every accessor does: asks a reader of the state in the first argument.
template <class Ask>
Datum answer(arguments args, Ask ask)
{
    const std::optional<double> found = ask(moments_reader{etl::pg::read_state(args, 0)});
    return found ? args.result(*found) : args.null_result();
}

} // namespace

ETL_STATE_TYPE(moments, moments::check)

// NULL is no value.
ETL_FUNCTION(etl_moments_add, args)
{
    if (args.is_null(1)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
    state_buffer state = etl::pg::own_state(args);
    moments{state}.add(args.get<double>(1));
    return state.datum();
}

ETL_FUNCTION(etl_moments_combine, args)
{
    const auto other = etl::pg::read_state(args, 1);
    state_buffer state = etl::pg::own_state(args);
    moments{state}.merge(other);
    return state.datum();
}

ETL_FUNCTION(etl_moments_final, args)
{
    state_buffer stored;
    moments::pack(etl::pg::read_state(args, 0), stored);
    return stored.datum();
}

ETL_FUNCTION(etl_moments_row_count, args)
{
    return args.result(static_cast<std::int64_t>(moments_reader{etl::pg::read_state(args, 0)}.count()));
}

ETL_FUNCTION(etl_moments_min, args)
{
    return answer(args, [](const moments_reader& m) { return m.least(); });
}

ETL_FUNCTION(etl_moments_max, args)
{
    return answer(args, [](const moments_reader& m) { return m.greatest(); });
}

ETL_FUNCTION(etl_moments_sum, args)
{
    return answer(args, [](const moments_reader& m) { return m.sum(); });
}

ETL_FUNCTION(etl_moments_mean, args)
{
    return answer(args, [](const moments_reader& m) { return m.mean(); });
}

ETL_FUNCTION(etl_moments_variance, args)
{
    return answer(args, [](const moments_reader& m) { return m.variance(moments_reader::divisor::sample); });
}

ETL_FUNCTION(etl_moments_var_pop, args)
{
    return answer(args, [](const moments_reader& m) { return m.variance(moments_reader::divisor::population); });
}

ETL_FUNCTION(etl_moments_stddev, args)
{
    return answer(args, [](const moments_reader& m) { return m.deviation(moments_reader::divisor::sample); });
}

ETL_FUNCTION(etl_moments_stddev_pop, args)
{
    return answer(args, [](const moments_reader& m) { return m.deviation(moments_reader::divisor::population); });
}

ETL_FUNCTION(etl_moments_skewness, args)
{
    return answer(args, [](const moments_reader& m) { return m.skewness(); });
}

ETL_FUNCTION(etl_moments_kurtosis, args)
{
    return answer(args, [](const moments_reader& m) { return m.kurtosis(); });
}
