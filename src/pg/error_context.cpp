#include "pg/error_context.hpp"

namespace etl::pg {

void add_context_line(void* line)
{
    errcontext_msg("%s", static_cast<const char*>(line));
}

} // namespace etl::pg
