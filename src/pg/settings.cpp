#include "pg/settings.hpp"

#include "pg/boundary.hpp"

extern "C" {
#include <utils/guc.h>
}

#include <climits>
#include <cstring>

namespace etl::pg {
namespace {

char* as_of = nullptr;
char* interval_start = nullptr;
char* interval_end = nullptr;
char* params = nullptr;
char* run_id = nullptr;
char* step = nullptr;
char* step_run = nullptr;
bool use_workers = true;
int max_runners = 4;
int worker_wait = 5 * 60'000; // ms
char* rollup_as_of = nullptr;
char* archives = nullptr;
char* imports = nullptr;
char* hosts = nullptr;
char* rollup_uses_text = nullptr;
bool progress = false;
bool erasing = false;
bool concurrent_detach = true;
int log_rows = 100'000;
int retention_batch_time = 250; // ms

// In kB.
int match_memory = 512 * 1024;
int graph_memory = 512 * 1024;
int sample_memory = 1024 * 1024;

std::size_t bytes(int kilobytes) noexcept
{
    return static_cast<std::size_t>(kilobytes) * 1024;
}

// Before it is used, each part of the path is looked at as well.
bool check_directory(char** value, void**, GucSource)
{
    const char* path = *value;
    if (path[0] != '\0' && (path[0] != '/' || path[std::strspn(path, "/")] == '\0')) {
        GUC_check_errdetail("It must be the absolute path of a directory below the root.");
        return false;
    }
    return true;
}

bool check_hosts(char** value, void**, GucSource)
{
    failure why;
    try {
        require_host_list(*value);
        return true;
    } catch (...) {
        describe_current_exception(why);
    }
    GUC_check_errdetail("%s", why.message);
    GUC_check_errhint("%s", why.hint);
    return false;
}

void define_memory(const char* name, const char* what, const char* otherwise, int* kilobytes, int least)
{
    DefineCustomIntVariable(name, what, otherwise, kilobytes, *kilobytes, least, MAX_KILOBYTES, PGC_USERSET,
                            GUC_UNIT_KB, nullptr, nullptr, nullptr);
}

// What a step of a pipeline is told.
void define_context(const char* name, const char* what, char** value)
{
    DefineCustomStringVariable(name, what, "Set for each step of a pipeline; empty outside of them.", value, "",
                               PGC_USERSET, 0, nullptr, nullptr, nullptr);
}

} // namespace

std::size_t match_memory_bytes() noexcept
{
    return bytes(match_memory);
}

std::size_t graph_memory_bytes() noexcept
{
    return bytes(graph_memory);
}

std::size_t sample_memory_bytes() noexcept
{
    return bytes(sample_memory);
}

std::size_t rollup_log_rows() noexcept
{
    return static_cast<std::size_t>(log_rows);
}

const char* rollup_uses() noexcept
{
    return rollup_uses_text == nullptr ? "" : rollup_uses_text;
}

bool is_erasing() noexcept
{
    return erasing;
}

const char* archive_directory() noexcept
{
    return archives;
}

const char* import_directory() noexcept
{
    return imports;
}

const char* allowed_hosts() noexcept
{
    return hosts;
}

void define_settings()
{
    DefineCustomBoolVariable("pg_etl.progress", "Reports the progress of procedures that work in batches.",
                             "At most one INFO message a second: done, total, rate and remaining time.", &progress,
                             progress, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    define_memory("pg_etl.match_memory", "How much memory a match may take for its rows.",
                  "Rows that do not fit are matched by joins in SQL, which take longer; 0 does so always.",
                  &match_memory, 0);
    define_memory("pg_etl.graph_memory", "How much memory a graph may take.",
                  "Functions of graphs hold the whole graph; one that does not fit is an error.", &graph_memory, 1024);
    define_memory("pg_etl.sample_memory", "How much memory a sample of negatives may take for its positives.",
                  "A sample whose positives do not fit is refused.", &sample_memory, 1024);
    DefineCustomIntVariable("pg_etl.rollup_log_rows",
                            "How many rows one statement adds to the log of a rollup at most.",
                            "A statement that would add more logs one row that stands for a range of groups or for "
                            "all of them; 0 does so always. What is erased is logged whole.",
                            &log_rows, log_rows, 0, INT_MAX, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("pg_etl.erasing", "Whether deleted rows are erased by retention or by law.",
                             "Rollups log such rows apart, as a rollup may outlive the rows that it was made of.",
                             &erasing, erasing, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("pg_etl.as_of", "Logical time of the pipeline step that is running.",
                               "Set by etl.run_pipeline for each step and read by etl.as_of(); empty means now.",
                               &as_of, "", PGC_USERSET, 0, nullptr, nullptr, nullptr);
    define_context("pg_etl.interval_start", "Where the interval of the running step's run begins.", &interval_start);
    define_context("pg_etl.interval_end", "Where the interval of the running step's run ends.", &interval_end);
    define_context("pg_etl.params", "Parameters of the running step, as JSON.", &params);
    define_context("pg_etl.run_id", "Number of the run that the running step belongs to.", &run_id);
    define_context("pg_etl.step", "Name of the running step.", &step);
    define_context("pg_etl.step_run", "Number of the running step in etl.step_run.", &step_run);
    DefineCustomBoolVariable("pg_etl.use_workers", "Whether steps of pipelines may run in background workers.",
                             "Off: the session that runs a pipeline executes its steps one by one.", &use_workers,
                             use_workers, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_etl.max_runners", "How many runs of pipelines the scheduler has under way at once.",
                            "Each takes a background worker beside those of its steps; further runs wait.",
                            &max_runners, max_runners, 1, 1000, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_etl.worker_wait", "How long a step waits for a background worker that it needs.",
                            "Then its attempt has failed; 0 does not wait.", &worker_wait, worker_wait, 0, 86'400'000,
                            PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("pg_etl.rollup_as_of", "Moment that the refresh of a rollup speaks of.",
                               "Set by etl.refresh_rollup and read by filters of now(); empty means now.",
                               &rollup_as_of, "", PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_etl.retention_batch_time", "How long a batch of a retention policy should take.",
                            "Batches get larger or smaller until they take so long; 0 leaves them as the policy says.",
                            &retention_batch_time, retention_batch_time, 0, 60'000, PGC_USERSET, GUC_UNIT_MS, nullptr,
                            nullptr, nullptr);
    DefineCustomBoolVariable("pg_etl.concurrent_detach", "Whether partitions are detached without a lock on the table.",
                             "A background worker does so; off: each is detached within the policy's lock_timeout.",
                             &concurrent_detach, concurrent_detach, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("pg_etl.archive_directory", "Directory that archive files are written below.",
                               "An absolute path on the server; empty means that there are no archive files.",
                               &archives, "", PGC_SUSET, 0, check_directory, nullptr, nullptr);
    DefineCustomStringVariable("pg_etl.import_directory", "Directory that files are loaded from.",
                               "An absolute path on the server; empty means that no file is.", &imports, "", PGC_SUSET,
                               0, check_directory, nullptr, nullptr);
    DefineCustomStringVariable("pg_etl.allowed_hosts", "Hosts that may be asked over HTTP, with commas between them.",
                               "Names, *.names, addresses and ranges, each with a port where only one is meant; empty "
                               "means that none may be asked.",
                               &hosts, "", PGC_SUSET, GUC_LIST_INPUT, check_hosts, nullptr, nullptr);
    DefineCustomStringVariable("pg_etl.rollup_uses", "What the queries of the rollup that is at work may call.",
                               "Set by the functions that run queries of a rollup: its name and the functions that its "
                               "query used when it was made, as an array; empty means that nothing is checked.",
                               &rollup_uses_text, "", PGC_USERSET, 0, nullptr, nullptr, nullptr);
    MarkGUCPrefixReserved("pg_etl");
}

} // namespace etl::pg
