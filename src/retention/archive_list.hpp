// What lies in the directory of archives.
#pragma once

#include "core/error.hpp"
#include "core/file_path.hpp"

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

// Removes what a process that was killed while it wrote a file has left of it under temporary names, and not what
// somebody is writing now. True where nothing is there after that, neither under these names nor under its own. Throws
// where there is not even its folder.
bool sweep_archive_file(const file_path& path, poll_fn poll);

} // namespace etl
