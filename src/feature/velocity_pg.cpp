// etl.velocity(ts, span): an aggregate for moving frames.
#include "feature/recent_rows.hpp"
#include "feature/spans_pg.hpp"
#include "pg/calling_expression.hpp"

namespace etl::feature {
namespace {

struct counting {
    explicit counting(MemoryContext context) : memory{context}, rows{&memory} {}

    pg::context_resource memory;
    recent_rows rows;
};

counting* state(pg::arguments args)
{
    return args.is_null(0) ? nullptr : reinterpret_cast<counting*>(DatumGetPointer(args.datum(0)));
}

std::int64_t read_time(pg::arguments args)
{
    return std::max(args.get<std::int64_t>(1), past_infinity);
}

} // namespace
} // namespace etl::feature

using namespace etl;
using namespace etl::feature;

// (state, ts, span). There is a state from the first row on, whatever the row holds: a moving frame needs one.
ETL_FUNCTION(etl_velocity_push, args)
{
    MemoryContext context = pg::require_aggregate(args, "a part of etl.velocity");
    counting* to = args.is_null(0) ? pg::construct_in<counting>(context, context) : state(args);
    if (args.is_null(1) || args.is_null(2)) {
        return PointerGetDatum(to);
    }
    const std::int64_t span = read_span(*DatumGetIntervalP(args.datum(2)), "window");
    if (to->rows.span() == 0) {
        to->rows.set_span(span);
    } else if (to->rows.span() != span) {
        throw error(sqlstate::invalid_parameter_value, "the window of etl.velocity is another for each row", {},
                    "Give one span for all rows, or join the rows with themselves.");
    }
    to->rows.add(read_time(args));
    return PointerGetDatum(to);
}

// (state, ts, span), NULL where the frame has to be read anew.
ETL_FUNCTION(etl_velocity_take, args)
{
    pg::require_aggregate(args, "a part of etl.velocity");
    if (args.is_null(0) || args.is_null(1) || args.is_null(2)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
    return state(args)->rows.take(read_time(args)) ? args.datum(0) : args.null_result();
}

// (state)
ETL_FUNCTION(etl_velocity_count, args)
{
    pg::require_aggregate(args, "a part of etl.velocity");
    const counting* of = state(args);
    return args.result(of == nullptr ? std::int64_t{0} : of->rows.count());
}
