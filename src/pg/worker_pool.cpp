#include "pg/worker_pool.hpp"

#include "pg/worker_description.hpp"

extern "C" {
#include <access/xact.h>
#include <miscadmin.h>
#include <pgstat.h>
#include <storage/ipc.h>
#include <storage/latch.h>
#include <utils/memutils.h>
}

#include <algorithm>

namespace etl::pg {
namespace {

struct pool_worker {
    BackgroundWorkerHandle* handle;
    std::int64_t id;
};

std::vector<pool_worker> workers;

bool has_ended(const pool_worker& worker)
{
    pid_t pid;
    const BgwHandleStatus status = GetBackgroundWorkerPid(worker.handle, &pid);
    return status == BGWH_STOPPED || status == BGWH_POSTMASTER_DIED;
}

bool any_has_ended()
{
    return std::any_of(workers.begin(), workers.end(), has_ended);
}

// May not raise; no error is possible here.
void terminate_all()
{
    for (const pool_worker& worker : workers) {
        TerminateBackgroundWorker(worker.handle);
    }
}

void terminate_at_exit(int, Datum)
{
    terminate_all();
}

// The procedure that would have asked how they ended is gone.
void forget_at_abort(XactEvent event, void*)
{
    if (event == XACT_EVENT_ABORT) {
        terminate_all();
        std::for_each(workers.begin(), workers.end(), [](const pool_worker& worker) { pfree(worker.handle); });
        workers.clear();
    }
}

void watch_session()
{
    static bool registered = false;
    if (!registered) {
        call([] {
            RegisterXactCallback(forget_at_abort, nullptr);
            before_shmem_exit(terminate_at_exit, Datum{0});
        });
        registered = true;
    }
}

// In memory that outlives transactions; nullptr where no slot is free.
BackgroundWorkerHandle* start(BackgroundWorker worker)
{
    return call([&worker]() -> BackgroundWorkerHandle* {
        MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
        BackgroundWorkerHandle* handle = nullptr;
        const bool started = RegisterDynamicBackgroundWorker(&worker, &handle);
        MemoryContextSwitchTo(before);
        return started ? handle : nullptr;
    });
}

} // namespace

bool start_pool_worker(const char* main_function, std::string_view title, const worker_order& order)
{
    watch_session();
    workers.reserve(workers.size() + 1); // so that one that was started can be noted
    BackgroundWorkerHandle* handle = start(describe_worker("pg_etl step", main_function, title, order, MyProcPid));
    if (handle == nullptr) {
        return false;
    }
    workers.push_back({handle, order.id});
    return true;
}

std::vector<std::int64_t> take_ended_workers()
{
    const auto first_ended = std::stable_partition(workers.begin(), workers.end(),
                                                   [](const pool_worker& worker) { return !has_ended(worker); });
    std::vector<std::int64_t> ids;
    for (auto worker = first_ended; worker != workers.end(); ++worker) {
        ids.push_back(worker->id);
        pfree(worker->handle);
    }
    workers.erase(first_ended, workers.end());
    return ids;
}

pool_event await_workers(long milliseconds)
{
    const TimestampTz begin = GetCurrentTimestamp();
    for (;;) {
        if (told_to_cancel()) {
            return pool_event::cancelled;
        }
        if (any_has_ended()) {
            return pool_event::ended;
        }
        const long rest = milliseconds - TimestampDifferenceMilliseconds(begin, GetCurrentTimestamp());
        if (rest <= 0) {
            return pool_event::timeout;
        }
        // The postmaster sets the latch when a worker starts or ends.
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, rest, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
    }
}

void end_pool_workers()
{
    while (!std::all_of(workers.begin(), workers.end(), has_ended)) {
        terminate_all();
        WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        told_to_cancel();
    }
}

bool start_detached_worker(const char* main_function, std::string_view title, const worker_order& order)
{
    BackgroundWorker worker = describe_worker("pg_etl runner", main_function, title, order, 0);
    return RegisterDynamicBackgroundWorker(&worker, nullptr);
}

} // namespace etl::pg
