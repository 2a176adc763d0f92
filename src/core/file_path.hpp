// Where a file lies that SQL may name: below the directory that a superuser has set aside for its kind, and nowhere
// else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace etl {

// A kind of files, as messages call it, the setting that names its directory, and the hint how to name one.
struct file_kind {
    const char* name;
    const char* setting;
    const char* hint;
};

struct file_path {
    const file_kind* kind;
    std::string root;                 // the directory, without a slash at its end
    std::vector<std::string> folders; // below it, from above to below
    std::string name;                 // of the file

    // What "file:///directory/folder/name" says. The path is taken as it is written, without escapes. Refuses what is
    // no such location (22023), and what is not below the root (42501), or would climb out of it: no part of the path
    // may be empty, "." or "..".
    static file_path parse(const file_kind& kind, std::string_view location, const std::string& root);

    // The same for a path: an absolute one, or one that begins at the root.
    static file_path below(const file_kind& kind, std::string_view path, const std::string& root);

    std::string text() const;
    std::string subject() const; // of messages: archive file "/a/b"
    std::string folder_text() const;
};

// The directory of a kind as it is set: an absolute path without "." and "..", without slashes at its end. Throws where
// it is none (22023), and where none is set (55000).
std::string require_file_root(const file_kind& kind, std::string_view setting);

// Whether a setting is empty or names a directory as above.
bool is_file_root(std::string_view setting) noexcept;

} // namespace etl
