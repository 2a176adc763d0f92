// When schedules come, for SQL: etl._schedule_next and etl._schedule_previous; what they say: etl._schedule_words,
// etl._cron_values.
#include "core/schedule.hpp"
#include "core/schedule_words.hpp"
#include "core/zone_pg.hpp"
#include "pg/function.hpp"
#include "pg/number_array.hpp"
#include "pg/text_array.hpp"

#include <array>
#include <vector>

extern "C" {
#include <utils/timestamp.h>
}

namespace {

using etl::clock::cron;
using etl::clock::every;
using etl::clock::moment;
using etl::clock::schedule;
using etl::clock::server_zone;
using etl::pg::arguments;

constexpr std::int64_t epoch_difference =
    std::int64_t{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * etl::clock::seconds_of_day;

// Down to the second.
moment to_moment(TimestampTz time)
{
    return etl::clock::floor_divide(time, USECS_PER_SEC) + epoch_difference;
}

TimestampTz to_timestamp(moment time)
{
    return (time - epoch_difference) * USECS_PER_SEC;
}

// What the functions are given: the fields of cron, or NULL and a span with its anchor; a time zone; a time.
struct order {
    const Interval* span = nullptr;
    std::string_view fields;
    TimestampTz anchor = 0;
    std::string_view zone;
    TimestampTz time = 0;
};

order order_of(arguments args)
{
    order made;
    if (args.is_null(0)) {
        made.span = DatumGetIntervalP(args.given(1));
        made.anchor = args.get<std::int64_t>(2);
    } else {
        made.fields = args.get<std::string_view>(0);
    }
    made.zone = args.get<std::string_view>(3);
    made.time = args.get<std::int64_t>(4);
    return made;
}

schedule schedule_of(const order& from)
{
    if (from.span == nullptr) {
        return schedule{cron::parse(from.fields)};
    }
    const every span{from.span->month, from.span->day, from.span->time / USECS_PER_SEC, to_moment(from.anchor)};
    etl::clock::require_span(span);
    return schedule{span};
}

Datum result_of(arguments args, std::optional<moment> found)
{
    return found ? TimestampTzGetDatum(to_timestamp(*found)) : args.null_result();
}

} // namespace

ETL_FUNCTION(etl_schedule_next, args)
{
    const order given = order_of(args);
    const server_zone zone{given.zone};
    return result_of(args, schedule_of(given).next(to_moment(given.time), zone));
}

ETL_FUNCTION(etl_schedule_previous, args)
{
    const order given = order_of(args);
    const server_zone zone{given.zone};
    // A time within a second lies after that second.
    const auto second = to_moment(given.time);
    const bool is_within = to_timestamp(second) < given.time;
    return result_of(args, schedule_of(given).previous(is_within ? second + 1 : second, zone));
}

ETL_FUNCTION(etl_schedule_words, args)
{
    const auto fields = cron::parse(args.get<std::string_view>(0));
    auto texts = warnings_of(fields);
    texts.insert(texts.begin(), words_of(fields));
    return etl::pg::make_text_array(texts);
}

ETL_FUNCTION(etl_looks_like_cron, args)
{
    return args.result(etl::clock::looks_like_cron(args.get<std::string_view>(0)));
}

ETL_FUNCTION(etl_cron_values, args)
{
    const auto fields = cron::parse(args.get<std::string_view>(0));
    const std::array<const etl::clock::cron_field*, 5> all = {&fields.minutes, &fields.hours, &fields.days,
                                                              &fields.months, &fields.weekdays};
    const auto number = args.get<std::int32_t>(1);
    if (number < 1 || number > 5) {
        return args.null_result();
    }
    std::vector<std::int32_t> values;
    for (std::int32_t value = 0; value < 60; ++value) {
        if (all[static_cast<std::size_t>(number) - 1]->has(static_cast<unsigned>(value))) {
            values.push_back(value);
        }
    }
    return etl::pg::make_numbers(values);
}

ETL_FUNCTION(etl_cron_either_day, args)
{
    return args.result(cron::parse(args.get<std::string_view>(0)).either_day());
}
