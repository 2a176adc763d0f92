// The formats of archive files: how rows are written, and how the file is compressed.
#pragma once

#include "core/compression.hpp"

#include <cstddef>
#include <string_view>

namespace etl {

struct archive_format {
    enum class rows_as { ndjson, csv } rows;
    packed_by packed;

    // Of "ndjson" or "csv", with or without ".gz" or ".zst". Refuses (22023) anything else.
    static archive_format parse(std::string_view name);
};

// How long the text of a row may be in a file, in bytes: whoever reads it back must hold it, and cannot hold a value
// that is longer. What would be longer is not written.
inline constexpr std::size_t longest_archive_row = (std::size_t{1} << 30) - 1;

} // namespace etl
