// Archive files from strangers: whatever the bytes are, they are read within bounds or refused; and what the readers
// have taken, the writers write such that it is read again.
#include "core/compression.hpp"
#include "core/file_path.hpp"
#include "retention/archive_parser.hpp"
#include "retention/archive_writer.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace {

using namespace etl;
using row = std::vector<std::optional<std::string>>;

class text_source final : public byte_source {
  public:
    text_source(std::string_view text, std::size_t piece) : text_{text}, piece_{piece} {}
    std::size_t read(std::span<char> to) override
    {
        const std::size_t count = std::min({to.size(), piece_, text_.size()});
        std::copy_n(text_.begin(), count, to.begin());
        text_.remove_prefix(count);
        return count;
    }

  private:
    std::string_view text_;
    std::size_t piece_;
};

class text_sink final : public byte_sink {
  public:
    void write(std::string_view bytes) override { text += bytes; }
    void finish() override {}
    std::string text;
};

const std::vector<std::string> names{"a", "b", "\"c\n"};

// Throws etl::error where the file is refused. Stops reading what goes on for ever, as compressed data may.
std::vector<row> read(archive_format format, std::string_view text, std::size_t piece)
{
    constexpr std::size_t most_rows = 10'000;
    text_source source{text, piece};
    const auto decompressor = make_decompressor(format.packed, source, "f");
    record_cutter records{decompressor ? *decompressor : source, format, "f", 1 << 20};
    const auto parser = make_archive_parser(records, format, {{names[0], false}, {names[1], true}, {names[2], false}});
    std::vector<row> rows;
    while (rows.size() < most_rows && parser->next()) {
        row& values = rows.emplace_back();
        for (const archive_field& field : parser->fields()) {
            if (field.data != nullptr && field.data[field.size] != '\0') {
                std::abort();
            }
            values.push_back(field.data == nullptr ? std::nullopt : std::optional{std::string{field.view()}});
        }
    }
    return rows;
}

std::string written(archive_format format, const std::vector<row>& rows)
{
    text_sink sink;
    const auto compressor = make_compressor(format.packed, sink);
    output_buffer buffer{compressor ? *compressor : sink, never_poll};
    const auto writer = make_archive_writer(format, names, buffer);
    for (const row& values : rows) {
        writer->begin_row();
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (!values[i]) {
                writer->null(i);
            } else if (i == 1) {
                writer->json(i, *values[i]);
            } else {
                writer->text(i, *values[i]);
            }
        }
        writer->end_row();
    }
    buffer.flush();
    if (compressor) {
        compressor->finish();
    }
    return sink.text;
}

void try_location(std::string_view text)
{
    try {
        const file_path path = file_path::parse(archive_files, text, "/root");
        if (path.text() != text.substr(7) || path.text().find("/../") != std::string::npos) {
            std::abort();
        }
    } catch (const error&) {
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    constexpr const char* formats[] = {"ndjson", "csv", "ndjson.gz", "ndjson.zst", "csv.zst"};
    if (size < 2) {
        return 0;
    }
    const archive_format format = archive_format::parse(formats[data[0] % std::size(formats)]);
    const std::size_t piece = data[1] + std::size_t{1};
    const std::string_view text{reinterpret_cast<const char*>(data) + 2, size - 2};
    try_location(text);
    std::vector<row> rows;
    try {
        rows = read(format, text, piece);
    } catch (const error&) {
        return 0;
    }
    if (read(format, written(format, rows), 1000) != rows) {
        std::abort();
    }
    return 0;
}
