// The background workers of pipelines: one executes a step (etl_step_worker), another one runs of the queue
// (etl_run_worker). The session that runs a pipeline starts workers for its steps, goes on, and asks from time to time
// which of them have ended.
#include "pg/acting_role.hpp"
#include "pg/background_worker.hpp"
#include "pg/call_context.hpp"
#include "pg/deadline.hpp"
#include "pg/number_array.hpp"
#include "pg/worker_pool.hpp"

extern "C" {
#include <access/xact.h>
#include <miscadmin.h>
#include <utils/builtins.h>
#include <utils/guc.h>
}

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace {

using etl::pg::script_result;
using etl::pg::transact;
using etl::pg::worker_order;

using number_text = std::array<char, 24>;

number_text to_text(std::int64_t value)
{
    number_text text = {};
    std::to_chars(text.data(), text.data() + text.size() - 1, value);
    return text;
}

// In the worker of a step -----------------------------------------------------------------------------------------

// What etl._join_step tells.
struct step_text {
    const char* mode;
    const char* command;
    const char* check;
    const char* search_path;
    const char* timeout; // ms; nullptr: none
};

void record(const char* step, const char* attempt, const script_result& result)
{
    if (!result.failed) {
        const number_text rows = to_text(static_cast<std::int64_t>(result.rows));
        transact("SELECT etl._finish_step($1::pg_catalog.int8, $2::pg_catalog.int4, $3::pg_catalog.int8)",
                 {step, attempt, rows.data()});
        return;
    }
    transact("SELECT etl._fail_step($1::pg_catalog.int8, $2::pg_catalog.int4, $3, $4, $5, $6, $7)",
             {step, attempt, result.sqlstate, result.message, result.detail, result.hint, result.context});
}

// The step's own transaction records its success; only a failure of the commit is left to be recorded here.
void run_sql_step(const char* step, const char* attempt)
{
    std::array<char, 128> command = {};
    snprintf(command.data(), command.size(), "SELECT etl._run_sql_attempt(%s, %s)", step, attempt);
    const script_result result = etl::pg::run_script(command.data());
    if (result.failed) {
        record(step, attempt, result);
    }
}

script_result run_within(const char* sql, const char* search_path, int timeout)
{
    static std::string late; // a result's texts live as long as the worker
    const etl::pg::deadline limit{timeout};
    script_result result = etl::pg::run_script(sql, search_path);
    if (result.failed && limit.has_passed() && std::strcmp(result.sqlstate, "57014") == 0) {
        late = "the step took longer than its timeout of " + std::to_string(timeout) + " ms";
        result.message = late.c_str();
        result.hint = "Raise its timeout with etl.alter_step(..., timeout => ...), or make it faster.";
    }
    return result;
}

void set_context(const char* step)
{
    transact("SELECT etl._set_step_context($1::pg_catalog.int8, false)", {step});
}

void run_script_step(const char* step, const char* attempt, const step_text& text)
{
    set_context(step);
    script_result result =
        run_within(text.command, text.search_path, text.timeout == nullptr ? 0 : std::atoi(text.timeout));
    etl::pg::resume_session();
    if (!result.failed && text.check != nullptr) {
        set_context(step);
        const script_result checked = etl::pg::run_script(text.check);
        if (checked.failed) {
            result = checked;
        }
    }
    record(step, attempt, result);
}

void run_step(const worker_order& order)
{
    const number_text step = to_text(order.id);
    const number_text attempt = to_text(order.attempt);
    const char* found[5];
    if (!transact("SELECT j.mode, j.command, j.check_command, j.search_path, j.timeout::pg_catalog.text "
                  "FROM etl._join_step($1::pg_catalog.int8, $2::pg_catalog.int4) AS j",
                  {step.data(), attempt.data()}, found, 5)) {
        return; // somebody else has it, or it is gone
    }
    const step_text text{found[0], found[1], found[2], found[3], found[4]};
    if (std::strcmp(text.mode, "sql") == 0) {
        run_sql_step(step.data(), attempt.data());
    } else {
        run_script_step(step.data(), attempt.data(), text);
    }
}

// In the worker that executes a queue ----------------------------------------------------------------------------

bool is_runner = false;

// Those of the role are for its steps: a queue takes as long as it takes.
void lift_time_limits()
{
    etl::pg::set_session("statement_timeout", "0");
    etl::pg::set_session("lock_timeout", "0");
#if PG_VERSION_NUM >= 170000
    etl::pg::set_session("transaction_timeout", "0");
#endif
}

// In the session that runs a pipeline -----------------------------------------------------------------------------

// May raise: phase one.
Oid role_named(Datum name)
{
    return etl::pg::acting_role(text_to_cstring(DatumGetTextPP(name)));
}

// Roles whose queues are to be run once the transaction has committed.
std::vector<Oid> wanted_runners;

bool start_runner(Oid role)
{
    worker_order order = etl::pg::order_of(0);
    order.login = order.role = role;
    return etl::pg::start_detached_worker("etl_run_worker", "pg_etl runner", order);
}

void start_wanted_runners(XactEvent event, void*)
{
    if (event == XACT_EVENT_COMMIT) {
        std::for_each(wanted_runners.begin(), wanted_runners.end(), start_runner);
    }
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE) {
        wanted_runners.clear();
    }
}

const char* text_of(etl::pg::pool_event event)
{
    switch (event) {
    case etl::pg::pool_event::ended:
        return "ended";
    case etl::pg::pool_event::cancelled:
        return "cancelled";
    default:
        return "timeout";
    }
}

void require_may_commit(etl::pg::arguments args, const char* name)
{
    if (!etl::pg::may_commit(args)) {
        throw etl::error(etl::sqlstate::invalid_transaction_termination,
                         std::string{name} + " commits and cannot run inside a transaction block or a function");
    }
}

} // namespace

ETL_WORKER_MAIN(etl_step_worker)
{
    const worker_order order = etl::pg::attach();
    etl::pg::let_deadlines_end_process();
    run_step(order);
}

ETL_WORKER_MAIN(etl_run_worker)
{
    etl::pg::attach();
    is_runner = true;
    etl::pg::set_session("default_transaction_isolation", "read committed");
    lift_time_limits();
    etl::pg::run_script("CALL etl._run_queue()");
}

ETL_FUNCTION(etl_is_runner, args)
{
    return args.result(is_runner);
}

ETL_FUNCTION(etl_runner_setting, args)
{
    if (!is_runner) {
        return args.null_result();
    }
    const std::string name{args.get<std::string_view>(0)};
    const char* value = etl::pg::call([&name] { return GetConfigOptionResetString(name.c_str()); });
    return etl::pg::make_text(value);
}

ETL_FUNCTION(etl_start_step_worker, args)
{
    const Oid login = role_named(args.given(3));
    worker_order order = etl::pg::order_of(args.get<std::int64_t>(0));
    order.attempt = args.get<std::int32_t>(1);
    order.login = login;
    return args.result(etl::pg::start_pool_worker("etl_step_worker", args.get<std::string_view>(2), order));
}

ETL_FUNCTION(etl_ended_workers, args)
{
    return etl::pg::make_numbers(std::span<const std::int64_t>{etl::pg::take_ended_workers()});
}

ETL_FUNCTION(etl_commit, args)
{
    require_may_commit(args, "etl._commit");
    etl::pg::commit_for_caller();
    return args.null_result();
}

ETL_FUNCTION(etl_await_workers, args)
{
    require_may_commit(args, "etl._await_workers");
    const auto limit = args.get<std::int32_t>(0);
    etl::pg::commit_for_caller();
    return etl::pg::row_of_one(args, etl::pg::make_text(text_of(etl::pg::await_workers(limit))));
}

ETL_FUNCTION(etl_end_workers, args)
{
    require_may_commit(args, "etl._end_workers");
    etl::pg::commit_for_caller();
    etl::pg::end_pool_workers();
    return args.null_result();
}

ETL_FUNCTION(etl_start_runner, args)
{
    return args.result(start_runner(role_named(args.given(0))));
}

ETL_FUNCTION(etl_start_runner_at_commit, args)
{
    static bool registered = false;
    if (!registered) {
        RegisterXactCallback(start_wanted_runners, nullptr);
        registered = true;
    }
    const Oid role = role_named(args.given(0));
    if (std::find(wanted_runners.begin(), wanted_runners.end(), role) == wanted_runners.end()) {
        wanted_runners.push_back(role);
    }
    return args.null_result();
}
