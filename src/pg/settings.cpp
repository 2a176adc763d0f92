#include "pg/settings.hpp"

#include "pg/postgres.hpp"

extern "C" {
#include <utils/guc.h>
}

#include <climits>

namespace etl::pg {
namespace {

char* as_of = nullptr;
bool progress = false;
int match_memory = 512 * 1024;   // kB
int sample_memory = 1024 * 1024; // kB

} // namespace

std::size_t match_memory_bytes() noexcept
{
    return static_cast<std::size_t>(match_memory) * 1024;
}

std::size_t sample_memory_bytes() noexcept
{
    return static_cast<std::size_t>(sample_memory) * 1024;
}

void define_settings()
{
    DefineCustomBoolVariable("pg_etl.progress", "Reports the progress of procedures that work in batches.",
                             "At most one INFO message a second: done, total, rate and remaining time.", &progress,
                             progress, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_etl.match_memory", "How much memory a match may take for its rows.",
                            "Rows that do not fit are matched by joins in SQL, which take longer; 0 does so always.",
                            &match_memory, match_memory, 0, MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB, nullptr, nullptr,
                            nullptr);
    DefineCustomIntVariable("pg_etl.sample_memory", "How much memory a sample of negatives may take for its positives.",
                            "A sample whose positives do not fit is refused.", &sample_memory, sample_memory, 1024,
                            MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("pg_etl.as_of", "Logical time of the pipeline step that is running.",
                               "Set by etl.run_pipeline for each step and read by etl.as_of(); empty means now.",
                               &as_of, "", PGC_USERSET, 0, nullptr, nullptr, nullptr);
    MarkGUCPrefixReserved("pg_etl");
}

} // namespace etl::pg
