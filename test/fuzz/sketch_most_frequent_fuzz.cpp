// Any bytes as counters of values: refused, or a table that can be merged with itself and keeps its bounds.
#include "sketch/most_frequent.hpp"

#include <cstdlib>
#include <cstring>

namespace {

class any final : public etl::same_value {
  public:
    bool is(const etl::counted_value&) const override { return true; }
};

class by_print final : public etl::value_rules {
  public:
    bool are_equal(const etl::counted_value&, const etl::counted_value&) const override { return true; }
    bool is_shown_before(const etl::counted_value&, const etl::counted_value&) const override { return false; }
};

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

void fill(etl::frequency_table& to, std::span<const std::byte> bytes)
{
    etl::frequencies_reader from{bytes};
    for (std::size_t i = 0; i < from.values(); ++i) {
        const auto next = from.next();
        const auto key = etl::fingerprint_of(next.value);
        if (to.find(key, any{}) == nullptr) {
            std::memcpy(to.add_stored(key, next.value.size(), next.count, next.error).bytes, next.value.data(),
                        next.value.size());
        }
    }
    to.add_rows(from.header().rows);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto bytes = std::as_bytes(std::span{data, size});
    constexpr std::size_t memory = std::size_t{1} << 24;
    try {
        etl::check_frequencies(bytes, etl::never_poll);
        const auto counters = etl::frequencies_reader{bytes}.header().counters;
        etl::frequency_table one{std::pmr::get_default_resource(), counters, memory};
        etl::frequency_table two{std::pmr::get_default_resource(), counters, memory};
        fill(one, bytes);
        fill(two, bytes);
        two.merge(one, by_print{}, etl::never_poll);
        demand(two.rows() == 2 * one.rows());
        demand(counters == 0 || two.values().size() <= counters);
        for (const etl::counted_value& value : two.values()) {
            demand(value.error < value.count && value.count <= two.rows());
        }
    } catch (const etl::error&) {
        return 0;
    }
    return 0;
}
