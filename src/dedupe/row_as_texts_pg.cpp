// etl._row_as_texts: a row as a JSON object of texts, from which the same row can be made to the letter.
//
// JSON's own numbers have no -0, no NaN and no infinity, and its documents no order of keys; a value's own text, as
// pg_dump would write it, has all that its type's input function needs.
#include "pg/function.hpp"
#include "pg/memory.hpp"
#include "pg/portable_settings.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/transam.h>
#include <catalog/pg_type.h>
#include <fmgr.h>
#include <miscadmin.h>
#include <pgtime.h>
#include <utils/bytea.h>
#include <utils/float.h>
#include <utils/jsonb.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

#include <algorithm>
#include <cstring>
#include <iterator>
#include <type_traits>

namespace etl::dedupe {
namespace {

// What is known of one row type. Trivial: it lies in a memory context, and PostgreSQL may raise over it.
struct text_maker {
    Oid type;
    int32 modifier;
    MemoryContext memory; // of all below
    TupleDesc row;
    FmgrInfo* outputs;
    Datum* values;
    bool* nulls;
    bool heeds_few_settings; // the texts of all columns depend on no setting but those of are_portable(),
    bool heeds_time_zone;    // and some on this one
};
static_assert(std::is_trivial_v<text_maker>);

// Settings that most sessions leave alone.
bool are_portable()
{
    return DateStyle == USE_ISO_DATES && IntervalStyle == INTSTYLE_POSTGRES && extra_float_digits > 0 &&
           bytea_output == BYTEA_OUTPUT_HEX;
}

bool is_utc()
{
    return std::strcmp(pg_get_timezone_name(session_timezone), "UTC") == 0;
}

// What an array, a range or a domain is made of.
Oid innermost(Oid type)
{
    const Oid base = getBaseType(type);
    for (const Oid inner : {get_element_type(base), get_range_subtype(base), get_multirange_range(base)}) {
        if (OidIsValid(inner)) {
            return innermost(inner);
        }
    }
    return base;
}

// Types that are known to heed no setting, or those of are_portable() alone.
bool heeds_few_settings(Oid type)
{
    constexpr Oid known[] = {BOOLOID,    BYTEAOID,   CHAROID, NAMEOID,  INT8OID,      INT2OID,
                             INT4OID,    TEXTOID,    OIDOID,  JSONOID,  XMLOID,       POINTOID,
                             FLOAT4OID,  FLOAT8OID,  INETOID, CIDROID,  MACADDROID,   BPCHAROID,
                             BITOID,     VARCHAROID, DATEOID, TIMEOID,  TIMETZOID,    INTERVALOID,
                             NUMERICOID, VARBITOID,  UUIDOID, JSONBOID, TIMESTAMPOID, TIMESTAMPTZOID};
    return std::ranges::find(known, type) != std::end(known) || type_is_enum(type);
}

void learn(text_maker& of, Oid type, int32 modifier)
{
    of.type = InvalidOid;
    MemoryContextReset(of.memory);
    MemoryContext old = MemoryContextSwitchTo(of.memory);
    of.row = lookup_rowtype_tupdesc_copy(type, modifier);
    const auto columns = static_cast<std::size_t>(of.row->natts);
    of.outputs = static_cast<FmgrInfo*>(MemoryContextAllocZero(of.memory, sizeof(FmgrInfo) * (columns + 1)));
    of.values = static_cast<Datum*>(MemoryContextAllocZero(of.memory, sizeof(Datum) * (columns + 1)));
    of.nulls = static_cast<bool*>(MemoryContextAllocZero(of.memory, sizeof(bool) * (columns + 1)));
    of.heeds_few_settings = true;
    of.heeds_time_zone = false;
    for (int i = 0; i < of.row->natts; ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(of.row, i);
        if (!column->attisdropped) {
            Oid output = InvalidOid;
            bool is_varlena = false;
            getTypeOutputInfo(column->atttypid, &output, &is_varlena);
            fmgr_info_cxt(output, &of.outputs[i], of.memory);
            const Oid inner = innermost(column->atttypid);
            of.heeds_few_settings = of.heeds_few_settings && heeds_few_settings(inner);
            of.heeds_time_zone = of.heeds_time_zone || inner == TIMESTAMPTZOID;
        }
    }
    MemoryContextSwitchTo(old);
    of.type = type;
    of.modifier = modifier;
}

JsonbValue text_value(const char* text)
{
    JsonbValue made = {};
    made.type = jbvString;
    made.val.string.val = const_cast<char*>(text);
    made.val.string.len = static_cast<int>(std::strlen(text));
    return made;
}

JsonbValue null_value()
{
    JsonbValue made = {};
    made.type = jbvNull;
    return made;
}

Datum make(text_maker& of, HeapTupleHeader row)
{
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(row);
    tuple.t_data = row;
    ItemPointerSetInvalid(&tuple.t_self);
    heap_deform_tuple(&tuple, of.row, of.values, of.nulls);
    JsonbParseState* state = nullptr;
    pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
    for (int i = 0; i < of.row->natts; ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(of.row, i);
        if (column->attisdropped) {
            continue;
        }
        JsonbValue key = text_value(NameStr(column->attname));
        JsonbValue value = of.nulls[i] ? null_value() : text_value(OutputFunctionCall(&of.outputs[i], of.values[i]));
        pushJsonbValue(&state, WJB_KEY, &key);
        pushJsonbValue(&state, WJB_VALUE, &value);
    }
    return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr)));
}

text_maker new_maker(MemoryContext parent)
{
    text_maker made = {};
    made.memory =
        pg::call([parent] { return AllocSetContextCreate(parent, "pg_etl rows as texts", ALLOCSET_SMALL_SIZES); });
    return made;
}

} // namespace
} // namespace etl::dedupe

using namespace etl;
using namespace etl::dedupe;

ETL_FUNCTION(etl_row_as_texts, args)
{
    const HeapTupleHeader row = DatumGetHeapTupleHeader(args.datum(0));
    auto& maker = args.cached<text_maker>([=] { return new_maker(args.raw()->flinfo->fn_mcxt); });
    const Oid type = HeapTupleHeaderGetTypeId(row);
    const int32 modifier = HeapTupleHeaderGetTypMod(row);
    if (maker.type != type || maker.modifier != modifier) {
        learn(maker, type, modifier);
    }
    if (maker.heeds_few_settings && are_portable() && (!maker.heeds_time_zone || is_utc())) {
        return make(maker, row);
    }
    return pg::call_portably([&] { return make(maker, row); });
}
