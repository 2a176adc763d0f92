// Rows of any size, set aside by key while a query is read (core/part_writer.hpp), and looked at key by key and in the
// order of time later. A row is a head of 32 bytes and whatever follows it; its length is a multiple of 8.
#pragma once

#include "core/part_writer.hpp"
#include "sketch/fingerprint.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace etl::feature {

struct row_head {
    fingerprint key;
    std::int64_t at; // microseconds, or whatever orders the rows of a key
    std::uint32_t bytes;
    std::uint32_t flags;
};
static_assert(sizeof(row_head) == 32);

inline constexpr std::size_t row_alignment = 8;
inline constexpr std::uint32_t most_row_bytes = std::uint32_t{1} << 30;
inline constexpr part_layout row_layout{.chunk_bytes = 16352};

// A whole row, its head in front.
inline void add_row(part_writer& to, std::span<const std::byte> row)
{
    const auto key = load<row_head>(row.data()).key;
    std::ranges::copy(row, to.add(part_of(key, to.parts()), row.size()));
}

} // namespace etl::feature
