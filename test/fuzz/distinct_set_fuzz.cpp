// Any bytes as a set of distinct values: refused, or a set on which every operation is safe and keeps it a set.
#include "sketch/distinct_set.hpp"
#include "sketch/distinct_set_growing.hpp"

#include "../unit/vector_buffer.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory_resource>

namespace {

using etl::distinct_set;
using etl::growing_set;
using etl::set_operation;
using etl::test::vector_buffer;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

vector_buffer closed(const distinct_set& set)
{
    std::pmr::monotonic_buffer_resource memory;
    const etl::set_surroundings in{memory, etl::never_poll};
    growing_set grown{set.kind()};
    grown.add_all(set, in);
    const auto count = grown.count(in);
    grown.close(in);
    vector_buffer made;
    made.resize(grown.flat_size(in));
    grown.write(made.data(), in.poll);
    distinct_set::check(made.bytes(), etl::never_poll);
    demand(distinct_set{made.bytes()}.entries() == count);
    return made;
}

void use(std::span<const std::byte> bytes)
{
    const distinct_set set{bytes};
    auto whole = closed(set);
    const distinct_set all{whole.bytes()};
    demand(set.is_open() || std::ranges::equal(bytes, whole.bytes()));
    etl::with_entry_of(set.kind().width, [&]<class Entry>(Entry) {
        for (std::size_t i = 0; i < set.entries(); ++i) {
            demand(all.contains(set.entry<Entry>(i), etl::never_poll));
            demand(set.contains(set.entry<Entry>(i), etl::never_poll));
        }
    });
    for (const auto operation : {set_operation::unite, set_operation::intersect, set_operation::subtract}) {
        vector_buffer made;
        combine_sets(operation, all, all, made, etl::never_poll);
        distinct_set::check(made.bytes(), etl::never_poll);
        demand(distinct_set{made.bytes()}.entries() == (operation == set_operation::subtract ? 0 : all.entries()));
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto bytes = std::as_bytes(std::span{data, size});
    try {
        distinct_set::check(bytes, etl::never_poll);
    } catch (const etl::error&) {
        return 0;
    }
    use(bytes);
    return 0;
}
