// Background workers that a session has started and does not wait for one by one: it goes on, and looks from time to
// time which of them have ended. They do not outlive it: an error that ends the procedure that started them, and the
// end of the session, end them too.
#pragma once

#include "pg/background_worker.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace etl::pg {

// False where no slot is free.
bool start_pool_worker(const char* main_function, std::string_view title, const worker_order& order);

// The ids of those that have ended since the last call; they are forgotten.
std::vector<std::int64_t> take_ended_workers();

enum class pool_event { ended, timeout, cancelled };

// Waits until a worker has ended, so many milliseconds have passed, or the session is told to cancel. The caller is in
// no transaction that holds a snapshot.
pool_event await_workers(long milliseconds);

// Terminates all of them and waits until they have ended. A cancel meanwhile changes nothing.
void end_pool_workers();

// Starts a worker that nobody waits for, and that outlives the session. False where no slot is free. Allocates nothing
// and raises nothing, as a transaction that has committed cannot fail any more.
bool start_detached_worker(const char* main_function, std::string_view title, const worker_order& order);

} // namespace etl::pg
