// Rows as lines of JSON objects: in place, a string is shifted over its escapes.
#pragma once

#include "retention/archive_parser.hpp"

namespace etl {

class ndjson_parser final : public archive_parser {
  public:
    ndjson_parser(record_cutter& from, std::vector<archive_column> columns)
        : archive_parser{from, std::move(columns)}, seen_(columns_.size())
    {
    }

  private:
    void parse(std::span<char> record) override;
    void member();
    archive_field value(const archive_column& of);
    archive_field string();
    char* unescape(char* to);
    char32_t escaped_character();
    unsigned four_digits();
    archive_field bare(const archive_column& of);
    archive_field raw_value();
    void pass_string();
    void skip_blanks() noexcept;
    char peek() const noexcept { return at_ < end_ ? *at_ : '\0'; }
    bool accept(char c) noexcept;
    void expect(char c);

    char* at_ = nullptr;
    const char* end_ = nullptr;
    std::size_t expected_ = 0; // the column that is likely to come
    std::vector<bool> seen_;
};

} // namespace etl
