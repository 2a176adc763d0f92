#include "pg/background_worker.hpp"
#include "pg/role_lock.hpp"
#include "pg/search_path.hpp"
#include "pg/worker_description.hpp"

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
#include <chrono>
#include <cstring>
#include <thread>

namespace etl::pg {
namespace {

// The session that waits --------------------------------------------------------------------------------------------

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

// PostgreSQL would read from the server's standard input, and find nothing.
void refuse_client(const Node* statement)
{
    if (IsA(statement, CopyStmt) && reinterpret_cast<const CopyStmt*>(statement)->filename == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a worker has no client to COPY from or to"),
                        errhint("COPY from or to a file.")));
    }
}

std::uint64_t execute_script(const char* sql)
{
    MemoryContextSwitchTo(worker_memory());
    std::uint64_t rows = 0;
    ListCell* cell;
    foreach (cell, pg_parse_query(sql)) {
        CHECK_FOR_INTERRUPTS();
        auto* statement = static_cast<RawStmt*>(lfirst(cell));
        refuse_client(statement->stmt);
        rows = execute_statement(statement, sql);
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

// The role of the order where it is not the one that logged in. Nobody but C++ acts as it.
Oid recording_role = InvalidOid;

void take_row(const char** row, int columns)
{
    for (int i = 0; i < columns; ++i) {
        row[i] = keep(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1));
    }
}

bool run_query(const char* query, std::initializer_list<const char*> arguments, const char** row, int columns)
{
    std::array<Oid, most_arguments> types;
    std::array<Datum, most_arguments> values = {};
    std::array<char, most_arguments> nulls;
    types.fill(TEXTOID);
    nulls.fill('n');
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
    return found;
}

// Whatever the session's default: a stricter level refuses to change a row that another session has changed meanwhile.
void read_what_is_committed()
{
    XactIsoLevel = XACT_READ_COMMITTED;
}

template <class F>
bool in_transaction(F&& f)
{
    StartTransactionCommand();
    read_what_is_committed();
    SPI_connect();
    PushActiveSnapshot(GetTransactionSnapshot());
    const bool found = f();
    SPI_finish();
    PopActiveSnapshot();
    CommitTransactionCommand();
    return found;
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

worker_order order_of(std::int64_t id)
{
    return {id, 0, MyDatabaseId, GetUserId(), GetUserId()};
}

BackgroundWorker describe_worker(const char* type, const char* main_function, std::string_view title,
                                 const worker_order& order, pid_t notified)
{
    BackgroundWorker worker = {};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_notify_pid = notified;
    strlcpy(worker.bgw_library_name, "pg_etl", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, main_function, sizeof worker.bgw_function_name);
    strlcpy(worker.bgw_type, type, sizeof worker.bgw_type);
    const int room = static_cast<int>(sizeof worker.bgw_name) - 1;
    memcpy(worker.bgw_name, title.data(), pg_mbcliplen(title.data(), static_cast<int>(title.size()), room));
    static_assert(sizeof order <= BGW_EXTRALEN);
    memcpy(worker.bgw_extra, &order, sizeof order);
    return worker;
}

void commit_for_caller()
{
    SPI_connect_ext(SPI_OPT_NONATOMIC);
    SPI_commit();
    SPI_finish();
    read_what_is_committed();
}

bool told_to_cancel()
{
    try {
        poll();
        return false;
    } catch (const error_in_flight&) {
        if (!is_cancel()) {
            throw;
        }
        forget_cancel();
        return true;
    }
}

bool is_cancel()
{
    return geterrcode() == ERRCODE_QUERY_CANCELED;
}

// The postmaster signals a session and then its process group, so that one cancel may arrive twice: what comes right
// after it is no other one.
void forget_cancel()
{
    FlushErrorState();
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    QueryCancelPending = false;
}

worker_end run_in_worker(const char* main_function, std::string_view title, std::int64_t id)
{
    BackgroundWorker worker = describe_worker("pg_etl step", main_function, title, order_of(id), MyProcPid);
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
    BackgroundWorkerInitializeConnectionByOid(order.database, order.login, login_flags);
    recording_role = order.role == order.login ? InvalidOid : order.role;
    set_session("application_name", MyBgworkerEntry->bgw_name);
    set_session("role", "none"); // the role may have a default for it
    return order;
}

void resume_session()
{
    in_transaction([] {
        run_query("RESET ALL", {}, nullptr, 0);
        return run_query("RESET SESSION AUTHORIZATION", {}, nullptr, 0);
    });
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
    if (!OidIsValid(recording_role)) {
        return in_transaction([&] { return run_query(query, arguments, row, columns); });
    }
    return in_transaction([&] {
        bool found = false;
        with_role(recording_role, SECURITY_LOCAL_USERID_CHANGE,
                  [&] { found = run_query(query, arguments, row, columns); });
        return found;
    });
}

script_result run_script(const char* sql, const char* search_path)
{
    script_result result;
    debug_query_string = sql;
    pgstat_report_activity(STATE_RUNNING, sql);
    try {
        result.rows = call([sql, search_path] {
            if (search_path != nullptr) {
                set_session("search_path", with_temporary_last(search_path));
            }
            return execute_script(sql);
        });
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
