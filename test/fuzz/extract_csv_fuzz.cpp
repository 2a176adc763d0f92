// Any bytes as CSV: read as a plain parser reads them, whatever pieces they come in; and with small limits without
// harm.
//
// The first two bytes choose the dialect and the sizes.
#include "../unit/csv_reference.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 2) {
        return 0;
    }
    constexpr etl::csv_dialect dialects[] = {{',', '"', '"'}, {';', '"', '\\'}, {'\t', '\0', '\0'}, {'|', '\'', '\''}};
    const etl::csv_dialect dialect = dialects[data[0] % std::size(dialects)];
    const std::size_t piece = 1 + data[0] / 4;
    const std::size_t buffer = 1 + data[1];
    const std::string_view text{reinterpret_cast<const char*>(data) + 2, size - 2};
    const auto expected = csv_reference::parser{text, dialect}.run();
    if (csv_reference::read(text, dialect) != expected ||
        csv_reference::read(text, dialect, piece, {std::size_t{1} << 30, std::size_t{1} << 30, buffer}) != expected) {
        std::abort();
    }
    csv_reference::read(text, dialect, piece, {buffer / 4 + 1, 3, buffer});
    return 0;
}
