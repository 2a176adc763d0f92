// Any format (up to the first zero byte) and any text (what follows): a format is refused or matching ends.
#include "validate/strptime.hpp"
#include "core/error.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::uint8_t* zero = std::find(data, data + size, 0);
    const std::string format{data, zero};
    const std::string text{std::min(zero + 1, data + size), data + size};
    try {
        (void)etl::validate::strptime_format{format}.matches(text);
    } catch (const etl::error&) {
        // a format that no text can match
    }
    return 0;
}
