#include "sketch/stored_types_pg.hpp"

extern "C" {
#include <access/tupdesc.h>
#include <catalog/pg_type.h>
#include <miscadmin.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

namespace etl {
namespace {

bool columns_read_no_code(Oid type)
{
    TupleDesc columns = lookup_rowtype_tupdesc_copy(type, -1);
    for (int i = 0; i < columns->natts; ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(columns, i);
        if (!column->attisdropped && !reads_no_code(column->atttypid)) {
            return false;
        }
    }
    return true;
}

} // namespace

bool reads_no_code(Oid type)
{
    check_stack_depth();
    switch (get_typtype(type)) {
    case TYPTYPE_DOMAIN:
        return !DomainHasConstraints(type) && reads_no_code(getBaseType(type));
    case TYPTYPE_COMPOSITE:
        return columns_read_no_code(type);
    case TYPTYPE_RANGE:
        return reads_no_code(get_range_subtype(type));
    case TYPTYPE_MULTIRANGE:
        return reads_no_code(get_multirange_range(type));
    case TYPTYPE_PSEUDO: // an anonymous record
        return false;
    default: {
        const Oid element = get_element_type(type);
        return !OidIsValid(element) || reads_no_code(element);
    }
    }
}

} // namespace etl
