#include "retention/archive_writer.hpp"

#include "retention/archive_bytes.hpp"

#include <array>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr char digits[] = "0123456789abcdef";

// Texts are escaped a piece at a time, each with room for the longest that it may become.
constexpr std::size_t longest_piece = 4096;

char* write_escaped(char* to, char c) noexcept
{
    *to++ = '\\';
    switch (c) {
    case '\n':
        *to++ = 'n';
        break;
    case '\r':
        *to++ = 'r';
        break;
    case '\t':
        *to++ = 't';
        break;
    case '"':
    case '\\':
        *to++ = c;
        break;
    default:
        *to++ = 'u';
        *to++ = '0';
        *to++ = '0';
        *to++ = digits[static_cast<unsigned char>(c) >> 4];
        *to++ = digits[static_cast<unsigned char>(c) & 15];
    }
    return to;
}

// Where `to` has six bytes of room for each byte.
char* write_json_piece(char* to, std::string_view piece) noexcept
{
    const char* at = piece.data();
    const char* const end = at + piece.size();
    while (at < end) {
        std::uint64_t bytes = 0;
        if (static_cast<std::size_t>(end - at) >= sizeof bytes) {
            std::memcpy(&bytes, at, sizeof bytes);
            if (!needs_escape(bytes)) {
                std::memcpy(to, &bytes, sizeof bytes);
                at += sizeof bytes;
                to += sizeof bytes;
                continue;
            }
        }
        if (needs_escape(*at)) {
            to = write_escaped(to, *at);
        } else {
            *to++ = *at;
        }
        ++at;
    }
    return to;
}

void append_json_string(output_buffer& to, std::string_view text)
{
    constexpr std::size_t longest_escape = 6;
    to.put('"');
    while (!text.empty()) {
        const std::string_view piece = text.substr(0, longest_piece);
        to.advance(write_json_piece(to.reserve(piece.size() * longest_escape), piece));
        text.remove_prefix(piece.size());
    }
    to.put('"');
}

class ndjson_writer final : public archive_writer {
  public:
    ndjson_writer(std::span<const std::string> columns, output_buffer& to) : archive_writer{to}
    {
        for (const std::string& name : columns) {
            keys_.push_back(',' + as_json_string(name) + ':');
        }
    }

    void begin_row() override
    {
        to_.put('{');
        first_ = true;
    }
    void null(std::size_t) override {}
    void boolean(std::size_t column, bool value) override
    {
        key(column);
        to_.append(value ? "true" : "false");
    }
    void number(std::size_t column, std::string_view text) override
    {
        key(column);
        to_.append(text);
    }
    void json(std::size_t column, std::string_view text) override { number(column, text); }
    void plain(std::size_t column, std::string_view text) override
    {
        key(column);
        to_.put('"');
        to_.append(text);
        to_.put('"');
    }
    void text(std::size_t column, std::string_view text) override
    {
        key(column);
        append_json_string(to_, text);
    }
    void bytes(std::size_t column, std::span<const std::byte> value) override
    {
        key(column);
        to_.append("\"\\\\x");
        hexadecimal(value);
        to_.put('"');
    }

  private:
    void close_row() override { to_.append("}\n"); }

    void key(std::size_t column)
    {
        std::string_view text = keys_[column];
        if (first_) {
            text.remove_prefix(1); // the comma
            first_ = false;
        }
        to_.append(text);
    }

    std::vector<std::string> keys_;
    bool first_ = true;
};

// What COPY quotes.
bool needs_quotes(std::string_view text) noexcept
{
    return text.empty() || text == "\\." || text.find_first_of("\",\n\r") != std::string_view::npos;
}

class csv_writer final : public archive_writer {
  public:
    csv_writer(std::span<const std::string> columns, output_buffer& to) : archive_writer{to}
    {
        begin_row();
        for (std::size_t i = 0; i < columns.size(); ++i) {
            text(i, columns[i]);
        }
        end_row();
    }

    void begin_row() override {}
    void null(std::size_t column) override { comma(column); }
    void boolean(std::size_t column, bool value) override
    {
        comma(column);
        to_.put(value ? 't' : 'f');
    }
    void number(std::size_t column, std::string_view text) override { plain(column, text); }
    void json(std::size_t column, std::string_view text) override { this->text(column, text); }
    void plain(std::size_t column, std::string_view text) override
    {
        comma(column);
        to_.append(text);
    }
    void text(std::size_t column, std::string_view text) override
    {
        comma(column);
        if (needs_quotes(text)) {
            quoted(text);
        } else {
            to_.append(text);
        }
    }
    void bytes(std::size_t column, std::span<const std::byte> value) override
    {
        comma(column);
        to_.append("\\x");
        hexadecimal(value);
    }

  private:
    void close_row() override { to_.put('\n'); }

    void comma(std::size_t column)
    {
        if (column > 0) {
            to_.put(',');
        }
    }

    void quoted(std::string_view text)
    {
        to_.put('"');
        for (;;) {
            const std::size_t quote = text.find('"');
            to_.append(text.substr(0, quote));
            if (quote == std::string_view::npos) {
                break;
            }
            to_.append("\"\"");
            text.remove_prefix(quote + 1);
        }
        to_.put('"');
    }
};

} // namespace

std::string as_json_string(std::string_view text)
{
    std::string made;
    made.resize(text.size() * 6 + 2);
    char* end = made.data();
    *end++ = '"';
    end = write_json_piece(end, text);
    *end++ = '"';
    made.resize(static_cast<std::size_t>(end - made.data()));
    return made;
}

void archive_writer::end_row()
{
    close_row();
    const std::uint64_t end = to_.written();
    if (end - start_ > longest_archive_row) {
        throw error(sqlstate::program_limit_exceeded, "a row is too long for an archive file",
                    "Its text has " + std::to_string(end - start_) + " bytes; at most " +
                        std::to_string(longest_archive_row) + " can be read back.");
    }
    start_ = end;
}

void archive_writer::hexadecimal(std::span<const std::byte> bytes)
{
    while (!bytes.empty()) {
        const auto piece = bytes.first(std::min(bytes.size(), longest_piece));
        char* to = to_.reserve(2 * piece.size());
        for (const std::byte byte : piece) {
            *to++ = digits[static_cast<unsigned>(byte) >> 4];
            *to++ = digits[static_cast<unsigned>(byte) & 15];
        }
        to_.advance(to);
        bytes = bytes.subspan(piece.size());
    }
}

std::unique_ptr<archive_writer> make_archive_writer(archive_format format, std::span<const std::string> columns,
                                                    output_buffer& to)
{
    if (format.rows == archive_format::rows_as::csv) {
        return std::make_unique<csv_writer>(columns, to);
    }
    return std::make_unique<ndjson_writer>(columns, to);
}

} // namespace etl
