// Any text as the value of a Link header: it is refused, or its links stand in it.
#include "extract/link_header.hpp"

#include "core/error.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    try {
        for (const auto& link : etl::parse_link_header(text)) {
            demand(text.find('<') != std::string_view::npos && text.find(link.target) != std::string_view::npos);
            demand(link.target.find('>') == std::string::npos);
            for (const auto& rel : link.rels) {
                demand(!rel.empty() && rel.find_first_of(" \tABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos);
            }
        }
    } catch (const etl::error&) {
        return 0;
    }
    return 0;
}
