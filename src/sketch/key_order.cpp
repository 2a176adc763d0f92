#include "sketch/key_order.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t small = 32; // fewer keys are sorted by comparing
constexpr unsigned most_digit_bits = 10;
constexpr std::size_t most_buckets = std::size_t{1} << most_digit_bits;

// The 64 bits that order keys first, and nearly always alone.
std::uint64_t head_of(const fingerprint& key)
{
    return key.low;
}
std::uint64_t head_of(std::uint64_t key)
{
    return key;
}

template <class Key>
void sort_small(std::span<Key> keys)
{
    for (std::size_t i = 1; i < keys.size(); ++i) {
        const Key moved = keys[i];
        std::size_t at = i;
        for (; at > 0 && is_before(moved, keys[at - 1]); --at) {
            keys[at] = keys[at - 1];
        }
        keys[at] = moved;
    }
}

template <class Key>
std::uint64_t differing_bits(std::span<const Key> keys, poll_fn poll)
{
    const std::uint64_t first = head_of(keys.front());
    std::uint64_t differing = 0;
    in_pieces(keys, poll, [&](std::span<const Key> piece) {
        for (const Key& key : piece) {
            differing |= head_of(key) ^ first;
        }
    });
    return differing;
}

// How many bits one pass looks at, such that evenly spread keys end up in buckets of about 8 after as few passes as can
// be, each of about as many bits.
unsigned digit_bits(std::size_t keys)
{
    const auto wanted = static_cast<unsigned>(std::bit_width(keys)) - 3;
    const unsigned passes = (wanted + most_digit_bits - 1) / most_digit_bits;
    return (wanted + passes - 1) / passes;
}

// Where each bucket begins, and in the end where the last one ends.
using borders = std::array<std::size_t, most_buckets + 1>;

// One pass of the American flag sort (McIlroy, Bostic, McIlroy: "Engineering Radix Sort", 1993): counts the buckets,
// then moves every key into its bucket by swapping along the cycles of the permutation.
template <class Key>
borders distribute(std::span<Key> keys, unsigned shift, unsigned bits, poll_fn poll)
{
    const std::size_t buckets = std::size_t{1} << bits;
    const auto digit = [shift, buckets](const Key& key) { return head_of(key) >> shift & (buckets - 1); };
    borders starts;
    std::fill_n(starts.begin(), buckets + 1, 0);
    in_pieces(std::span<const Key>{keys}, poll, [&](std::span<const Key> piece) {
        for (const Key& key : piece) {
            ++starts[digit(key) + 1];
        }
    });
    for (std::size_t i = 0; i < buckets; ++i) {
        starts[i + 1] += starts[i];
    }
    std::array<std::size_t, most_buckets> next;
    std::copy_n(starts.begin(), buckets, next.begin());
    poller stop{poll};
    for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
        while (next[bucket] < starts[bucket + 1]) {
            Key held = keys[next[bucket]];
            for (std::size_t home = digit(held); home != bucket; home = digit(held)) {
                std::swap(held, keys[next[home]++]);
                stop.tick();
            }
            keys[next[bucket]++] = held;
        }
    }
    return starts;
}

template <class Key>
void sort_by_comparing(std::span<Key> keys, poll_fn poll)
{
    poller stop{poll};
    std::sort(keys.begin(), keys.end(), [&stop](const Key& a, const Key& b) {
        stop.tick();
        return is_before(a, b);
    });
}

template <class Key>
void sort(std::span<Key> keys, poll_fn poll)
{
    if (keys.size() <= small) {
        sort_small(keys);
        return;
    }
    const std::uint64_t differing = differing_bits(std::span<const Key>{keys}, poll);
    if (differing == 0) { // one key many times; or fingerprints that share a half, which chance does not bring
        if (!is_ascending(std::span<const Key>{keys}, poll)) {
            sort_by_comparing(keys, poll);
        }
        return;
    }
    const auto width = static_cast<unsigned>(std::bit_width(differing));
    const unsigned bits = std::min(digit_bits(keys.size()), width);
    const borders starts = distribute(keys, width - bits, bits, poll);
    for (std::size_t i = 0; i < std::size_t{1} << bits; ++i) {
        sort(keys.subspan(starts[i], starts[i + 1] - starts[i]), poll);
    }
    if (keys.size() > 4096) {
        poll();
    }
}

} // namespace

template <class Key>
bool is_ascending(std::span<const Key> keys, poll_fn poll)
{
    bool ascends = true;
    const Key* last = nullptr;
    in_pieces(keys, poll, [&](std::span<const Key> piece) {
        for (std::size_t i = 1; ascends && i < piece.size(); ++i) {
            ascends = !is_before(piece[i], piece[i - 1]);
        }
        ascends = ascends && (last == nullptr || !is_before(piece.front(), *last));
        last = &piece.back();
    });
    return ascends;
}

template bool is_ascending(std::span<const fingerprint>, poll_fn);
template bool is_ascending(std::span<const std::uint64_t>, poll_fn);

void sort_keys(std::span<fingerprint> keys, poll_fn poll)
{
    sort(keys, poll);
}

void sort_keys(std::span<std::uint64_t> keys, poll_fn poll)
{
    sort(keys, poll);
}

void sort_keys(std::span<std::uint32_t> keys, poll_fn poll)
{
    sort(keys, poll);
}

std::uint64_t key_of(double value) noexcept
{
    if (std::isnan(value)) {
        return std::numeric_limits<std::uint64_t>::max();
    }
    const auto bits = std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value);
    constexpr std::uint64_t sign = std::uint64_t{1} << 63;
    return (bits & sign) != 0 ? ~bits : bits | sign;
}

double double_of_key(std::uint64_t key) noexcept
{
    constexpr std::uint64_t sign = std::uint64_t{1} << 63;
    return std::bit_cast<double>((key & sign) != 0 ? key & ~sign : ~key);
}

} // namespace etl
