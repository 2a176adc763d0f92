// etl._rollup_as_of: the moment that a refresh speaks of. It may stand in the filter of a scan, so a session that sets
// none is answered at once, and a text is read once.
#include "pg/function.hpp"

extern "C" {
#include <access/xact.h>
#include <utils/guc.h>
}

#include <cstring>

namespace etl::rollup {
namespace {

// A setting is shorter: it is the text of a moment.
struct read_moment {
    char text[64];
    TimestampTz moment;
};

TimestampTz moment_of(const char* text)
{
    return DatumGetTimestampTz(
        DirectFunctionCall3(timestamptz_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

} // namespace
} // namespace etl::rollup

using namespace etl;
using namespace etl::rollup;

ETL_FUNCTION(etl_rollup_as_of, args)
{
    const char* text = GetConfigOption("pg_etl.rollup_as_of", true, false);
    if (text == nullptr || *text == '\0') {
        return TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
    }
    auto& last = args.cached<read_moment>([] { return read_moment{}; });
    if (strlen(text) >= sizeof last.text) {
        return TimestampTzGetDatum(moment_of(text));
    }
    if (strcmp(last.text, text) != 0) {
        last.moment = moment_of(text);
        memcpy(last.text, text, strlen(text) + 1);
    }
    return TimestampTzGetDatum(last.moment);
}
