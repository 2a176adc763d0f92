// Columns as plans write them, which outlive the session: types and collations by names that mean the same everywhere.
#include "validate/column_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_collation.h>
#include <utils/builtins.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
}

namespace etl::validate {
namespace {

// With its schema, whatever the search path is: a state is read elsewhere, and much later. May raise.
const char* qualified_collation(Oid collation)
{
    HeapTuple found = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
    if (!HeapTupleIsValid(found)) { // dropped meanwhile: PostgreSQL refuses the number when it is read as a name
        return DatumGetCString(DirectFunctionCall1(regcollationout, ObjectIdGetDatum(collation)));
    }
    const auto* of = reinterpret_cast<Form_pg_collation>(GETSTRUCT(found));
    const char* name = quote_qualified_identifier(get_namespace_name(of->collnamespace), NameStr(of->collname));
    ReleaseSysCache(found);
    return name;
}

} // namespace

plan_column describe_column(std::string name, Oid type, Oid collation)
{
    struct names {
        const char* type;
        const char* collation;
    };
    const names found = pg::call([=] {
        return names{format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY),
                     OidIsValid(collation) ? qualified_collation(collation) : ""};
    });
    return {std::move(name), found.type, found.collation};
}

Oid type_of(const plan_column& from)
{
    return pg::call(
        [&from] { return DatumGetObjectId(DirectFunctionCall1(regtypein, CStringGetDatum(from.type.c_str()))); });
}

std::unique_ptr<column_type> make_plan_type(const plan_column& from, MemoryContext memory)
{
    const Oid collation = pg::call([&from] {
        return from.collation.empty()
                   ? InvalidOid
                   : DatumGetObjectId(DirectFunctionCall1(regcollationin, CStringGetDatum(from.collation.c_str())));
    });
    return make_column_type(type_of(from), collation, memory);
}

} // namespace etl::validate
