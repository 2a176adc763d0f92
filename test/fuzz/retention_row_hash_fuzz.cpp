// Any bytes as the text and as the flat form of a sum of row hashes: refused, or read and written again as they were.
#include "retention/row_hash.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace {

void expect(bool what)
{
    if (!what) {
        std::abort();
    }
}

void read_text(std::string_view text)
{
    try {
        const etl::rows_hash parsed = etl::rows_hash::parse(text);
        expect(etl::rows_hash::parse(parsed.to_string()) == parsed);
    } catch (const etl::error&) {
    }
}

void read_flat(std::span<const std::byte> bytes)
{
    try {
        std::array<std::byte, etl::rows_hash::flat_size> again;
        etl::rows_hash::read(bytes).write(again.data());
        expect(std::ranges::equal(again, bytes));
    } catch (const etl::error&) {
    }
}

// A value of any length, as one and in pieces of records: the writer stays within its buffer.
void write_rows(std::span<const std::byte> bytes)
{
    etl::row_writer row;
    row.start();
    for (std::size_t at = 0; at < bytes.size();) {
        const auto size = std::min<std::size_t>(std::to_integer<std::size_t>(bytes[at]) * 16, bytes.size() - at);
        row.column(at);
        row.parts(etl::row_writer::part::record, static_cast<std::uint32_t>(size));
        row.bytes(bytes.subspan(at, size));
        row.word(size, 8);
        at += size + 1;
    }
    row.bytes(bytes);
    expect(row.finish() == row.finish());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto bytes = std::as_bytes(std::span{data, size});
    read_text({reinterpret_cast<const char*>(data), size});
    read_flat(bytes);
    write_rows(bytes);
    return 0;
}
