#include "pg/deadline.hpp"

#include "pg/boundary.hpp"

extern "C" {
#include <miscadmin.h>
#include <storage/latch.h>
#include <utils/timeout.h>
}

#include <csignal>

namespace etl::pg {
namespace {

volatile std::sig_atomic_t passed = 0;

// Runs in a signal handler.
void cancel_what_runs()
{
    passed = 1;
    QueryCancelPending = true;
    InterruptPending = true;
    SetLatch(MyLatch);
}

TimeoutId timeout_id()
{
    static const TimeoutId id = RegisterTimeout(USER_TIMEOUT, cancel_what_runs);
    return id;
}

} // namespace

deadline::deadline(int milliseconds) : is_set_{milliseconds > 0}
{
    passed = 0;
    if (is_set_) {
        call([milliseconds] { enable_timeout_after(timeout_id(), milliseconds); });
    }
}

deadline::~deadline()
{
    if (is_set_) {
        disable_timeout(timeout_id(), false);
        if (passed != 0) {
            QueryCancelPending = false; // it may have come when all was done
        }
    }
}

bool deadline::has_passed() const noexcept
{
    return is_set_ && passed != 0;
}

} // namespace etl::pg
