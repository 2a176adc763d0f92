// The texts of JSON records out of a stream: lines of NDJSON, or the elements of an array. Memory holds one of them.
//
// A text is found by its quotes and brackets alone; whether it is JSON is for its reader to say. So a wrong record is a
// fault of its own. What is wrong between records (no comma, an array without end, something behind it) is an error,
// for what follows cannot be told apart any more.
#pragma once

#include "extract/byte_window.hpp"
#include "extract/field_paths.hpp"
#include "extract/special_bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace etl {

struct json_limits {
    std::size_t record = std::size_t{64} << 20; // bytes
    std::size_t buffer = std::size_t{256} << 10;
};

class json_texts {
  public:
    virtual ~json_texts() = default;

    // What it has read lives until it is called again; false at the end. Throws 22P04.
    virtual bool next() = 0;

    // Where the text begins (lines from 1), and the text: its beginning alone where it is longer than the limit.
    std::uint64_t line() const noexcept { return line_; }
    std::string_view text() const noexcept { return text_; }
    bool is_too_long() const noexcept { return is_too_long_; }

  protected:
    json_texts(byte_source& from, json_limits limits)
        : limits_{limits}, window_{from, std::max<std::size_t>(limits.buffer, 3), limits.record}
    {
    }

    void begin();
    void pass(const char* to) noexcept;
    void cut();

    json_limits limits_;
    byte_window window_;
    bool begun_ = false;
    std::string_view text_;
    std::string cut_;
    bool is_too_long_ = false;
    std::uint64_t line_ = 0;
    std::uint64_t at_line_ = 1; // of the beginning of the window
};

class json_lines final : public json_texts {
  public:
    explicit json_lines(byte_source& from, json_limits limits = {}) : json_texts{from, limits} {}

    bool next() override;

  private:
    const char* find_end();
};

class json_array final : public json_texts {
  public:
    // The array is at a path of the document.
    json_array(byte_source& from, field_path path, json_limits limits = {});

    bool next() override;

  private:
    static constexpr int no_byte = -1;

    int peek();
    void expect(char byte, const char* where);
    void enter();
    void enter_member(const std::string& key);
    void enter_element(std::size_t number);
    std::string read_key();
    void scan(int depth, bool keeps);
    std::size_t scan_word(std::size_t from);
    std::size_t scan_brackets(std::size_t from, int depth, bool keeps);
    std::size_t more(std::size_t scanned, bool keeps);
    void finish();
    [[noreturn]] void refuse(const std::string& what) const;

    field_path path_;
    special_bytes<6> special_;
    int open_ = 0;                 // brackets around the array
    std::uint64_t value_line_ = 1; // of what is being read
    bool is_first_ = true;
    bool is_over_ = false;
};

} // namespace etl
