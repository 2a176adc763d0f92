// A file that is read: a regular one, reached without following a link.
#pragma once

#include "core/byte_stream.hpp"
#include "core/file_folder.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <string>

namespace etl {

// Errors name the file and what the system says, with the SQLSTATE of their kind. One that somebody writes meanwhile is
// refused at its end (55000): what was read of it was never there as a whole.
class source_file final : public byte_source {
  public:
    source_file(const file_path& path, poll_fn poll);

    std::size_t read(std::span<char> to) override;

    // When it was opened.
    std::uint64_t size() const noexcept { return static_cast<std::uint64_t>(opened_.st_size); }

    // Begins anew with its first byte.
    void rewind();

    // Asks the system to forget what it remembers of the file, so that it is read from the disk.
    void forget_cached() const noexcept;

  private:
    struct stat look() const;
    void require_unchanged() const;

    const file_kind* kind_;
    std::string path_;
    poll_fn poll_;
    file_descriptor file_;
    struct stat opened_ = {};
};

} // namespace etl
