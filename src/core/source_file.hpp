// A file that is read: a regular one, reached without following a link.
#pragma once

#include "core/byte_stream.hpp"
#include "core/file_folder.hpp"

#include <cstdint>
#include <string>

namespace etl {

// Errors name the file and what the system says, with the SQLSTATE of their kind.
class source_file final : public byte_source {
  public:
    source_file(const file_path& path, poll_fn poll);

    std::size_t read(std::span<char> to) override;

    // When it was opened.
    std::uint64_t size() const noexcept { return size_; }

    // Begins anew with its first byte.
    void rewind();

    // Asks the system to forget what it remembers of the file, so that it is read from the disk.
    void forget_cached() const noexcept;

  private:
    const file_kind* kind_;
    std::string path_;
    poll_fn poll_;
    file_descriptor file_;
    std::uint64_t size_ = 0;
};

} // namespace etl
