// Any bytes as the flat form of a multiset or a sum (the first byte says which): refused, or a value that is written as
// the same bytes again, merges, and is used.
#include "sketch/decimal_sum.hpp"
#include "sketch/exact_sum.hpp"
#include "sketch/sorted_runs.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace {

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

template <class T>
std::pmr::vector<std::byte> flat(T& value)
{
    std::pmr::vector<std::byte> bytes;
    etl::byte_writer to{bytes};
    value.write(to);
    return bytes;
}

// Reads into an object that is made with the arguments; the rest of the bytes is left over.
template <class T, class... Args>
void try_reading(std::span<const std::byte> bytes, void (*use)(T&, const T&), Args... args)
{
    T first{args...};
    T second{args...};
    etl::byte_reader from{bytes, "etl.fuzz"};
    etl::byte_reader again{bytes, "etl.fuzz"};
    first.read(from);
    second.read(again);
    const auto written = flat(first);
    demand(written.size() + from.left() == bytes.size() && std::equal(written.begin(), written.end(), bytes.begin()));
    use(first, second);
}

template <class Key>
void use_runs(etl::sorted_runs<Key>& runs, const etl::sorted_runs<Key>& same)
{
    const std::uint64_t rows = runs.rows();
    try {
        runs.merge(same);
    } catch (const etl::error&) { // more rows than there can be
        return;
    }
    demand(runs.rows() == 2 * rows);
    std::uint64_t found = 0;
    runs.each([&](const auto& entry) {
        demand(entry.rows >= 2);
        found += entry.rows;
    });
    demand(found == 2 * rows);
}

template <class Sum>
void use_sum(Sum& sum, const Sum& same)
{
    const double once = sum.rounded();
    sum.merge(same);
    const double twice = sum.rounded();
    const bool is_subnormal = std::abs(twice) < 1e-300; // rounded to fewer bits
    demand(twice == 2 * once || std::isnan(once) || std::isinf(2 * once) || is_subnormal);
}

void use_decimals(etl::decimal_sum& sum, const etl::decimal_sum& same)
{
    demand(!sum.to_string().empty());
    use_sum(sum, same);
}

void use_whole(etl::whole_sum& sum, const etl::whole_sum& same)
{
    demand(!sum.to_string().empty());
    try {
        sum.merge(same);
    } catch (const etl::error&) {
        return;
    }
    demand(sum.value() == 2 * same.value());
}

void read(int which, std::span<const std::byte> bytes)
{
    std::pmr::memory_resource* memory = std::pmr::new_delete_resource();
    switch (which) {
    case 0:
        return try_reading<etl::sorted_runs<etl::fingerprint>>(bytes, use_runs, memory);
    case 1:
        return try_reading<etl::sorted_runs<std::uint64_t>>(bytes, use_runs, memory);
    case 2:
        return try_reading<etl::exact_sum>(bytes, use_sum);
    case 3:
        return try_reading<etl::exact_square_sum>(bytes, use_sum);
    case 4:
        return try_reading<etl::decimal_sum>(bytes, use_decimals, memory);
    default:
        return try_reading<etl::whole_sum>(bytes, use_whole);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0) {
        return 0;
    }
    try {
        read(data[0] % 6, std::as_bytes(std::span{data + 1, size - 1}));
    } catch (const etl::error&) {
        return 0;
    }
    return 0;
}
