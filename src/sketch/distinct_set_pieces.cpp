#include "sketch/distinct_set_pieces.hpp"

#include "sketch/distinct_set_sort.hpp"

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::uint64_t leading_bits(std::uint64_t entry) noexcept
{
    return entry;
}

constexpr std::uint64_t leading_bits(const fingerprint& entry) noexcept
{
    return entry.low;
}

template <class Entry>
Entry entry_of(std::span<const std::byte> piece, std::size_t i)
{
    return load<Entry>(piece.data() + i * sizeof(Entry));
}

template <class Entry>
bool piece_has(std::span<const std::byte> piece, const Entry& entry)
{
    std::size_t first = 0;
    std::size_t count = piece.size() / sizeof(Entry);
    while (count > 0) {
        const std::size_t half = count / 2;
        const auto middle = entry_of<Entry>(piece, first + half);
        if (middle == entry) {
            return true;
        }
        const bool is_behind = precedes(middle, entry);
        first = is_behind ? first + half + 1 : first;
        count = is_behind ? count - half - 1 : half;
    }
    return false;
}

// Where an entry stands among so many that are spread evenly.
std::size_t likely_place(std::uint64_t leading, std::size_t entries)
{
    return static_cast<std::size_t>(static_cast<double>(leading) / 18446744073709551616.0 *
                                    static_cast<double>(entries));
}

} // namespace

template <class Entry>
bool set_pieces::find(const Entry& entry, poll_fn poll)
{
    const std::size_t most = piece_bytes / width_;
    std::size_t low = 0;
    std::size_t high = entries_;
    std::size_t around = likely_place(leading_bits(entry), entries_);
    while (low < high) {
        const std::size_t count = std::min(most, high - low);
        const std::size_t first = std::clamp(around - std::min(around, count / 2), low, high - count);
        const auto piece = fetch(first, count);
        if (precedes(entry, entry_of<Entry>(piece, 0))) {
            high = first;
        } else if (precedes(entry_of<Entry>(piece, count - 1), entry)) {
            low = first + count;
        } else {
            return piece_has(piece, entry);
        }
        around = low + (high - low) / 2;
        poll();
    }
    return false;
}

bool set_pieces::contains(std::uint64_t entry, poll_fn poll)
{
    return find(entry, poll);
}

bool set_pieces::contains(const fingerprint& entry, poll_fn poll)
{
    return find(entry, poll);
}

} // namespace etl
