#include "pg/function_right.hpp"

#include "core/text.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include <miscadmin.h>
#include <nodes/pg_list.h>
#include <nodes/value.h>
#include <parser/parse_func.h>
#include <utils/acl.h>
#include <utils/builtins.h>
#include <utils/fmgrprotos.h>
}

#include <string>

namespace etl::pg {
namespace {

bool may_execute(const char* function)
{
    return call([function] {
        List* const name = list_make2(makeString(pstrdup("etl")), makeString(pstrdup(function)));
        const Oid found = LookupFuncName(name, -1, nullptr, false);
        return DatumGetBool(
            DirectFunctionCall2(has_function_privilege_id, ObjectIdGetDatum(found), CStringGetTextDatum("EXECUTE")));
    });
}

} // namespace

void require_execute(const char* function, const char* what_it_does)
{
    if (may_execute(function)) {
        return;
    }
    const std::string role = call([] { return GetUserNameFromId(GetUserId(), false); });
    throw error("42501", "role " + in_quotes(role) + " may not " + what_it_does,
                std::string{"It lacks the right to execute etl."} + function + '.',
                std::string{"GRANT EXECUTE ON FUNCTION etl."} + function + " TO " +
                    std::string{call([name = role.c_str()] { return quote_identifier(name); })} + ';');
}

} // namespace etl::pg
