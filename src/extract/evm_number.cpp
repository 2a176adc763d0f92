#include "extract/evm_number.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/cpp_only.hpp"

namespace etl::evm {
namespace {

using word = std::span<const std::byte, 32>;
using limbs = std::array<std::uint32_t, 8>; // the most significant first

bool is_negative(word bytes) noexcept
{
    return (bytes[0] & std::byte{0x80}) != std::byte{0};
}

limbs magnitude(word bytes, bool negate) noexcept
{
    limbs made{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto byte = static_cast<std::uint32_t>(negate ? ~bytes[i] : bytes[i]);
        made[i / 4] = made[i / 4] << 8U | byte;
    }
    for (std::size_t i = made.size(); negate && i-- > 0;) {
        negate = ++made[i] == 0; // the one that is added is carried on
    }
    return made;
}

std::uint32_t divide(limbs& number, std::uint32_t by) noexcept
{
    std::uint64_t rest = 0;
    for (std::uint32_t& limb : number) {
        rest = rest << 32U | limb;
        limb = static_cast<std::uint32_t>(rest / by);
        rest %= by;
    }
    return static_cast<std::uint32_t>(rest);
}

// Digits from the last to the first, without zeros before them.
std::string reversed_digits(limbs number)
{
    constexpr std::uint32_t billion = 1'000'000'000;
    std::string made;
    while (std::any_of(number.begin(), number.end(), [](std::uint32_t limb) { return limb != 0; })) {
        std::uint32_t part = divide(number, billion);
        for (int i = 0; i < 9; ++i, part /= 10) {
            made += static_cast<char>('0' + part % 10);
        }
    }
    made.erase(made.find_last_not_of('0') + 1);
    return made;
}

} // namespace

std::string decimal_text(word bytes, bool is_signed, int places)
{
    const bool negate = is_signed && is_negative(bytes);
    std::string made = reversed_digits(magnitude(bytes, negate));
    const auto after = static_cast<std::size_t>(places);
    made.resize(std::max(made.size(), after + 1), '0');
    if (places > 0) {
        made.insert(after, 1, '.');
    }
    made += negate ? "-" : "";
    std::reverse(made.begin(), made.end());
    return made;
}

bool has_bits(word bytes, bool is_signed, int bits) noexcept
{
    const std::size_t unused = bytes.size() - static_cast<std::size_t>(bits) / 8;
    const bool negative = is_signed && (unused < bytes.size()) && (bytes[unused] & std::byte{0x80}) != std::byte{0};
    const std::byte filling{static_cast<unsigned char>(negative ? 0xff : 0)};
    return std::all_of(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(unused),
                       [filling](std::byte byte) { return byte == filling; });
}

} // namespace etl::evm
