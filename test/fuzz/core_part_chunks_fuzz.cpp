// Any bytes as the list of chunks that an aggregate's workers leave behind: refused, or what is written from it again.
#include "core/part_writer.hpp"

#include <algorithm>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto bytes = std::as_bytes(std::span{data, size});
    try {
        etl::part_chunks chunks;
        etl::read_chunks(bytes, chunks);
        std::pmr::vector<std::byte> again;
        etl::byte_writer to{again};
        etl::write_chunks(to, chunks);
        if (!std::ranges::equal(bytes, again)) {
            std::abort();
        }
    } catch (const etl::error&) {
    }
    return 0;
}
