// Addresses of accounts and contracts, as people write them.
#pragma once

#include <string>
#include <string_view>

namespace etl::evm {

// An address in small letters, 0x and 40 digits. Throws etl::error (22023) where the text is none, and where it has
// letters of both cases that are not its checksum's (ERC-55): then a digit is wrong.
std::string read_address(std::string_view text);

// With the letters in the case that ERC-55 says; takes what read_address() gives.
std::string with_checksum(std::string_view address);

} // namespace etl::evm
