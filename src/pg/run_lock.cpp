#include "pg/run_lock.hpp"

#include "pg/boundary.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include <access/xact.h>
#include <miscadmin.h>
#include <storage/lock.h>
#include <storage/proc.h>
#include <storage/procarray.h>
#include <storage/sinvaladt.h>
}

#include <algorithm>
#include <cstring>
#include <vector>

namespace etl::pg {
namespace {

struct run_lock {
    std::uint32_t kind;
    std::uint32_t id;

    friend bool operator==(const run_lock&, const run_lock&) = default;
};

std::vector<run_lock> held; // one for each time that it was taken

LOCKTAG tag_of(const run_lock& lock)
{
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, lock.kind, lock.id, 2); // 2: two keys, as pg_advisory_lock(int, int) has
    return tag;
}

bool is_mine(const LOCKTAG& tag)
{
#if PG_VERSION_NUM >= 170000
    return LockHeldByMe(&tag, ExclusiveLock, false);
#else
    return LockHeldByMe(&tag, ExclusiveLock);
#endif
}

// A user's SQL may have released it.
void release(const run_lock& lock)
{
    const LOCKTAG tag = tag_of(lock);
    if (is_mine(tag)) {
        LockRelease(&tag, ExclusiveLock, true);
    }
}

// PostgreSQL keeps locks of sessions through an abort. May not raise; no error is possible here.
void release_after_abort(XactEvent event, void*)
{
    if (event == XACT_EVENT_ABORT) {
        std::for_each(held.begin(), held.end(), release);
        held.clear();
    }
}

PGPROC* process_of(const VirtualTransactionId& transaction)
{
#if PG_VERSION_NUM >= 170000
    return ProcNumberGetProc(transaction.procNumber);
#else
    return BackendIdGetProc(transaction.backendId);
#endif
}

// The quick way to a holder knows it by its transaction, and a session may hold its lock between two. May raise.
int listed_holder(const LOCKTAG& tag)
{
    const LockData* all = GetLockStatusData();
    const auto* held_it = std::find_if(all->locks, all->locks + all->nelements, [&tag](const LockInstanceData& lock) {
        return std::memcmp(&lock.locktag, &tag, sizeof tag) == 0 && lock.holdMask != 0 && lock.pid != MyProcPid;
    });
    return held_it == all->locks + all->nelements ? 0 : held_it->pid;
}

void watch_aborts()
{
    static bool registered = false;
    if (!registered) {
        call([] { RegisterXactCallback(release_after_abort, nullptr); });
        registered = true;
    }
}

} // namespace

bool lock_run(std::uint32_t kind, std::uint32_t id)
{
    watch_aborts();
    held.reserve(held.size() + 1); // so that a lock that was taken can be noted
    const bool taken = call(
        [tag = tag_of({kind, id})] { return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL; });
    if (taken) {
        held.push_back({kind, id});
    }
    return taken;
}

int run_lock_holder(std::uint32_t kind, std::uint32_t id)
{
    return call([tag = tag_of({kind, id})] {
        int count = 0;
        const VirtualTransactionId* holders = GetLockConflicts(&tag, ShareLock, &count);
        const PGPROC* process = count == 0 ? nullptr : process_of(holders[0]);
        return process == nullptr ? listed_holder(tag) : process->pid;
    });
}

void unlock_run(std::uint32_t kind, std::uint32_t id)
{
    const run_lock wanted{kind, id};
    for (auto times = std::erase(held, wanted); times > 0; --times) {
        call([wanted] { release(wanted); });
    }
}

bool retake_run_locks()
{
    return std::all_of(held.begin(), held.end(), [](const run_lock& lock) {
        return call([tag = tag_of(lock)] {
            return is_mine(tag) || LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
        });
    });
}

} // namespace etl::pg
