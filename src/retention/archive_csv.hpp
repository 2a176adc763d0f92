// Rows in CSV, as archive_writer writes them: in place, a value is shifted over the quotes that are no part of it.
#pragma once

#include "retention/archive_parser.hpp"

namespace etl {

class csv_parser final : public archive_parser {
  public:
    csv_parser(record_cutter& from, std::vector<archive_column> columns);

  private:
    void parse(std::span<char> record) override;
    void read_header();
    void split(std::span<char> record, std::size_t expected);
    archive_field quoted(char*& at, const char* end) const;
    archive_field unquoted(char*& at, const char* end) const;

    std::vector<std::size_t> places_; // of the file's columns
    std::vector<archive_field> values_;
};

} // namespace etl
