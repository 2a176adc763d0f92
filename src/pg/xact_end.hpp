// What happens to objects of a session when transactions and subtransactions end.
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include <access/xact.h>
}

namespace etl::pg {

// Told of each end. The functions run while PostgreSQL cleans up: they must neither throw nor raise.
struct xact_watcher {
    void (*committed)() noexcept;
    void (*aborted)() noexcept;
    void (*subtransaction_committed)(SubTransactionId which, SubTransactionId parent) noexcept;
    void (*subtransaction_aborted)(SubTransactionId which) noexcept;
};

// For the rest of the session. `watcher` must live as long. May raise.
void watch_xacts(const xact_watcher& watcher);

} // namespace etl::pg
