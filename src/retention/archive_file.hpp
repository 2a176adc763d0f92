// Files in the directory of archives, and how they come to be there.
//
// Every file is reached from the descriptor of that directory, folder by folder, and no link is followed on the way: so
// whatever somebody does to the tree meanwhile, no file outside of it is read, written or removed. Only regular files
// are. A file that is there is never written to: a new one is made under a temporary name beside the place where it
// shall lie, brought to the disk, and then given its name, which fails where the name is taken.
//
// Errors name the file and what the system says, with the SQLSTATE of their kind: 53100 where the disk is full, 42501
// where permission is missing or the file system is read-only, 58P01, 58P02, 58030 and so on.
#pragma once

#include "core/source_file.hpp"

#include <cstdint>
#include <string>

namespace etl {

inline constexpr file_kind archive_files{
    "archive file", "pg_etl.archive_directory",
    "Write file:// and an absolute path, as in file:///archive/orders/2025.ndjson.zst."};

// Whether a file of this name is one that is, or was, being written to get the other name.
bool is_temporary_name(std::string_view name, std::string_view final_name) noexcept;

// A file that is being written. It goes away again unless it is kept.
class new_archive_file final : public byte_sink {
  public:
    // Makes the folders that are missing.
    new_archive_file(file_path path, poll_fn poll);
    ~new_archive_file() override { abandon(); }
    new_archive_file(const new_archive_file&) = delete;
    new_archive_file& operator=(const new_archive_file&) = delete;

    void write(std::string_view bytes) override;

    // Brings the file to the disk, and gives it its name.
    void finish() override;

    // Lets it stay.
    void keep() noexcept { present_.clear(); }

    // Removes it. For an end of the process that runs no destructor, too.
    void abandon() noexcept;

    std::uint64_t size() const noexcept { return size_; }

  private:
    void close_file();
    void give_name();

    file_path path_;
    poll_fn poll_;
    file_descriptor folder_;
    file_descriptor file_;
    std::string present_; // its name as of now; empty: nothing to remove
    std::uint64_t size_ = 0;
    std::uint64_t flushed_ = 0; // what the system was asked to bring to the disk by and by
};

// False where there is no such file.
bool remove_archive_file(const file_path& path);

} // namespace etl
