#include "validate/datum_pg.hpp"

extern "C" {
#include <fmgr.h>
#include <lib/stringinfo.h>
#include <libpq/pqformat.h>
#include <utils/fmgrprotos.h>
#include <utils/numeric.h>
#include <utils/timestamp.h>
}

#include <algorithm>

namespace etl::validate {
namespace {

constexpr int most_decimals = 16383; // of a numeric: three of its last digit to the base of 10000

} // namespace

bool may_name_zone(std::string_view text)
{
    const auto day = text.find_first_of("0123456789");
    const auto clock = text.find_first_of(" Tt", std::min(day, text.size()));
    return clock != std::string_view::npos &&
           text.find_first_of("+-/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", clock + 1) !=
               std::string_view::npos;
}

Datum read_zoned_timestamp(char* text)
{
    const Datum moment =
        DirectFunctionCall3(timestamptz_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
    return DirectFunctionCall1(timestamptz_timestamp, moment);
}

// numeric_recv's form: number of digits, weight, sign and display scale, then the digits.
Datum make_numeric(const decimal& value)
{
    StringInfoData form;
    initStringInfo(&form);
    const auto sign = value.is == decimal::sign::positive       ? 0x0000
                      : value.is == decimal::sign::negative     ? 0x4000
                      : value.is == decimal::sign::not_a_number ? 0xC000
                      : value.is == decimal::sign::infinity     ? 0xD000
                                                                : 0xF000;
    const int scale = std::clamp(4 * (value.count() - value.weight - 1), 0, most_decimals);
    pq_sendint16(&form, static_cast<std::uint16_t>(value.count()));
    pq_sendint16(&form, static_cast<std::uint16_t>(value.weight));
    pq_sendint16(&form, static_cast<std::uint16_t>(sign));
    pq_sendint16(&form, static_cast<std::uint16_t>(scale));
    for (int i = 0; i < value.count(); ++i) {
        pq_sendint16(&form, static_cast<std::uint16_t>(value.digit(i)));
    }
    return DirectFunctionCall1(
        numeric_trim_scale,
        DirectFunctionCall3(numeric_recv, PointerGetDatum(&form), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

} // namespace etl::validate
