#include "extract/load_records.hpp"

#include "extract/csv_records.hpp"
#include "extract/json_records.hpp"

#include "core/cpp_only.hpp"

namespace etl {

std::unique_ptr<load_records> make_load_records(byte_source& from, const load_job& job,
                                                std::span<const std::string> columns, names_fn names)
{
    if (job.format != load_job::rows_as::csv) {
        return std::make_unique<json_records>(from, job, columns);
    }
    return std::make_unique<csv_records>(from, job, columns, names);
}

} // namespace etl
