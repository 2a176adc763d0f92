#include "extract/keccak.hpp"
#include "core/bytes.hpp"

#include <bit>
#include <cstdint>
#include <cstring>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t lanes = 25;
constexpr std::size_t rate = 136; // bytes taken in between two permutations: 1600 bits less twice 256

using sponge = std::array<std::uint64_t, lanes>;

constexpr std::array<std::uint64_t, 24> round_constants{
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

// Steps rho and pi together: the lane that is moved next, and by how much it is turned.
constexpr std::array<std::uint8_t, 24> next_lane{10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
                                                 15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};
constexpr std::array<std::uint8_t, 24> turns{1,  3,  6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
                                             27, 41, 56, 8,  25, 43, 62, 18, 39, 61, 20, 44};

void theta(sponge& state) noexcept
{
    std::array<std::uint64_t, 5> parity{};
    for (std::size_t i = 0; i < lanes; ++i) {
        parity[i % 5] ^= state[i];
    }
    for (std::size_t i = 0; i < lanes; ++i) {
        state[i] ^= parity[(i + 4) % 5] ^ std::rotl(parity[(i + 1) % 5], 1);
    }
}

void rho_and_pi(sponge& state) noexcept
{
    std::uint64_t moved = state[1];
    for (std::size_t i = 0; i < next_lane.size(); ++i) {
        const std::uint64_t replaced = state[next_lane[i]];
        state[next_lane[i]] = std::rotl(moved, turns[i]);
        moved = replaced;
    }
}

void chi(sponge& state) noexcept
{
    for (std::size_t row = 0; row < lanes; row += 5) {
        std::array<std::uint64_t, 5> before{};
        std::memcpy(before.data(), &state[row], sizeof before);
        for (std::size_t i = 0; i < 5; ++i) {
            state[row + i] = before[i] ^ (~before[(i + 1) % 5] & before[(i + 2) % 5]);
        }
    }
}

void permute(sponge& state) noexcept
{
    for (const std::uint64_t constant : round_constants) {
        theta(state);
        rho_and_pi(state);
        chi(state);
        state[0] ^= constant;
    }
}

void absorb(sponge& state, const std::byte* block) noexcept
{
    for (std::size_t i = 0; i < rate / sizeof(std::uint64_t); ++i) {
        state[i] ^= load<std::uint64_t>(block + i * sizeof(std::uint64_t));
    }
    permute(state);
}

} // namespace

keccak_digest keccak256(std::span<const std::byte> bytes) noexcept
{
    sponge state{};
    for (; bytes.size() >= rate; bytes = bytes.subspan(rate)) {
        absorb(state, bytes.data());
    }
    std::array<std::byte, rate> last{};
    if (!bytes.empty()) {
        std::memcpy(last.data(), bytes.data(), bytes.size());
    }
    last[bytes.size()] ^= std::byte{0x01};
    last[rate - 1] ^= std::byte{0x80};
    absorb(state, last.data());

    keccak_digest made{};
    std::memcpy(made.data(), state.data(), made.size());
    return made;
}

} // namespace etl
