// An archive file that is read: its rows, and what tells whether it is the one that was written.
#pragma once

#include "core/compression.hpp"
#include "retention/archive_parser.hpp"
#include "retention/archive_place_pg.hpp"
#include "retention/archive_values_pg.hpp"

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

extern "C" {
#include <access/tupdesc.h>
}

namespace etl {

class archive_rows_in {
  public:
    // Reads as the columns of `row`, which must outlive it; `others` are names of columns that are passed over. Values
    // live in the memory context that is the current one now.
    archive_rows_in(const file_path& path, archive_format format, TupleDesc row, std::vector<std::string> others);

    // False at the end. Values and flags are good until the next call.
    bool next();

    Datum* values() noexcept { return values_; }
    bool* nulls() noexcept { return nulls_; }

    // For what is made of the values, and as short-lived as they are.
    MemoryContext scratch() const noexcept { return scratch_.get(); }

    std::uint64_t rows() const noexcept { return rows_; }
    std::uint64_t bytes() const noexcept { return file_.size(); }
    pg::sha256::digest hash() { return hash_.finish(); } // once, at the end

  private:
    void convert();
    static void tell_line(void* rows);

    pg::foreign_descriptors descriptors_;
    std::string name_;
    source_file file_;
    pg::sha256_watcher hash_;
    watched_source hashed_;
    std::unique_ptr<byte_source> decompressor_;
    record_cutter records_;
    std::unique_ptr<archive_parser> parser_;
    int count_;
    column_reader_of_archive* columns_;
    Datum* values_;
    bool* nulls_;
    pg::scratch_context scratch_;
    std::uint64_t rows_ = 0;
    int column_ = 0; // that is being converted
};

} // namespace etl
