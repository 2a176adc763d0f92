// Any bytes as the list of chunks that etl._keyed_rows leaves behind: refused, or what is written from it again.
#include "dedupe/keyed_rows.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto bytes = std::as_bytes(std::span{data, size});
    try {
        const auto chunks = etl::dedupe::read_chunks(std::pmr::get_default_resource(), bytes);
        std::vector<std::byte> again(etl::dedupe::chunks_size(chunks));
        etl::dedupe::write_chunks(chunks, again.data());
        if (!std::ranges::equal(bytes, again)) {
            std::abort();
        }
    } catch (const etl::error&) {
    }
    return 0;
}
