#include "core/locked_query_pg.hpp"

#include "pg/role_lock.hpp"

extern "C" {
#include <executor/spi.h>
}

#include <string>

namespace etl {

ParamListInfo read_parameters(pg::arguments args, int first)
{
    ParamListInfo made = makeParamList(args.count() - first);
    for (int i = 0; i < made->numParams; ++i) {
        made->params[i] = {args.datum(first + i), args.is_null(first + i), PARAM_FLAG_CONST, args.type(first + i)};
    }
    return made;
}

void run_locked(const char* query, ParamListInfo parameters, bool read_only, DestReceiver* to)
{
    SPIExecuteOptions options = {};
    options.params = parameters;
    options.read_only = read_only;
    options.dest = to;
    int outcome = 0;
    pg::with_locked_role([&] { outcome = SPI_execute_extended(query, &options); });
    if (outcome < 0) {
        const char* code = SPI_result_code_string(outcome);
        throw error(sqlstate::feature_not_supported, "a command cannot be run within a function",
                    std::string{"It ended with "} + code + ".");
    }
}

} // namespace etl
