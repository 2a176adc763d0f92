#include "core/locked_query_pg.hpp"

#include "pg/held_query.hpp"
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

namespace {

struct execution {
    const char* query;
    SPIExecuteOptions options;
    int outcome;
};

void execute(void* context)
{
    auto& what = *static_cast<execution*>(context);
    pg::with_locked_role([&what] { what.outcome = SPI_execute_extended(what.query, &what.options); });
}

} // namespace

void run_locked(const char* query, ParamListInfo parameters, bool read_only, DestReceiver* to)
{
    execution what = {query, {}, 0};
    what.options.params = parameters;
    what.options.read_only = read_only;
    what.options.dest = to;
    pg::run_held(query, execute, &what);
    if (what.outcome < 0) {
        const char* code = SPI_result_code_string(what.outcome);
        throw error(sqlstate::feature_not_supported, "a command cannot be run within a function",
                    std::string{"It ended with "} + code + ".");
    }
}

} // namespace etl
