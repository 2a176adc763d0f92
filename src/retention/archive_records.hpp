// An archive file as records: its bytes, cut where a row ends.
#pragma once

#include "core/byte_stream.hpp"
#include "retention/archive_format.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace etl {

class record_cutter {
  public:
    // `name` is the file's, for errors.
    record_cutter(byte_source& from, archive_format format, std::string name,
                  std::size_t longest = longest_archive_row);

    // The next record, without its line feed; nullopt at the end. It may be changed, and so may one byte behind it,
    // until the next call. Throws where the file ends within a record (22P04) and where one is too long (54000).
    std::optional<std::span<char>> next();

    // Of the latest record, from 1 on. The header of a CSV file counts.
    std::uint64_t line() const noexcept { return line_; }

    // Throws (22P04): what is wrong with the latest record.
    [[noreturn]] void refuse(std::string detail) const;

  private:
    bool find_end();
    void pass_quotes(const char* to);
    bool fill();
    void make_room();

    byte_source& from_;
    archive_format format_;
    std::string name_;
    std::size_t longest_;
    std::unique_ptr<char[]> bytes_;
    std::size_t room_ = 0;
    std::size_t start_ = 0;   // of the record
    std::size_t scanned_ = 0; // up to here there is no end of it
    std::size_t read_ = 0;    // up to here there are bytes
    std::uint64_t line_ = 0;
    bool quoted_ = false; // at `scanned_`, in CSV
};

} // namespace etl
