#include "sketch/velocity_tiles.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

using tile = velocity_tiles::tile;

constexpr std::uint32_t magic = make_magic("VTIL");
constexpr std::uint32_t version = 1;
constexpr std::uint64_t most_rows = std::uint64_t{1} << 62;
constexpr std::size_t first_room = 4;

// The minutes of PostgreSQL's moments, from 4714-11-24 BC to the end of 294276.
constexpr std::int64_t first_minute = -3'530'224'800;
constexpr std::int64_t last_minute = 153'722'855'519;

struct header {
    state_header head;
    std::uint32_t minutes;
    std::uint32_t tiles;
    std::uint64_t dropped;
};
static_assert(sizeof(header) == 24 && sizeof(tile) == 16);

constexpr std::size_t size_of(std::size_t tiles)
{
    return sizeof(header) + tiles * sizeof(tile);
}

// Up to as many tiles as the ring has may wait behind it to be dropped.
constexpr std::size_t most_tiles(std::uint32_t minutes)
{
    return 2 * std::size_t{minutes};
}

// Reads the header and checks it against the length: after this no tile lies outside.
header read_header(std::span<const std::byte> bytes)
{
    check_header(bytes, magic, version, velocity_tiles::type_name);
    if (bytes.size() < sizeof(header)) {
        refuse_state(velocity_tiles::type_name, "The value ends within its header.");
    }
    const auto head = load<header>(bytes.data());
    if (head.minutes < 1 || head.minutes > velocity_tiles::most_minutes || head.tiles < 1 ||
        head.tiles > most_tiles(head.minutes) || bytes.size() < size_of(head.tiles)) {
        refuse_state(velocity_tiles::type_name, std::to_string(head.tiles) + " tiles of " +
                                                    std::to_string(head.minutes) + " minutes do not have " +
                                                    std::to_string(bytes.size()) + " bytes.");
    }
    return head;
}

tile tile_at(const std::byte* state, std::size_t i)
{
    return load<tile>(state + size_of(i));
}

// Where the tile of a minute is, or would be.
std::size_t place_of(const std::byte* state, std::size_t tiles, std::int64_t minute)
{
    std::size_t from = 0;
    for (std::size_t left = tiles; left > 0;) {
        const std::size_t half = left / 2;
        if (tile_at(state, from + half).minute < minute) {
            from += half + 1;
            left -= half + 1;
        } else {
            left = half;
        }
    }
    return from;
}

std::uint64_t sum_of(std::uint64_t a, std::uint64_t b)
{
    if (a > most_rows || b > most_rows - a) {
        throw error(sqlstate::program_limit_exceeded, "velocity tiles cannot count more than 2^62 rows");
    }
    return a + b;
}

[[noreturn]] void refuse_mixture(std::int64_t a, std::int64_t b)
{
    throw error(sqlstate::invalid_parameter_value,
                "velocity tiles of " + std::to_string(a) + " minutes and of " + std::to_string(b) +
                    " minutes cannot be merged",
                {}, "Make all of them with the same second argument of etl.velocity_tiles.");
}

} // namespace

std::int64_t velocity_tiles::newest() const
{
    return tile_at(buffer_.data(), load<header>(buffer_.data()).tiles - 1).minute;
}

std::int64_t velocity_tiles::minute_of(std::int64_t moment) noexcept
{
    const std::int64_t minute = moment / microseconds_per_minute;
    return minute - (moment % microseconds_per_minute < 0 ? 1 : 0);
}

velocity_tiles::velocity_tiles(flat_buffer& buffer, int minutes) : buffer_{buffer}
{
    if (buffer_.size() != 0) {
        const header head = read_header(buffer_.bytes());
        if (static_cast<int>(head.minutes) != minutes) {
            refuse_mixture(head.minutes, minutes);
        }
        return;
    }
    if (minutes < 1 || minutes > most_minutes) {
        throw error(sqlstate::invalid_parameter_value,
                    "minutes must be from 1 to " + std::to_string(most_minutes) + ", not " + std::to_string(minutes));
    }
    buffer_.resize(size_of(std::min<std::size_t>(first_room, most_tiles(static_cast<std::uint32_t>(minutes)))));
    store(buffer_.data(), header{{magic, version}, static_cast<std::uint32_t>(minutes), 0, 0});
}

void velocity_tiles::add(std::int64_t moment)
{
    const std::int64_t minute = minute_of(moment);
    auto head = load<header>(buffer_.data());
    const std::int64_t newest = head.tiles == 0 ? minute : tile_at(buffer_.data(), head.tiles - 1).minute;
    if (minute <= newest - std::int64_t{head.minutes}) {
        head.dropped = sum_of(head.dropped, 1);
        store(buffer_.data(), head);
        return;
    }
    const std::size_t at = minute > newest ? head.tiles : place_of(buffer_.data(), head.tiles, minute);
    if (at < head.tiles && tile_at(buffer_.data(), at).minute == minute) {
        tile found = tile_at(buffer_.data(), at);
        found.rows = sum_of(found.rows, 1);
        store(buffer_.data() + size_of(at), found);
        return;
    }
    insert(at, {minute, 1});
}

void velocity_tiles::insert(std::size_t at, tile added)
{
    if (size_of(load<header>(buffer_.data()).tiles + std::size_t{1}) > buffer_.size()) {
        at -= make_room(std::max(added.minute, newest()));
    }
    auto head = load<header>(buffer_.data());
    std::memmove(buffer_.data() + size_of(at + 1), buffer_.data() + size_of(at), (head.tiles - at) * sizeof(tile));
    store(buffer_.data() + size_of(at), added);
    ++head.tiles;
    store(buffer_.data(), head);
}

// Drops the tiles that the ring has left behind, and grows where that gives no half of the room back. Returns how many
// are gone. At twice the ring it always does: so dropping costs no more than adding has cost.
std::size_t velocity_tiles::make_room(std::int64_t newest)
{
    auto head = load<header>(buffer_.data());
    std::size_t gone = 0;
    for (; gone < head.tiles && tile_at(buffer_.data(), gone).minute <= newest - std::int64_t{head.minutes}; ++gone) {
        head.dropped = sum_of(head.dropped, tile_at(buffer_.data(), gone).rows);
    }
    head.tiles -= static_cast<std::uint32_t>(gone);
    std::memmove(buffer_.data() + size_of(0), buffer_.data() + size_of(gone), head.tiles * sizeof(tile));
    store(buffer_.data(), head);
    if (gone <= head.tiles) {
        const std::size_t room = 2 * std::size_t{head.tiles} + first_room;
        buffer_.resize(size_of(std::min<std::size_t>(room, most_tiles(head.minutes))));
    }
    return gone;
}

void velocity_tiles::merge(flat_buffer& buffer, std::span<const std::byte> other)
{
    contents into = read(buffer.bytes());
    const contents from = read(other);
    if (into.minutes != from.minutes) {
        refuse_mixture(into.minutes, from.minutes);
    }
    (void)sum_of(into.dropped + into.count(), from.dropped + from.count()); // no state is of more rows than may be
    const std::int64_t oldest = std::max(into.newest(), from.newest()) - into.minutes + 1;
    contents all{into.minutes, into.dropped + from.dropped, {}};
    std::vector<tile> both(into.tiles.size() + from.tiles.size());
    std::merge(into.tiles.begin(), into.tiles.end(), from.tiles.begin(), from.tiles.end(), both.begin(),
               [](const tile& a, const tile& b) { return a.minute < b.minute; });
    for (const tile& next : both) {
        if (next.minute < oldest) {
            all.dropped += next.rows;
        } else if (!all.tiles.empty() && all.tiles.back().minute == next.minute) {
            all.tiles.back().rows += next.rows;
        } else {
            all.tiles.push_back(next);
        }
    }
    write(all, buffer);
}

// Whatever was there before, no room is left behind the last tile.
void velocity_tiles::write(const contents& state, flat_buffer& to)
{
    to.resize(size_of(state.tiles.size()));
    store(to.data(), header{{magic, version},
                            static_cast<std::uint32_t>(state.minutes),
                            static_cast<std::uint32_t>(state.tiles.size()),
                            state.dropped});
    std::memcpy(to.data() + size_of(0), state.tiles.data(), state.tiles.size() * sizeof(tile));
}

void velocity_tiles::pack(std::span<const std::byte> state, flat_buffer& to)
{
    write(read(state), to);
}

velocity_tiles::contents velocity_tiles::read(std::span<const std::byte> state)
{
    const header head = read_header(state);
    const std::int64_t newest = tile_at(state.data(), head.tiles - 1).minute;
    contents result{static_cast<int>(head.minutes), head.dropped, {}};
    for (std::size_t i = 0; i < head.tiles; ++i) {
        const tile next = tile_at(state.data(), i);
        if (next.minute > newest - result.minutes) {
            result.tiles.push_back(next);
        } else {
            result.dropped = sum_of(result.dropped, next.rows);
        }
    }
    return result;
}

std::uint64_t velocity_tiles::contents::count() const noexcept
{
    return std::accumulate(tiles.begin(), tiles.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const tile& each) { return sum + each.rows; });
}

void velocity_tiles::check(std::span<const std::byte> bytes)
{
    const header head = read_header(bytes);
    std::uint64_t rows = std::min(head.dropped, most_rows + 1);
    for (std::size_t i = 0; i < head.tiles; ++i) {
        const tile next = tile_at(bytes.data(), i);
        if (next.minute < first_minute || next.minute > last_minute ||
            (i > 0 && next.minute <= tile_at(bytes.data(), i - 1).minute)) {
            refuse_state(type_name, "Its minutes are not ascending.");
        }
        rows += std::min(next.rows, most_rows + 1);
        if (next.rows == 0 || rows > most_rows) {
            refuse_state(type_name, "It counts no rows in a tile, or more than 2^62.");
        }
    }
}

namespace {

std::string in_minutes(std::int64_t n)
{
    return std::to_string(n) + (n == 1 ? " minute" : " minutes");
}

std::uint64_t rows_up_to(const velocity_tiles::contents& ring, std::int64_t minutes, std::int64_t last)
{
    if (minutes < 1 || minutes > ring.minutes) {
        throw error(sqlstate::invalid_parameter_value,
                    "span must be from 1 minute to the " + in_minutes(ring.minutes) + " that the tiles keep, not " +
                        in_minutes(minutes),
                    {}, "Make tiles that keep more with the second argument of etl.velocity_tiles.");
    }
    const std::int64_t first = last - minutes + 1;
    const std::int64_t oldest = ring.newest() - ring.minutes + 1;
    if (first < oldest && ring.dropped > 0) {
        throw error(sqlstate::invalid_parameter_value,
                    "the span begins " + in_minutes(oldest - first) + " before the " + in_minutes(ring.minutes) +
                        " that the tiles keep",
                    std::to_string(ring.dropped) + " older rows have been dropped.",
                    "Ask for a later moment or a shorter span, or make tiles that keep more.");
    }
    std::uint64_t rows = 0;
    for (const tile& each : ring.tiles) {
        rows += each.minute >= first && each.minute <= last ? each.rows : 0;
    }
    return rows;
}

} // namespace

std::uint64_t velocity_tiles::rows_within(std::span<const std::byte> state, std::int64_t minutes, std::int64_t moment)
{
    return rows_up_to(read(state), minutes, minute_of(moment));
}

std::uint64_t velocity_tiles::rows_within(std::span<const std::byte> state, std::int64_t minutes)
{
    const contents ring = read(state);
    return rows_up_to(ring, minutes, ring.newest());
}

} // namespace etl
