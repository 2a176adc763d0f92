#include "rollup/kept_types_pg.hpp"

extern "C" {
#include <access/tupdesc.h>
#include <catalog/pg_type.h>
#include <miscadmin.h>
#include <nodes/makefuncs.h>
#include <parser/parse_func.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

#include <algorithm>

namespace etl::rollup {
namespace {

// Types whose values stand for objects by their numbers.
constexpr Oid of_objects[] = {REGPROCOID,      REGPROCEDUREOID, REGOPEROID,      REGOPERATOROID,
                              REGCLASSOID,     REGCOLLATIONOID, REGTYPEOID,      REGROLEOID,
                              REGNAMESPACEOID, REGCONFIGOID,    REGDICTIONARYOID};

bool is_object(Oid type)
{
    return std::find(std::begin(of_objects), std::end(of_objects), type) != std::end(of_objects);
}

bool are_lasting_parts(Oid type)
{
    TupleDesc shape = lookup_rowtype_tupdesc_copy(type, -1);
    for (int i = 0; i < shape->natts; ++i) {
        const Form_pg_attribute part = TupleDescAttr(shape, i);
        if (!part->attisdropped && !outlasts_catalog(part->atttypid)) {
            return false;
        }
    }
    return true;
}

bool is_aggregated(Oid type)
{
    List* name = list_make2(makeString(pstrdup("etl")), makeString(pstrdup("distinct_set")));
    List* arguments = list_make1(makeNullConst(type, -1, InvalidOid));
    Oid function = InvalidOid;
    Oid result = InvalidOid;
    Oid element = InvalidOid;
    Oid* declared = nullptr;
    bool is_set = false;
    int variadic = 0;
    return func_get_detail(name, arguments, NIL, 1, &type, false, false, false, &function, &result, &is_set, &variadic,
                           &element, &declared, nullptr) == FUNCDETAIL_AGGREGATE;
}

} // namespace

bool outlasts_catalog(Oid type)
{
    check_stack_depth();
    const Oid base = getBaseType(type);
    const Oid element = get_element_type(base);
    switch (OidIsValid(element) ? TYPTYPE_BASE : get_typtype(base)) {
    case TYPTYPE_ENUM:
        return false;
    case TYPTYPE_RANGE:
        return outlasts_catalog(get_range_subtype(base));
    case TYPTYPE_MULTIRANGE:
        return outlasts_catalog(get_multirange_range(base));
    case TYPTYPE_COMPOSITE:
        return are_lasting_parts(base);
    default:
        return OidIsValid(element) ? outlasts_catalog(element) : !is_object(base);
    }
}

Oid type_in_set(Oid type)
{
    const Oid base = getBaseType(type);
    return is_aggregated(type) ? type : is_aggregated(base) ? base : InvalidOid;
}

} // namespace etl::rollup
