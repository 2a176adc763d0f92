// What a load is told: how its content is written, and what becomes of lines that are wrong.
#pragma once

#include "core/compression.hpp"
#include "extract/csv_reader.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etl {

struct load_job {
    enum class rows_as { csv, json, ndjson };
    enum class header_is { missing, names, the_columns };
    enum class bad_rows_are { rejected, skipped, errors };

    std::int64_t batch = 0;
    std::string server; // whose answer is the content; empty: a file
    rows_as format = rows_as::csv;
    packed_by packed = packed_by::nothing;
    std::string encoding; // empty: found out
    csv_dialect dialect;
    std::string null_text;
    header_is header = header_is::names;
    std::string mapping; // a document; empty: by names
    std::vector<std::string> required;
    std::string records_path;
    bad_rows_are bad_rows = bad_rows_are::rejected;
    std::optional<std::uint64_t> most_bad_rows;

    // Of a JSON object whose members are the arguments of etl.load_file. Throws 22023 where one is none of its values.
    static load_job parse(std::string_view text);
};

} // namespace etl
