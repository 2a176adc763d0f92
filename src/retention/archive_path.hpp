// Where an archive file lies: below the directory that the superuser has set aside for archives, and nowhere else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace etl {

struct archive_path {
    std::string root;                 // the directory of archives, without a slash at its end
    std::vector<std::string> folders; // below it, from above to below
    std::string name;                 // of the file

    // What "file:///directory/folder/name" says. The path is taken as it is written, without escapes. Refuses what is
    // no such location (22023), and what is not below the root (42501), or would climb out of it: no part of the path
    // may be empty, "." or "..".
    static archive_path parse(std::string_view location, const std::string& root);

    std::string text() const;
    std::string folder_text() const;
};

// The directory of archives as it is set: an absolute path without "." and "..", without slashes at its end. Throws
// (22023) where it is none; empty where no directory is set (55000).
std::string require_archive_root(std::string_view setting);

// Whether a setting is empty or names a directory as above.
bool is_archive_root(std::string_view setting) noexcept;

} // namespace etl
