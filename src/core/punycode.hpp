// Punycode (RFC 3492): characters of Unicode as letters, digits and hyphens, which host names are made of.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace etl {

// The characters of a Punycode form in small letters; nullopt where it is none.
std::optional<std::u32string> decode_punycode(std::string_view encoded);

std::string encode_punycode(std::u32string_view characters);

} // namespace etl
