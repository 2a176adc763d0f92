// The values in the records of an archive file, as texts. Whoever wrote it: what is not in its format is an error.
#pragma once

#include "retention/archive_records.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace etl {

// A value. Its text is followed by a zero byte, and holds none.
struct archive_field {
    char* data; // nullptr is NULL
    std::size_t size;

    std::string_view view() const noexcept { return {data, size}; }
};

// A column that is looked for. As `raw` its value is what stands in a JSON object itself, whatever it is.
struct archive_column {
    std::string name;
    bool raw;
};

class archive_parser {
  public:
    archive_parser(record_cutter& from, std::vector<archive_column> columns);
    virtual ~archive_parser() = default;

    // The values of the next row, in the order of the columns, until the next call; false at the end. A column that the
    // row has not is NULL; one that it has and nobody looks for is an error (22P04), and so is whatever else is wrong.
    bool next();

    std::span<const archive_field> fields() const noexcept { return fields_; }

  protected:
    virtual void parse(std::span<char> record) = 0;

    // The place of a column, which most often is `expected`. Refuses a name that is none.
    std::size_t place_of(std::string_view name, std::size_t expected) const;

    [[noreturn]] void refuse(std::string detail) const { from_.refuse(std::move(detail)); }

    record_cutter& from_;
    std::vector<archive_column> columns_;
    std::vector<archive_field> fields_;
};

// Reads the header too, where the format has one.
std::unique_ptr<archive_parser> make_archive_parser(record_cutter& from, archive_format format,
                                                    std::vector<archive_column> columns);

} // namespace etl
