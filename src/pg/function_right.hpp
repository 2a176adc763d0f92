// The right to execute a function of etl, asked for by what does the same in another way.
#pragma once

namespace etl::pg {

// Throws 42501 where the current role may not execute etl.FUNCTION: role "r" may not DO. The hint is the GRANT. There
// must be one function of that name.
void require_execute(const char* function, const char* what_it_does);

} // namespace etl::pg
