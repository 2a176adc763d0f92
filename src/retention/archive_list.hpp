// What lies in the directory of archives.
#pragma once

#include "core/error.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace etl {

struct listed_file {
    std::string path;
    std::uint64_t bytes;
    std::int64_t changed; // microseconds since 1970
};

// Every regular file below the directory. Links are not followed, and what goes away meanwhile is left out. Throws
// where a folder cannot be read.
std::vector<listed_file> list_archive_files(const std::string& root, poll_fn poll);

} // namespace etl
