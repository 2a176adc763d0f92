// Where archive files may lie, who may write and read them, and what becomes of a file that was not finished.
#pragma once

#include "pg/foreign_descriptors.hpp"
#include "pg/sha256.hpp"
#include "retention/archive_file.hpp"

#include <string>

namespace etl {

enum class archive_access { read, write };

// Refuses (42501) a role that may not write, or read, files of the server.
void require_archive_access(archive_access access);

// The directory that is set. Throws as require_file_root().
std::string archive_root();

// Removes an unfinished file when the backend is told to end, which runs no destructors.
class watched_new_file {
  public:
    watched_new_file(file_path path, poll_fn poll);
    ~watched_new_file();
    watched_new_file(const watched_new_file&) = delete;
    watched_new_file& operator=(const watched_new_file&) = delete;

    new_archive_file& file() noexcept { return file_; }

  private:
    static void abandon_all(int code, Datum argument);
    static watched_new_file* latest;

    new_archive_file file_;
    watched_new_file* before_;
};

} // namespace etl
