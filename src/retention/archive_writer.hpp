// Rows as text of an archive file.
//
//   NDJSON  a line is a JSON object of the columns that are not NULL. Numbers, booleans and jsonb stand bare; whatever
//           else is a string of the value's text.
//   CSV     as COPY writes it, with a header: NULL is nothing, the empty text is "".
//
// The texts come in UTF-8, or in what bytes the database has where its encoding is unknown.
#pragma once

#include "core/byte_stream.hpp"
#include "retention/archive_format.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace etl {

// Takes the values of a row in the order of its columns.
class archive_writer {
  public:
    explicit archive_writer(output_buffer& to) : to_{to} {}
    virtual ~archive_writer() = default;

    virtual void begin_row() = 0;
    virtual void null(std::size_t column) = 0;
    virtual void boolean(std::size_t column, bool value) = 0;
    // Digits, or what else needs no quotes in JSON.
    virtual void number(std::size_t column, std::string_view text) = 0;
    // The text of a jsonb value.
    virtual void json(std::size_t column, std::string_view text) = 0;
    // A text that is not empty and of which no character needs a quote or an escape.
    virtual void plain(std::size_t column, std::string_view text) = 0;
    virtual void text(std::size_t column, std::string_view text) = 0;
    // Bytes, as \x and hexadecimal digits.
    virtual void bytes(std::size_t column, std::span<const std::byte> value) = 0;

    // Refuses (54000) a row that is too long to be read back.
    void end_row();

  protected:
    virtual void close_row() = 0;
    void hexadecimal(std::span<const std::byte> bytes);

    output_buffer& to_;

  private:
    std::uint64_t start_ = 0; // of the row
};

// A text as a JSON string, with its quotes.
std::string as_json_string(std::string_view text);

// Writes the header too, where the format has one.
std::unique_ptr<archive_writer> make_archive_writer(archive_format format, std::span<const std::string> columns,
                                                    output_buffer& to);

} // namespace etl
