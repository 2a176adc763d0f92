// Any bytes as a part of the rows that etl._rolling_rows sets aside: refused, or read to its end.
#include "feature/sorted_rows.hpp"

#include "../unit/memory_run_store.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace {

// With room for all rows, and sorted piece by piece.
void read_rows(std::span<const std::byte> bytes, std::size_t budget)
{
    auto* memory = std::pmr::get_default_resource();
    etl::test::memory_run_store store;
    store.append(bytes);
    const etl::run run = store.finish();
    etl::part_chunks chunks{memory};
    chunks.push_back({run, 0, bytes.size(), 0, 0});
    chunks.push_back({run, 0, bytes.size(), 0, 0});
    etl::feature::sorted_rows parts{memory, store, chunks, budget, etl::never_poll};
    while (parts.next_part()) {
        std::uint64_t last = 0;
        for (etl::feature::row_reader reader{parts}; reader->row != nullptr; reader.next()) {
            if (reader->key.low < last) {
                std::abort();
            }
            last = reader->key.low;
        }
    }
}

template <class F>
void try_to(F&& f)
{
    try {
        f();
    } catch (const etl::error&) {
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto bytes = std::as_bytes(std::span{data, size});
    if (size > 0) {
        try_to([&] { read_rows(bytes, std::size_t{1} << 20); });
        try_to([&] { read_rows(bytes, 0); });
    }
    return 0;
}
