// Texts cut out of any bytes are joined at any threshold: every pair is there once, and reaches it.
#include "dedupe/similarity_join.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory_resource>
#include <set>
#include <string_view>
#include <utility>

namespace {

void demand(bool holds)
{
    if (!holds) {
        std::abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 2) {
        return 0;
    }
    const double threshold = (1 + data[0]) / 256.0;
    const bool links = (data[1] & 1) != 0;
    std::string_view rest{reinterpret_cast<const char*>(data) + 2, size - 2};
    etl::dedupe::similarity_join join{threshold, links, std::pmr::get_default_resource()};
    std::uint32_t texts = 0;
    while (!rest.empty() && texts < 64) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        join.add(rest.substr(0, end), texts % 2 != 0);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        ++texts;
    }
    std::set<std::pair<std::uint32_t, std::uint32_t>> seen;
    join.each(
        [&](const etl::dedupe::similarity_join::pair& found) {
            demand(found.a < texts && found.b < texts && found.a != found.b);
            demand(found.similarity >= threshold && found.similarity <= 1);
            demand(!links || (found.a % 2 == 0 && found.b % 2 == 1));
            demand(seen.emplace(found.a, found.b).second);
        },
        etl::never_poll);
    return 0;
}
