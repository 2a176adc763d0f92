// Which of a suite's SQL conditions raises an error: marks that are set before each is evaluated, and cleared after it.
#include "pg/function.hpp"

#include <cstdint>
#include <utility>

namespace etl::validate {
namespace {

constexpr std::int32_t none = 0;

std::int32_t noted = none; // it outlives the error, and the transaction's abort

} // namespace
} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

ETL_FUNCTION(etl_note_condition, args)
{
    noted = args.get<std::int32_t>(0);
    return args.result(true);
}

ETL_FUNCTION(etl_condition_passed, args)
{
    noted = none;
    return args.is_null(0) ? args.null_result() : args.result(args.get<bool>(0));
}

ETL_FUNCTION(etl_noted_condition, args)
{
    const std::int32_t found = std::exchange(noted, none);
    return found == none ? args.null_result() : args.result(found);
}
