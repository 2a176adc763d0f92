// How many rows fell into each of the last minutes, as one flat state.
//
// A tile is a minute by the clock, from its first microsecond up to the next minute's, in UTC and so in every time zone
// whose offset is whole minutes. A ring of n minutes keeps the tiles from n - 1 before the newest row's to the newest
// row's own. Which rows those are depends on the newest row alone, so the state is exact for them in any order of rows
// and any division into parts; of the others only their number is kept.
//
// Layout, little-endian:
//
//   magic u32, version u32        state_header
//   minutes u32                   n
//   tiles u32                     how many follow; 1 at least
//   dropped u64                   rows older than the ring
//   {minute i64, rows u64}[…]     the tiles with rows, the oldest first; minutes since 2000-01-01 00:00 UTC
//
// While it grows there may be tiles that the ring has left behind before the others, up to n, and room for more tiles
// behind the last. Stored, there is neither.
#pragma once

#include "core/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace etl {

class velocity_tiles {
  public:
    static constexpr char type_name[] = "etl.velocity_tiles";
    static constexpr int most_minutes = 527'040; // 366 days
    static constexpr std::int64_t microseconds_per_minute = 60'000'000;

    struct tile {
        std::int64_t minute;
        std::uint64_t rows;
    };

    // The tile of a moment in microseconds.
    static std::int64_t minute_of(std::int64_t moment) noexcept;

    // Takes the state in the buffer and lets it grow; an empty buffer becomes a ring of so many minutes, which must get
    // a row. Throws invalid_parameter_value where the minutes are out of range or not the state's.
    velocity_tiles(flat_buffer& buffer, int minutes);

    void add(std::int64_t moment);

    // Adds the rows of another state to a state, which is not empty. Throws invalid_parameter_value for another number
    // of minutes, and program_limit_exceeded past 2^62 rows.
    static void merge(flat_buffer& buffer, std::span<const std::byte> other);

    // The stored form: the same bytes for the same rows. `to` is empty.
    static void pack(std::span<const std::byte> state, flat_buffer& to);

    // Proves that bytes from outside are a state with every property named above, or throws.
    static void check(std::span<const std::byte> bytes);

    struct contents {
        int minutes;
        std::uint64_t dropped;
        std::vector<tile> tiles;

        std::int64_t newest() const noexcept { return tiles.back().minute; }
        std::uint64_t count() const noexcept; // of the rows that are kept
    };
    static contents read(std::span<const std::byte> state);

    // Rows in so many tiles, of which the last has the moment, or the newest row. Throws invalid_parameter_value for
    // less than one tile or more than the ring has, and where rows of these tiles may have been dropped.
    static std::uint64_t rows_within(std::span<const std::byte> state, std::int64_t minutes, std::int64_t moment);
    static std::uint64_t rows_within(std::span<const std::byte> state, std::int64_t minutes);

  private:
    static void write(const contents& state, flat_buffer& to);
    std::int64_t newest() const;
    void insert(std::size_t at, tile added);
    std::size_t make_room(std::int64_t newest);

    flat_buffer& buffer_;
};

} // namespace etl
