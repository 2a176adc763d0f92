// Records of CSV out of a stream of bytes, in memory that does not grow with it.
//
// What is accepted: RFC 4180, what COPY writes in any of its dialects, what pandas and spreadsheets write. A line ends
// with LF, CR LF or CR, in any mixture, and the last one with the end of the stream. A value whose first byte is the
// quote is quoted: it may hold delimiters and line ends, and a quote that is doubled or comes behind the escape. Within
// a value that is not quoted, a quote is a byte as any other. A mark of UTF-8 at the beginning is passed over.
//
// What is not CSV is a fault of one line: the record that it would have begun is not given, but its first line is, and
// reading goes on with the next one. That is so for a quoted value that goes on behind its quote, or that has no end;
// the lines that it would have swallowed are read as lines of their own. How many values a record has is the caller's
// business, and so is what they are made of: the reader knows only bytes, in an encoding that ASCII is a part of.
#pragma once

#include "extract/byte_window.hpp"
#include "extract/special_bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace etl {

struct csv_dialect {
    char delimiter = ',';
    char quote = '"'; // '\0': nothing is quoted
    char escape = '"';

    // Refuses (22023) bytes that could not be told apart.
    void require_sound() const;
};

struct csv_value {
    std::string_view text;
    bool is_quoted;
};

struct csv_limits {
    std::size_t record = std::size_t{64} << 20; // bytes: a reader holds a record as a whole
    std::size_t values = 16'384;                // of a record
    std::size_t buffer = std::size_t{256} << 10;
};

class csv_reader {
  public:
    enum class outcome { record, fault, end };

    // The source must outlive it.
    csv_reader(byte_source& from, csv_dialect dialect, csv_limits limits = {});

    // What it has read lives until it is called again.
    outcome next();

    // Of a record; at least one.
    const std::vector<csv_value>& values() const noexcept { return values_; }

    // The record as it stands, or the line that has the fault, without its end. Of a line that is longer than a record
    // may be only the beginning is there.
    std::string_view text() const noexcept { return text_; }

    // Where it begins, from 1.
    std::uint64_t line() const noexcept { return line_; }

    // A fault: what it is, and where: the line, and the number of the value from 1, or 0 for the line as a whole.
    struct fault {
        std::string what;
        std::uint64_t line;
        std::size_t value;
    };
    const fault& what() const noexcept { return fault_; }

  private:
    enum class parsed { whole, unfinished, wrong };

    void begin();
    parsed parse();
    parsed parse_value(const char*& at);
    parsed parse_quoted(const char*& at);
    parsed parse_end(const char* at);
    parsed ends_without(const char* what);
    parsed is_wrong(std::string what, std::uint64_t line, std::size_t value);
    void finish();
    void unescape();
    outcome fail();
    const char* line_end() const noexcept;
    void pass_long_line();

    csv_dialect dialect_;
    csv_limits limits_;
    special_bytes<5> special_;

    byte_window window_; // begins with the next record
    bool begun_ = false;

    std::vector<csv_value> values_;
    std::vector<std::size_t> escaped_; // those of them that hold escapes
    std::vector<char> unescaped_;
    std::string_view text_;
    std::string cut_;
    const char* behind_ = nullptr; // where the record ends
    std::uint64_t line_ = 0;
    std::uint64_t next_line_ = 1;
    std::uint64_t inner_lines_ = 0;  // ends of lines within the record
    std::uint64_t inner_before_ = 0; // and before the value that is being read
    fault fault_;
};

} // namespace etl
