// Advisory locks that a session holds while a procedure that commits as it goes is at work.
#pragma once

#include <cstdint>

namespace etl::pg {

// Takes the session's lock without waiting; false where another session has it. Commits leave it; it goes with
// unlock_run, and when a transaction is rolled back: then an error has ended the procedure, wherever it was.
bool lock_run(std::uint32_t kind, std::uint32_t id);

// The process of another session that holds it; 0 for none.
int run_lock_holder(std::uint32_t kind, std::uint32_t id);

// Releases it, however often the session took it.
void unlock_run(std::uint32_t kind, std::uint32_t id);

// Takes again what the session has released otherwise, as pg_advisory_unlock_all() does; false where another session has
// one of them by now.
bool retake_run_locks();

} // namespace etl::pg
