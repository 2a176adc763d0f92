// Any text is a date or not.
#include "validate/dateutil.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace std::chrono_literals;
    const std::string text{data, data + size};
    (void)etl::validate::dateutil_parseable_on(text, 2024y / 2 / 29);
    return 0;
}
