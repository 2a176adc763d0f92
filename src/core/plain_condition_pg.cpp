// etl._plain_condition: a condition that one role writes and another one evaluates.
#include "pg/plain_condition.hpp"

#include "pg/function.hpp"

ETL_FUNCTION(etl_plain_condition, args)
{
    if (args.is_null(1)) {
        return args.null_result();
    }
    const Oid relation = DatumGetObjectId(args.given(0));
    const char* condition = text_to_cstring(DatumGetTextPP(args.datum(1)));
    const char* alias = args.is_null(2) ? nullptr : text_to_cstring(DatumGetTextPP(args.datum(2)));
    const char* written = etl::pg::plain_condition(relation, condition, alias, args.get<bool>(3));
    return PointerGetDatum(cstring_to_text(written));
}
