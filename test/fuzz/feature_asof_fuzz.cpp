// Any bytes as the index of labels that the parts of a point-in-time join share: refused, or used without harm.
#include "feature/asof_best.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace {

using namespace etl::feature;

struct no_ranking final : row_ranking {
    int compare(std::span<const std::byte>, std::span<const std::byte>) override { return 0; }
};

void use_index(std::span<const std::byte> bytes)
{
    const asof_index index = asof_index::read(bytes);
    no_ranking ranking;
    asof_best best{std::pmr::get_default_resource(), index, {0, index.labels()}, ranking};
    for (std::uint32_t number = 0; number < std::min(index.groups(), 64U); ++number) {
        const etl::fingerprint key = index.key(number);
        if (!index.may_have(key)) {
            continue;
        }
        for (const std::int64_t time : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{1} << 40}) {
            best.offer({key, time, time - 1, time, 1, 0}, bytes.first(std::min<std::size_t>(bytes.size(), 9)));
        }
    }
    best.each([](const etl::fingerprint&, const noted_row&) {});
    best.settle(etl::never_poll);
    for (std::uint32_t label = 0; label < std::min(index.labels(), 64U); ++label) {
        best.answer(label, -5, 5);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto bytes = std::as_bytes(std::span{data, size});
    try {
        use_index(bytes);
    } catch (const etl::error&) {
    }
    return 0;
}
