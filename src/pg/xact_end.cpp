#include "pg/xact_end.hpp"

namespace etl::pg {
namespace {

const xact_watcher& watcher_in(void* arg)
{
    return *static_cast<const xact_watcher*>(arg);
}

void at_end(XactEvent event, void* arg)
{
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE) {
        watcher_in(arg).committed();
    } else if (event == XACT_EVENT_ABORT) {
        watcher_in(arg).aborted();
    }
}

void at_end_of_subtransaction(SubXactEvent event, SubTransactionId which, SubTransactionId parent, void* arg)
{
    if (event == SUBXACT_EVENT_COMMIT_SUB) {
        watcher_in(arg).subtransaction_committed(which, parent);
    } else if (event == SUBXACT_EVENT_ABORT_SUB) {
        watcher_in(arg).subtransaction_aborted(which);
    }
}

} // namespace

void watch_xacts(const xact_watcher& watcher)
{
    auto* arg = const_cast<xact_watcher*>(&watcher);
    RegisterXactCallback(at_end, arg);
    RegisterSubXactCallback(at_end_of_subtransaction, arg);
}

} // namespace etl::pg
