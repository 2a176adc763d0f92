#include "pg/deadline.hpp"

#include "pg/boundary.hpp"

extern "C" {
#include <miscadmin.h>
#include <storage/latch.h>
#include <utils/timeout.h>
}

#include <algorithm>
#include <csignal>

namespace etl::pg {
namespace {

constexpr int once_more = 1000; // ms
constexpr int most_patience = 5 * once_more;

volatile std::sig_atomic_t passed = 0;
bool ends_process = false;
TimestampTz last_moment = 0; // of the process
const deadline* innermost = nullptr;

// Runs in a signal handler.
void cancel_what_runs()
{
    passed = 1;
    if (ends_process && GetCurrentTimestamp() >= last_moment) {
        ProcDiePending = true;
    }
    QueryCancelPending = true;
    InterruptPending = true;
    SetLatch(MyLatch);
}

TimeoutId timeout_id()
{
    static const TimeoutId id = RegisterTimeout(USER_TIMEOUT, cancel_what_runs);
    return id;
}

// No error is possible once the timeout is registered.
void expect(TimestampTz moment)
{
    passed = 0;
    enable_timeout_every(timeout_id(), moment, once_more);
}

} // namespace

void let_deadlines_end_process()
{
    ends_process = true;
}

deadline::deadline(int milliseconds) : is_set_{milliseconds > 0}, around_{innermost}
{
    if (!is_set_) {
        return;
    }
    until_ = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds);
    first_ = around_ == nullptr ? until_ : std::min(until_, around_->first_);
    call([this] { expect(first_); });
    if (around_ == nullptr) {
        last_moment = TimestampTzPlusMilliseconds(until_, most_patience);
    }
    innermost = this;
}

deadline::~deadline()
{
    if (!is_set_) {
        return;
    }
    disable_timeout(timeout_id(), false);
    if (passed != 0) {
        QueryCancelPending = false; // it may have come when all was done
    }
    innermost = around_;
    if (around_ != nullptr) {
        expect(around_->first_);
    }
}

bool deadline::has_passed() const
{
    return is_set_ && passed != 0 && GetCurrentTimestamp() >= until_;
}

} // namespace etl::pg
