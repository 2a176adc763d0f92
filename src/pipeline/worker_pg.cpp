// Steps of kind procedure: the calling session starts a background worker and waits for it (etl_run_in_worker); the
// worker reads its step from etl.step_run, executes the action as psql would, and records how it went.
#include "pg/background_worker.hpp"
#include "pg/call_context.hpp"

#include <array>
#include <charconv>

namespace {

using etl::pg::script_result;
using etl::pg::transact;

using number_text = std::array<char, 24>;

number_text to_text(std::uint64_t value)
{
    number_text text = {};
    std::to_chars(text.data(), text.data() + text.size() - 1, value);
    return text;
}

void record(const char* step, const script_result& result)
{
    const number_text rows = to_text(result.rows);
    transact("SELECT etl._finish_step($1::pg_catalog.int8, $2, $3::pg_catalog.int8, $4, $5, $6, $7, $8)",
             {step, result.failed ? "failed" : "succeeded", result.failed ? nullptr : rows.data(), result.sqlstate,
              result.message, result.detail, result.hint, result.context});
}

void run_step(const etl::pg::worker_order& order)
{
    const number_text step = to_text(static_cast<std::uint64_t>(order.id));
    const char* found[3];
    if (!transact("SELECT s.action, s.search_path, etl._moment_text(r.as_of) FROM etl.step_run AS s "
                  "JOIN etl.run AS r USING (run_id) WHERE s.step_run_id = $1::pg_catalog.int8 AND s.status = 'running'",
                  {step.data()}, found, 3)) {
        return; // somebody deleted it; the session that waits notices
    }
    etl::pg::set_session("search_path", found[1]);
    etl::pg::set_session("pg_etl.as_of", found[2]);
    const script_result result = etl::pg::run_script(found[0]);
    transact("RESET ALL", {}); // the script may have left settings under which nothing can be recorded
    etl::pg::resume_role();
    record(step.data(), result);
}

} // namespace

ETL_WORKER_MAIN(etl_step_worker)
{
    run_step(etl::pg::attach());
}

ETL_FUNCTION(etl_run_in_worker, args)
{
    if (args.is_null(0) || args.is_null(1)) {
        throw etl::error(etl::sqlstate::invalid_parameter_value, "step and title must not be NULL");
    }
    if (!etl::pg::may_commit(args)) {
        throw etl::error(etl::sqlstate::invalid_transaction_termination,
                         "etl._run_in_worker commits and cannot run inside a transaction block or a function");
    }
    const auto end =
        etl::pg::run_in_worker("etl_step_worker", args.get<std::string_view>(1), args.get<std::int64_t>(0));
    return etl::pg::row_of_one(args, etl::pg::make_text(etl::pg::text_of(end)));
}
