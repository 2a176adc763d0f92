// Any bytes as the state of etl.geo_velocity: refused, or a state that merges and answers.
#include "core/error.hpp"
#include "feature/geo.hpp"

#include "../unit/vector_buffer.hpp"

#include <cstdlib>

namespace {

using etl::test::vector_buffer;

void use(std::span<const std::byte> bytes)
{
    vector_buffer merged;
    etl::geo_velocity::merge(merged, bytes);
    if (etl::geo_velocity::broken(merged.bytes()) != etl::geo_velocity::broken(bytes)) {
        std::abort();
    }
    etl::geo_velocity::merge(merged, bytes);
    etl::geo_velocity::check(merged.bytes());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto bytes = std::as_bytes(std::span{data, size});
    try {
        etl::geo_velocity::check(bytes);
    } catch (const etl::error&) {
        return 0;
    }
    use(bytes);
    return 0;
}
