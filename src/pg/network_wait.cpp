#include "pg/network_wait.hpp"

#include "pg/boundary.hpp"

extern "C" {
#include <storage/ipc.h>
#include <storage/pmsignal.h>
#include <utils/wait_event.h>
}

namespace etl::pg {

void network_wait_begins()
{
    pgstat_report_wait_start(PG_WAIT_EXTENSION);
}

void network_wait_ends()
{
    pgstat_report_wait_end();
}

void poll_network()
{
    if (IsUnderPostmaster && !PostmasterIsAlive()) {
        proc_exit(1);
    }
    poll();
}

} // namespace etl::pg
