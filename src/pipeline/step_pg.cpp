// etl._execute_step: the SQL of a step within the transaction that records its success; etl._hold_role: the role as which
// the rest of it is done.
#include "pg/acting_role.hpp"
#include "pg/function.hpp"
#include "pg/role_lock.hpp"
#include "pg/role_query.hpp"
#include "pg/spi.hpp"

extern "C" {
#include <utils/builtins.h>
}

namespace {

// May raise: phase one.
const char* given_text(etl::pg::arguments args, int i)
{
    return text_to_cstring(DatumGetTextPP(args.given(i)));
}

} // namespace

ETL_FUNCTION(etl_execute_step, args)
{
    const etl::pg::role_query step{given_text(args, 0), given_text(args, 1), given_text(args, 2),
                                   args.is_null(3) ? 0 : args.get<std::int32_t>(3),
                                   args.is_null(4) ? nullptr : given_text(args, 4)};
    const etl::pg::spi_session spi;
    return args.result(static_cast<std::int64_t>(etl::pg::execute_as_role(step)));
}

ETL_FUNCTION(etl_hold_role, args)
{
    etl::pg::hold_role(etl::pg::acting_role(given_text(args, 0)));
    return args.null_result();
}
