#include "sketch/double_order.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

// Fewer are sorted sooner by comparing them.
constexpr std::size_t few = 256;
constexpr std::size_t bytes = sizeof(std::uint64_t);
constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;

// Numbers in the order of the doubles: those below zero with all bits turned, the others with their sign.
std::uint64_t key_of(double value)
{
    const auto bits = std::bit_cast<std::uint64_t>(value);
    return (bits & sign_bit) != 0 ? ~bits : bits | sign_bit;
}

double value_of(std::uint64_t key)
{
    return std::bit_cast<double>((key & sign_bit) != 0 ? key & ~sign_bit : ~key);
}

std::uint8_t byte_of(std::uint64_t key, std::size_t i)
{
    return static_cast<std::uint8_t>(key >> 8 * i);
}

// Moves the keys into the order of one of their bytes, and otherwise leaves them in the order that they have.
void distribute(const std::vector<std::uint64_t>& from, std::vector<std::uint64_t>& to, std::size_t byte,
                std::array<std::uint32_t, 256>& counts)
{
    std::uint32_t begin = 0;
    for (std::uint32_t& count : counts) {
        const std::uint32_t next = begin + count;
        count = begin;
        begin = next;
    }
    for (const std::uint64_t key : from) {
        to[counts[byte_of(key, byte)]++] = key;
    }
}

} // namespace

// By the lowest byte first, up to the highest; a byte that all have in common orders nothing.
void sort_doubles(std::vector<double>& values)
{
    if (values.size() < few) {
        std::sort(values.begin(), values.end());
        return;
    }
    std::vector<std::uint64_t> keys(values.size());
    std::array<std::array<std::uint32_t, 256>, bytes> counts{};
    for (std::size_t i = 0; i < values.size(); ++i) {
        keys[i] = key_of(values[i]);
        for (std::size_t byte = 0; byte < bytes; ++byte) {
            ++counts[byte][byte_of(keys[i], byte)];
        }
    }
    std::vector<std::uint64_t> moved(values.size());
    for (std::size_t byte = 0; byte < bytes; ++byte) {
        if (counts[byte][byte_of(keys[0], byte)] != keys.size()) {
            distribute(keys, moved, byte, counts[byte]);
            keys.swap(moved);
        }
    }
    std::transform(keys.begin(), keys.end(), values.begin(), value_of);
}

} // namespace etl
