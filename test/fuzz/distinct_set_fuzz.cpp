// Any bytes as a set of distinct values: refused, or a set on which every operation is safe and keeps it a set.
#include "sketch/distinct_set.hpp"

#include "../unit/vector_buffer.hpp"

#include <cstdlib>

namespace {

using etl::test::vector_buffer;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

void use(std::span<const std::byte> bytes)
{
    const auto count = etl::distinct_set::count(bytes);
    vector_buffer grown{bytes};
    etl::distinct_set set{grown};
    set.merge(bytes, etl::never_poll);
    demand(set.count() == count);
    std::uint64_t added = 0;
    for (std::uint64_t i = 0; i < 100; ++i) {
        added += set.insert({i * i, i % 3});
    }
    demand(set.count() == count + added);
    etl::distinct_set::check(grown.bytes(), etl::never_poll);

    vector_buffer empty;
    etl::distinct_set copy{empty};
    copy.merge(bytes, etl::never_poll);
    demand(copy.count() == count);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto bytes = std::as_bytes(std::span{data, size});
    try {
        etl::distinct_set::check(bytes, etl::never_poll);
    } catch (const etl::error&) {
        return 0;
    }
    use(bytes);
    return 0;
}
