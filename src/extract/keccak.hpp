// Keccak-256 as Ethereum uses it: the Keccak team's submission of 2011, padded with 0x01. SHA3-256 of FIPS 202 is the
// same sponge padded with 0x06, and gives other digests.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace etl {

using keccak_digest = std::array<std::byte, 32>;

keccak_digest keccak256(std::span<const std::byte> bytes) noexcept;

inline keccak_digest keccak256(std::string_view text) noexcept
{
    return keccak256(std::as_bytes(std::span{text}));
}

} // namespace etl
