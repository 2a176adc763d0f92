#include "extract/evm_address.hpp"
#include "core/error.hpp"
#include "core/hex.hpp"
#include "core/text.hpp"
#include "extract/keccak.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::evm {
namespace {

constexpr std::size_t digits = 40;

bool is_upper(char c)
{
    return c >= 'A' && c <= 'F';
}

bool is_lower(char c)
{
    return c >= 'a' && c <= 'f';
}

} // namespace

std::string with_checksum(std::string_view address)
{
    const std::string hash = to_hex(keccak256(address.substr(2)));
    std::string made{address};
    for (std::size_t i = 0; i < digits; ++i) {
        char& c = made[i + 2];
        c = is_lower(c) && hash[i] >= '8' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return made;
}

std::string read_address(std::string_view text)
{
    const std::string_view hex = text.starts_with("0x") || text.starts_with("0X") ? text.substr(2) : "";
    if (hex.size() != digits || !std::all_of(hex.begin(), hex.end(), [](char c) { return hex_digit(c) >= 0; })) {
        throw error(sqlstate::invalid_parameter_value, in_quotes(text) + " is no address", {},
                    "An address is 0x and 40 hexadecimal digits.");
    }
    std::string made{"0x"};
    std::transform(hex.begin(), hex.end(), std::back_inserter(made),
                   [](char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; });
    const bool has_checksum =
        std::any_of(hex.begin(), hex.end(), is_upper) && std::any_of(hex.begin(), hex.end(), is_lower);
    if (has_checksum && with_checksum(made).substr(2) != hex) {
        throw error(sqlstate::invalid_parameter_value, "address " + in_quotes(text) + " is mistyped",
                    "Its capital letters are not those of its checksum (ERC-55).",
                    "Look at its digits again, or write it in small letters.");
    }
    return made;
}

} // namespace etl::evm
