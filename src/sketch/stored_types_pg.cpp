#include "sketch/stored_types_pg.hpp"

#include "sketch/fingerprint.hpp"

extern "C" {
#include <access/tupdesc.h>
#include <catalog/pg_type.h>
#include <lib/stringinfo.h>
#include <miscadmin.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

#include <cstring>
#include <string_view>

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

void describe_rows(StringInfo to, Oid type);

// Names end in a zero byte, which they cannot hold.
void describe_columns(StringInfo to, Oid type)
{
    TupleDesc columns = lookup_rowtype_tupdesc_copy(type, -1);
    appendStringInfoChar(to, '(');
    for (int i = 0; i < columns->natts; ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(columns, i);
        if (!column->attisdropped) {
            const char* name = NameStr(column->attname);
            const char* of = format_type_extended(column->atttypid, -1, FORMAT_TYPE_FORCE_QUALIFY);
            appendBinaryStringInfo(to, name, static_cast<int>(std::strlen(name)) + 1);
            appendBinaryStringInfo(to, of, static_cast<int>(std::strlen(of)) + 1);
            describe_rows(to, column->atttypid);
        }
    }
    appendStringInfoChar(to, ')');
}

void describe_rows(StringInfo to, Oid type)
{
    check_stack_depth();
    switch (get_typtype(type)) {
    case TYPTYPE_DOMAIN:
        return describe_rows(to, getBaseType(type));
    case TYPTYPE_COMPOSITE:
        return describe_columns(to, type);
    case TYPTYPE_RANGE:
        return describe_rows(to, get_range_subtype(type));
    case TYPTYPE_MULTIRANGE:
        return describe_rows(to, get_multirange_range(type));
    default:
        if (const Oid element = get_element_type(type); OidIsValid(element)) {
            describe_rows(to, element);
        }
    }
}

} // namespace

std::uint64_t shape_of(Oid type)
{
    StringInfoData rows;
    initStringInfo(&rows);
    describe_rows(&rows, type);
    return rows.len == 0 ? 0 : fingerprint_of(std::string_view{rows.data, static_cast<std::size_t>(rows.len)}).low;
}

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
