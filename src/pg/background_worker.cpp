#include "pg/background_worker.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/xact.h>
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <funcapi.h>
#include <mb/pg_wchar.h>
#include <parser/analyze.h>
#include <pgstat.h>
#include <postmaster/bgworker.h>
#include <postmaster/interrupt.h>
#include <storage/ipc.h>
#include <storage/latch.h>
#include <storage/proc.h>
#include <tcop/pquery.h>
#include <tcop/tcopprot.h>
#include <tcop/utility.h>
#include <utils/guc.h>
#include <utils/portal.h>
#include <utils/snapmgr.h>
#include <utils/timeout.h>
}

#include <array>
#include <cstring>

namespace etl::pg {
namespace {

static_assert(sizeof(worker_order) <= BGW_EXTRALEN);

// The session that waits --------------------------------------------------------------------------------------------

BackgroundWorker describe(const char* main_function, std::string_view title, std::int64_t id)
{
    const worker_order order = {id, MyDatabaseId, GetUserId()};
    BackgroundWorker worker = {};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_notify_pid = MyProcPid;
    strlcpy(worker.bgw_library_name, "pg_etl", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, main_function, sizeof worker.bgw_function_name);
    strlcpy(worker.bgw_type, "pg_etl step", sizeof worker.bgw_type);
    const int room = static_cast<int>(sizeof worker.bgw_name) - 1;
    memcpy(worker.bgw_name, title.data(), pg_mbcliplen(title.data(), static_cast<int>(title.size()), room));
    memcpy(worker.bgw_extra, &order, sizeof order);
    return worker;
}

// Ends the transaction of the procedure that called, and with it the snapshot that PostgreSQL holds for a CALL: it
// would keep VACUUM from removing anything for as long as the worker takes.
void commit_for_caller()
{
    SPI_connect_ext(SPI_OPT_NONATOMIC);
    SPI_commit();
    SPI_finish();
}

bool has_stopped(BackgroundWorkerHandle* handle)
{
    pid_t pid;
    const BgwHandleStatus status = GetBackgroundWorkerPid(handle, &pid);
    return status == BGWH_STOPPED || status == BGWH_POSTMASTER_DIED;
}

// The postmaster sets the latch when the worker starts or stops.
void wait_for_latch()
{
    WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
}

// True when the session was told to cancel the statement. To be terminated is no error to come back from: it ends the
// process here, and terminate_at_exit() ends the worker.
bool told_to_cancel()
{
    try {
        poll();
        return false;
    } catch (const error_in_flight&) {
        if (geterrcode() != ERRCODE_QUERY_CANCELED) {
            throw;
        }
        FlushErrorState();
        return true;
    }
}

void terminate_at_exit(int, Datum handle)
{
    TerminateBackgroundWorker(reinterpret_cast<BackgroundWorkerHandle*>(DatumGetPointer(handle)));
}

// Ends the worker with the session that waits for it, however that goes on: by the end of the process, or by an error.
class end_with_caller {
  public:
    explicit end_with_caller(BackgroundWorkerHandle* handle) : handle_{handle}
    {
        before_shmem_exit(terminate_at_exit, PointerGetDatum(handle_));
    }
    ~end_with_caller()
    {
        cancel_before_shmem_exit(terminate_at_exit, PointerGetDatum(handle_));
        TerminateBackgroundWorker(handle_); // nothing to do where it has ended
    }
    end_with_caller(const end_with_caller&) = delete;
    end_with_caller& operator=(const end_with_caller&) = delete;

  private:
    BackgroundWorkerHandle* handle_;
};

// Waits to the worker's end; told to cancel, terminates it and waits on, because what it does must have ended before
// anything says that it has.
worker_end wait_for_end(BackgroundWorkerHandle* handle)
{
    worker_end end = worker_end::ended;
    while (!has_stopped(handle)) {
        wait_for_latch();
        if (told_to_cancel()) {
            end = worker_end::cancelled;
            TerminateBackgroundWorker(handle);
        }
    }
    return end;
}

// The worker ---------------------------------------------------------------------------------------------------------

// Before PostgreSQL 17 a worker cannot act for a role that may not log in.
#ifdef BGWORKER_BYPASS_ROLELOGINCHECK
constexpr bits32 login_flags = BGWORKER_BYPASS_ROLELOGINCHECK;
#else
constexpr bits32 login_flags = 0;
#endif

// What must outlive transactions. A worker does one thing and ends, so nothing is ever freed from it.
MemoryContext worker_memory()
{
    static MemoryContext context = nullptr;
    if (context == nullptr) {
        context = AllocSetContextCreate(TopMemoryContext, "pg_etl worker", ALLOCSET_DEFAULT_SIZES);
    }
    return context;
}

const char* keep(const char* text)
{
    return text == nullptr ? nullptr : MemoryContextStrdup(worker_memory(), text);
}

void start_timeout()
{
    if (StatementTimeout > 0) {
        enable_timeout_after(STATEMENT_TIMEOUT, StatementTimeout);
    }
}

void run_portal(Portal portal, QueryCompletion* completion)
{
    DestReceiver* nowhere = CreateDestReceiver(DestNone);
    PortalStart(portal, nullptr, 0, InvalidSnapshot);
#if PG_VERSION_NUM >= 180000
    PortalRun(portal, FETCH_ALL, true, nowhere, nowhere, completion);
#else
    PortalRun(portal, FETCH_ALL, true, true, nowhere, nowhere, completion);
#endif
    nowhere->rDestroy(nowhere);
}

List* plan_statement(RawStmt* statement, const char* sql)
{
    const bool needs_snapshot = analyze_requires_snapshot(statement);
    if (needs_snapshot) {
        PushActiveSnapshot(GetTransactionSnapshot());
    }
    List* queries = pg_analyze_and_rewrite_fixedparams(statement, sql, nullptr, 0, nullptr);
    List* plans = pg_plan_queries(queries, sql, CURSOR_OPT_PARALLEL_OK, nullptr);
    if (needs_snapshot) {
        PopActiveSnapshot();
    }
    return plans;
}

// One statement as the server executes it for a client: in a portal at the top level, which is what lets a procedure
// commit, and in a transaction of its own unless the script has opened one.
std::uint64_t execute_statement(RawStmt* statement, const char* sql)
{
    QueryCompletion completion;
    InitializeQueryCompletion(&completion);
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    start_timeout();
    MemoryContextSwitchTo(worker_memory());
    List* plans = plan_statement(statement, sql);
    Portal portal = CreatePortal("", true, true);
    portal->visible = false;
    PortalDefineQuery(portal, nullptr, sql, CreateCommandTag(statement->stmt), plans, nullptr);
    run_portal(portal, &completion);
    PortalDrop(portal, false);
    disable_timeout(STATEMENT_TIMEOUT, false);
    CommitTransactionCommand();
    return completion.nprocessed;
}

std::uint64_t execute_script(const char* sql)
{
    MemoryContextSwitchTo(worker_memory());
    std::uint64_t rows = 0;
    ListCell* cell;
    foreach (cell, pg_parse_query(sql)) {
        CHECK_FOR_INTERRUPTS();
        rows = execute_statement(static_cast<RawStmt*>(lfirst(cell)), sql);
    }
    if (IsTransactionBlock()) {
        ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION), errmsg("the script ends inside a transaction block"),
                        errhint("End it with COMMIT.")));
    }
    return rows;
}

// Takes the error from PostgreSQL's stack, writes it to the server log, and rolls back whatever is open.
script_result take_error()
{
    HOLD_INTERRUPTS();
    MemoryContextSwitchTo(worker_memory());
    const ErrorData* error = CopyErrorData();
    disable_all_timeouts(false);
    QueryCancelPending = false;
    EmitErrorReport();
    AbortOutOfAnyTransaction();
    FlushErrorState();
    script_result result;
    result.failed = true;
    result.sqlstate = keep(unpack_sql_state(error->sqlerrcode));
    result.message = error->message;
    result.detail = error->detail;
    result.hint = error->hint;
    result.context = error->context;
    RESUME_INTERRUPTS();
    return result;
}

constexpr int most_arguments = 8;

void take_row(const char** row, int columns)
{
    for (int i = 0; i < columns; ++i) {
        row[i] = keep(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1));
    }
}

} // namespace

const char* text_of(worker_end end)
{
    switch (end) {
    case worker_end::no_slot:
        return "no slot";
    case worker_end::cancelled:
        return "cancelled";
    default:
        return "ended";
    }
}

worker_end run_in_worker(const char* main_function, std::string_view title, std::int64_t id)
{
    BackgroundWorker worker = describe(main_function, title, id);
    commit_for_caller();
    BackgroundWorkerHandle* handle;
    if (!RegisterDynamicBackgroundWorker(&worker, &handle)) {
        return worker_end::no_slot;
    }
    const end_with_caller guard{handle};
    return wait_for_end(handle);
}

worker_order attach()
{
    worker_order order;
    memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof order);
    pqsignal(SIGTERM, die);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(order.database, order.role, login_flags);
    set_session("application_name", MyBgworkerEntry->bgw_name);
    resume_role(); // the role may have a default for the setting role
    return order;
}

void resume_role()
{
    transact("RESET SESSION AUTHORIZATION", {});
    set_session("role", "none");
}

void set_session(const char* name, const char* value)
{
    SetConfigOption(name, value, PGC_USERSET, PGC_S_SESSION);
}

bool transact(const char* query, std::initializer_list<const char*> arguments, const char** row, int columns)
{
    if (arguments.size() > most_arguments) {
        throw error(sqlstate::internal_error, "too many arguments for transact");
    }
    std::array<Oid, most_arguments> types;
    std::array<Datum, most_arguments> values = {};
    std::array<char, most_arguments> nulls;
    types.fill(TEXTOID);
    nulls.fill('n');
    StartTransactionCommand();
    SPI_connect();
    PushActiveSnapshot(GetTransactionSnapshot());
    int count = 0;
    for (const char* argument : arguments) {
        if (argument != nullptr) {
            values[count] = CStringGetTextDatum(argument);
            nulls[count] = ' ';
        }
        ++count;
    }
    SPI_execute_with_args(query, count, types.data(), values.data(), nulls.data(), false, 1);
    const bool found = SPI_processed > 0;
    if (found && columns > 0) {
        take_row(row, columns);
    }
    SPI_finish();
    PopActiveSnapshot();
    CommitTransactionCommand();
    return found;
}

script_result run_script(const char* sql)
{
    script_result result;
    debug_query_string = sql;
    pgstat_report_activity(STATE_RUNNING, sql);
    try {
        result.rows = call([sql] { return execute_script(sql); });
    } catch (const error_in_flight&) {
        result = take_error();
    }
    debug_query_string = nullptr;
    pgstat_report_activity(STATE_IDLE, nullptr);
    pgstat_report_stat(true);
    return result;
}

Datum row_of_one(arguments args, Datum value)
{
    TupleDesc description;
    if (get_call_result_type(args.raw(), nullptr, &description) != TYPEFUNC_COMPOSITE) {
        throw error(sqlstate::internal_error, "a procedure with one INOUT argument was expected");
    }
    bool null = false;
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), &value, &null));
}

} // namespace etl::pg
