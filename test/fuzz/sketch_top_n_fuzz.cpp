// Any bytes as a state of the first n values: refused, or read to its end and written again as they were.
#include "sketch/top_n.hpp"

#include <algorithm>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto bytes = std::as_bytes(std::span{data, size});
    try {
        etl::check_top_n(bytes, etl::never_poll);
    } catch (const etl::error&) {
        return 0;
    }
    etl::top_n_reader from{bytes};
    std::pmr::vector<std::byte> again;
    etl::byte_writer to{again};
    etl::write_top_n_header(to, from.header(), from.entries());
    for (std::size_t i = 0; i < from.entries(); ++i) {
        etl::write_top_n_entry(to, from.next());
    }
    if (!std::ranges::equal(again, bytes)) {
        std::abort();
    }
    return 0;
}
