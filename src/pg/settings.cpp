#include "pg/settings.hpp"

#include "pg/postgres.hpp"

extern "C" {
#include <utils/guc.h>
}

namespace etl::pg {
namespace {

char* as_of = nullptr;
bool progress = false;

} // namespace

void define_settings()
{
    DefineCustomBoolVariable("pg_etl.progress", "Reports the progress of procedures that work in batches.",
                             "At most one INFO message a second: done, total, rate and remaining time.", &progress,
                             progress, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("pg_etl.as_of", "Logical time of the pipeline step that is running.",
                               "Set by etl.run_pipeline for each step and read by etl.as_of(); empty means now.",
                               &as_of, "", PGC_USERSET, 0, nullptr, nullptr, nullptr);
    MarkGUCPrefixReserved("pg_etl");
}

} // namespace etl::pg
