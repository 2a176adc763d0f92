#include "pg/moment_pattern.hpp"

#include "core/text.hpp"
#include "pg/function.hpp"

extern "C" {
#include <catalog/pg_collation.h>
#include <catalog/pg_type.h>
#include <datatype/timestamp.h>
#include <utils/date.h>
#include <utils/datetime.h>
#include <utils/formatting.h>
}

#include <array>

namespace etl::pg {
namespace {

struct conversion {
    Oid from;
    Oid to;
    PGFunction function;
};

constexpr std::array conversions{conversion{DATEOID, TIMESTAMPOID, date_timestamp},
                                 conversion{DATEOID, TIMESTAMPTZOID, date_timestamptz},
                                 conversion{TIMESTAMPOID, DATEOID, timestamp_date},
                                 conversion{TIMESTAMPOID, TIMESTAMPTZOID, timestamp_timestamptz},
                                 conversion{TIMESTAMPTZOID, DATEOID, timestamptz_date},
                                 conversion{TIMESTAMPTZOID, TIMESTAMPOID, timestamptz_timestamp}};

// False where there is no way. May raise.
bool convert(Oid from, Oid to, Datum& value)
{
    for (const conversion& each : conversions) {
        if (each.from == from && each.to == to) {
            value = DirectFunctionCall1(each.function, value);
            return true;
        }
    }
    return from == to;
}

text* as_text(std::string_view from)
{
    return cstring_to_text_with_len(from.data(), static_cast<int>(from.size()));
}

// 3 February 2001, 16:05:06.789 in the session's zone, as a pattern writes it. May raise.
text* sample_by(text* pattern)
{
    const Timestamp moment = (366 + 33) * USECS_PER_DAY + 16 * USECS_PER_HOUR + 5 * USECS_PER_MINUTE + 6'789'000;
    const Datum zoned = DirectFunctionCall1(timestamp_timestamptz, TimestampGetDatum(moment));
    return DatumGetTextPP(
        DirectFunctionCall2Coll(timestamptz_to_char, DEFAULT_COLLATION_OID, zoned, PointerGetDatum(pattern)));
}

// May raise.
bool is_in_2001(Oid type, Datum moment)
{
    int year = 0;
    int month = 0;
    int day = 0;
    if (convert(type, DATEOID, moment)) {
        j2date(DatumGetDateADT(moment) + POSTGRES_EPOCH_JDATE, &year, &month, &day);
    }
    return year == 2001;
}

} // namespace

moment_pattern::moment_pattern(std::string_view pattern, Oid type) : pattern_{pattern}, type_{type}
{
    const bool is_good = call([this] {
        Datum value{0};
        const text* sample = sample_by(as_text(pattern_));
        return parse({VARDATA_ANY(sample), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(sample))}, value) &&
               is_in_2001(type_, value);
    });
    if (!is_good) {
        throw error(sqlstate::invalid_parameter_value, in_quotes(pattern_) + " is not a format of days or moments",
                    "What it writes of a moment does not tell the day.",
                    "Write epoch, epoch_ms, epoch_us or epoch_ns, or a pattern as to_char has them, for example "
                    "DD/MM/YYYY HH24:MI:SS.");
    }
}

bool moment_pattern::parse(std::string_view value, Datum& made) const
{
    Oid found = InvalidOid;
    std::int32_t modifier = -1;
    int zone = 0;
    made = parse_datetime(as_text(value), as_text(pattern_), DEFAULT_COLLATION_OID, true, &found, &modifier, &zone,
                          nullptr);
    return convert(found, type_, made);
}

std::optional<value_fault> moment_pattern::read(std::string_view text, soft_batch& batch, Datum& value) const
{
    return batch.attempt([this, text, &value] { parse(text, value); });
}

} // namespace etl::pg
