#include "pg/column_reader.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/builtins.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
}

namespace etl::pg {

bool is_integer(Oid base_type) noexcept
{
    return base_type == INT2OID || base_type == INT4OID || base_type == INT8OID;
}

bool is_number(Oid base_type) noexcept
{
    return is_integer(base_type) || base_type == FLOAT4OID || base_type == FLOAT8OID || base_type == NUMERICOID;
}

std::int64_t integer_of(Datum value, Oid type) noexcept
{
    return type == INT2OID ? DatumGetInt16(value) : type == INT4OID ? DatumGetInt32(value) : DatumGetInt64(value);
}

double number_of(Datum value, Oid type)
{
    switch (type) {
    case FLOAT8OID:
        return DatumGetFloat8(value);
    case FLOAT4OID:
        return DatumGetFloat4(value);
    case NUMERICOID:
        return DatumGetFloat8(DirectFunctionCall1(numeric_float8, value));
    default:
        return static_cast<double>(integer_of(value, type));
    }
}

double column_reader::nearest_number(Datum value) const
{
    return type == NUMERICOID ? DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value)) : number(value);
}

column_reader column_reader::of(TupleDesc row, int column)
{
    column_reader made = {};
    made.type = getBaseType(TupleDescAttr(row, column)->atttypid);
    made.is_text = made.type == TEXTOID || made.type == VARCHAROID;
    Oid output = InvalidOid;
    bool is_varlena = false;
    getTypeOutputInfo(made.type, &output, &is_varlena);
    fmgr_info(output, &made.output);
    return made;
}

} // namespace etl::pg
