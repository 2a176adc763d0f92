// Statements that are held to what a rollup's query used when it was made.
//
// While the setting pg_etl.rollup_uses is not empty, a statement that is run here is refused after it is analysed and
// before anything of it runs, planning included, where it calls a function that the setting does not have. So there is
// no moment between the look and the run in which another function could take a name.
#pragma once

namespace etl::pg {

// Calls run(context), which analyses the text `sql` itself, by its address, and runs it. What that runs in turn is not
// held. May raise, and owns nothing.
void run_held(const char* sql, void (*run)(void*), void* context);

} // namespace etl::pg
