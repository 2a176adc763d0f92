// etl.price_deviation: PostgreSQL's own numeric arithmetic, which knows no rounding that SQL does not.
#include "pg/function.hpp"

extern "C" {
#include <utils/fmgrprotos.h>
}

namespace {

bool is_zero(Datum number)
{
    const Datum zero = DirectFunctionCall1(int4_numeric, Int32GetDatum(0));
    return DatumGetBool(DirectFunctionCall2(numeric_eq, number, zero));
}

} // namespace

ETL_FUNCTION(etl_price_deviation, args)
{
    const Datum listing = args.datum(0);
    const Datum floor = args.datum(1);
    if (is_zero(floor)) {
        return args.null_result();
    }
    const Datum above = DirectFunctionCall2(numeric_sub, listing, floor);
    return DirectFunctionCall2(numeric_div, above, floor);
}
