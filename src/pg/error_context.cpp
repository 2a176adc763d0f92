#include "pg/error_context.hpp"

namespace etl::pg {

void add_context_line(void* line)
{
    errcontext_msg("%s", static_cast<const char*>(line));
}

void add_numbered_line(void* line)
{
    const auto* of = static_cast<const numbered_line*>(line);
    errcontext_msg("%s %zu of %s", of->what, of->number, of->of);
}

void add_told_sql(void* told)
{
    const auto* of = static_cast<const told_sql*>(told);
    const int position = geterrposition();
    if (position > 0) {
        errposition(0);
        internalerrposition(position);
        internalerrquery(of->sql);
    }
    errcontext_msg("%s", of->line);
}

} // namespace etl::pg
