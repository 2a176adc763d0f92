// Punycode (core/punycode.hpp) of texts in UTF-8.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace etl::validate::schema {

// A text in UTF-8 from its Punycode form in small letters; nullopt where it is none.
std::optional<std::string> decode_punycode(std::string_view encoded);

// The Punycode form of a text in UTF-8.
std::string encode_punycode(std::string_view text);

} // namespace etl::validate::schema
