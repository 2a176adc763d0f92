// etl.days_between, etl.event_popularity, and the aggregates over moments: etl.velocity, etl.avg_duration,
// etl.time_to_first_resale.
#include "feature/durations.hpp"
#include "pg/interval.hpp"
#include "pg/number_array.hpp"

extern "C" {
#include <utils/fmgrprotos.h>
}

#include <string>

namespace {

using etl::pg::arguments;

// as_of - span as PostgreSQL subtracts: months and days by the calendar of the session's time zone.
etl::moment window_start(arguments args, etl::moment as_of, int span_at)
{
    const Interval* span = DatumGetIntervalP(args.datum(span_at));
    etl::moment start = 0;
    if (span->month == 0 && span->day == 0 && !__builtin_sub_overflow(as_of, span->time, &start)) {
        return start;
    }
    return DatumGetTimestampTz(
        DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(as_of), args.datum(span_at)));
}

[[noreturn]] void refuse_span(Datum span)
{
    const char* text = DatumGetCString(DirectFunctionCall1(interval_out, span));
    throw etl::error(etl::sqlstate::invalid_parameter_value, std::string{"span must be longer than zero, not "} + text);
}

// etl.avg_duration's state: rows, then the sum in two halves.
constexpr std::size_t sum_length = 3;

etl::duration_sum load_sum(std::span<const std::int64_t> numbers)
{
    const auto low = static_cast<std::uint64_t>(numbers[1]);
    return {numbers[0], static_cast<etl::int128>(numbers[2]) << 64 | low};
}

void store_sum(std::span<std::int64_t> numbers, const etl::duration_sum& sum)
{
    numbers[0] = sum.rows;
    numbers[1] = static_cast<std::int64_t>(sum.total);
    numbers[2] = static_cast<std::int64_t>(sum.total >> 64);
}

// etl.time_to_first_resale's state: first mint, first resale.
constexpr std::size_t ticket_length = 2;

etl::first_resale load_ticket(std::span<const std::int64_t> numbers)
{
    return {numbers[0], numbers[1]};
}

void store_ticket(std::span<std::int64_t> numbers, const etl::first_resale& ticket)
{
    numbers[0] = ticket.minted;
    numbers[1] = ticket.resold;
}

} // namespace

ETL_FUNCTION(etl_days_between, args)
{
    return args.result(etl::days_between(args.get<std::int64_t>(0), args.get<std::int64_t>(1)));
}

ETL_FUNCTION(etl_event_popularity, args)
{
    const auto score = etl::event_popularity(args.get<std::int64_t>(0), args.get<std::int64_t>(1),
                                             args.get<std::int64_t>(2), args.get<std::int64_t>(3));
    return score ? args.result(*score) : args.null_result();
}

// (count, ts, span, as_of). An infinite as_of ends no window: nothing is counted.
ETL_FUNCTION(etl_velocity_add, args)
{
    const auto counted = args.get<std::int64_t>(0);
    const auto when = args.get<std::int64_t>(1);
    const auto as_of = args.get<std::int64_t>(3);
    if (!etl::is_finite(as_of)) {
        return args.result(counted);
    }
    const etl::moment start = window_start(args, as_of, 2);
    if (start >= as_of) {
        refuse_span(args.datum(2));
    }
    return args.result(counted + (when > start && when <= as_of));
}

ETL_FUNCTION(etl_avg_duration_add, args)
{
    const auto state = etl::pg::own_numbers(args, sum_length);
    auto sum = load_sum(state);
    sum.add(args.get<std::int64_t>(1), args.get<std::int64_t>(2));
    store_sum(state, sum);
    return etl::pg::numbers_datum(state);
}

ETL_FUNCTION(etl_avg_duration_combine, args)
{
    const auto other = etl::pg::read_numbers(args, 1, sum_length);
    const auto state = etl::pg::own_numbers(args, sum_length);
    auto sum = load_sum(state);
    sum.merge(load_sum(other));
    store_sum(state, sum);
    return etl::pg::numbers_datum(state);
}

ETL_FUNCTION(etl_avg_duration_final, args)
{
    const auto mean = load_sum(etl::pg::read_numbers(args, 0, sum_length)).mean();
    return mean ? etl::pg::make_interval(*mean) : args.null_result();
}

ETL_FUNCTION(etl_first_resale_add, args)
{
    const auto state = etl::pg::own_numbers(args, ticket_length);
    auto ticket = load_ticket(state);
    ticket.add(args.get<std::int64_t>(1), args.get<bool>(2));
    store_ticket(state, ticket);
    return etl::pg::numbers_datum(state);
}

ETL_FUNCTION(etl_first_resale_combine, args)
{
    const auto other = etl::pg::read_numbers(args, 1, ticket_length);
    const auto state = etl::pg::own_numbers(args, ticket_length);
    auto ticket = load_ticket(state);
    ticket.merge(load_ticket(other));
    store_ticket(state, ticket);
    return etl::pg::numbers_datum(state);
}

ETL_FUNCTION(etl_first_resale_final, args)
{
    const auto minutes = load_ticket(etl::pg::read_numbers(args, 0, ticket_length)).minutes();
    return minutes ? args.result(*minutes) : args.null_result();
}
