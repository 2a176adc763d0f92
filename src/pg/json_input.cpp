#include "pg/json_input.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_type.h>
#include <executor/executor.h>
#include <funcapi.h>
#include <nodes/makefuncs.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
}

namespace etl::pg {

bool is_made_of_json(Oid type)
{
    const Oid base = getBaseType(type);
    return OidIsValid(get_element_type(base)) || get_typtype(base) == TYPTYPE_COMPOSITE;
}

json_input::json_input(Oid type, std::int32_t modifier)
{
    call([this, type, modifier] { prepare(type, modifier); });
}

// json_populate_record looks at the row that it is given first for the columns to fill, and at the call for its type.
void json_input::prepare(Oid type, std::int32_t modifier)
{
    TupleDesc columns = CreateTemplateTupleDesc(1);
    TupleDescInitEntry(columns, 1, "value", type, modifier, 0);
    columns = BlessTupleDesc(columns);
    Datum none{0};
    bool is_null = true;
    shape_ = HeapTupleGetDatum(heap_form_tuple(columns, &none, &is_null));
    fmgr_info(F_JSON_POPULATE_RECORD, &function_);
    Const* row = makeConst(RECORDOID, -1, InvalidOid, -1, shape_, false, false);
    FuncExpr* made =
        makeFuncExpr(F_JSON_POPULATE_RECORD, RECORDOID, list_make1(row), InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
    fmgr_info_set_expr(reinterpret_cast<Node*>(made), &function_);
}

std::optional<value_fault> json_input::read(std::string_view json, soft_batch& batch, NullableDatum& value)
{
    document_ = "{\"value\":";
    document_ += json;
    document_ += '}';
    return batch.attempt([this, &value] {
        text* document = cstring_to_text_with_len(document_.data(), static_cast<int>(document_.size()));
        const Datum row = FunctionCall3(&function_, shape_, PointerGetDatum(document), BoolGetDatum(false));
        value.value = GetAttributeByNum(DatumGetHeapTupleHeader(row), 1, &value.isnull);
    });
}

} // namespace etl::pg
