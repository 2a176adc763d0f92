// Any bytes as a compressed body: whether they come at once or in pieces, they are good or not, and give the same
// text.
// The first byte chooses the coding, the second the size of the pieces.
#include "extract/body_decoder.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>

namespace {

using etl::body_decoder;

constexpr std::size_t most = std::size_t{1} << 20U;

struct decoded {
    std::string text;
    bool is_complete = false;
    bool is_whole = true; // neither wrong nor too long
};

decoded decode(const char* coding, std::string_view bytes, std::size_t piece)
{
    const auto decoder = body_decoder::make(coding);
    decoded made;
    while (!bytes.empty() && made.is_whole) {
        const auto outcome = decoder->decode(bytes.substr(0, piece), [&made](std::string_view more) {
            made.text += more;
            return made.text.size() <= most;
        });
        made.is_whole = outcome == body_decoder::outcome::fine;
        bytes.remove_prefix(std::min(piece, bytes.size()));
    }
    made.is_complete = decoder->is_complete();
    return made;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 2) {
        return 0;
    }
    constexpr const char* codings[] = {"gzip", "br", "zstd", "deflate"};
    const char* coding = codings[data[0] % std::size(codings)];
    const std::string_view bytes{reinterpret_cast<const char*>(data) + 2, size - 2};
    const decoded at_once = decode(coding, bytes, std::string_view::npos);
    const decoded in_pieces = decode(coding, bytes, data[1] % 64 + 1U);
    // What is wrong may be known before all of a piece is there, and so be told as cut.
    const auto is_good = [](const decoded& each) { return each.is_whole && each.is_complete; };
    const bool is_same =
        is_good(at_once) == is_good(in_pieces) && (!is_good(at_once) || at_once.text == in_pieces.text);
    if (!is_same) {
        std::abort();
    }
    return 0;
}
