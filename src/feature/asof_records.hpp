// Rows of a point-in-time join, set aside by key until they are joined: each with its key, its moment, and its bytes,
// which only the caller can read. They go into parts by their keys, or all into one (core/part_writer.hpp).
#pragma once

#include "core/error.hpp"
#include "core/part_writer.hpp"
#include "sketch/fingerprint.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <span>
#include <vector>

namespace etl::feature {

// What stands before a row's bytes, which begin at a multiple of eight. A label is a row of the spine: `first` and
// `last` are the earliest and the latest moment of a row that may be joined to it, and without a key (or a moment) it
// has none. Of a feature `first` is the moment at which it became known, and `last` the one at which it was created: of
// two rows of one moment the one that was created later is joined.
struct asof_record {
    fingerprint key;
    std::int64_t time;
    std::int64_t first;
    std::int64_t last;
    std::uint32_t has_key;
    std::uint32_t bytes;
};
static_assert(sizeof(asof_record) == 48);

// Rows lie side by side, each at a multiple of eight.
constexpr std::size_t room_for(std::size_t bytes) noexcept
{
    return (bytes + 7) / 8 * 8;
}

void add_record(part_writer& to, const asof_record& row, std::span<const std::byte> bytes);

// Reads chunks back. Those of a writer that is given may lie in its memory.
class record_reader {
  public:
    record_reader(std::pmr::memory_resource* memory, run_store& store, poll_fn poll,
                  const part_writer* writer = nullptr)
        : store_{store}, poll_{poll}, writer_{writer}, read_{memory}
    {
    }

    // Calls f(const asof_record&, std::span<const std::byte>) for each row of a chunk; an f that returns false ends it.
    template <class F>
    bool each(const part_chunk& chunk, F&& f)
    {
        std::span<const std::byte> rest = bytes_of(chunk);
        while (!rest.empty()) {
            asof_record row;
            rest = take_header(rest, row);
            if (!f(row, rest.first(row.bytes))) {
                return false;
            }
            rest = rest.subspan(room_for(row.bytes));
        }
        return true;
    }

  private:
    std::span<const std::byte> bytes_of(const part_chunk& chunk);
    static std::span<const std::byte> take_header(std::span<const std::byte> rest, asof_record& row);

    run_store& store_;
    poll_fn poll_;
    const part_writer* writer_;
    std::pmr::vector<std::byte> read_;
};

} // namespace etl::feature
