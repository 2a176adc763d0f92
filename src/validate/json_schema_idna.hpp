// Host names with characters beyond ASCII (IDNA2008: RFC 5890 to 5893), as themselves or in Punycode.
#pragma once

#include <string_view>

namespace etl::validate::schema {

// A host name in ASCII, whose labels in Punycode ("xn--…") stand for ones that are allowed.
bool is_internet_name(std::string_view text);

// Also one with any characters that host names may have, in their usual form or in one that programs take for it
// (Unicode Technical Standard 46): wide letters, other full stops, characters that are not seen.
bool is_international_name(std::string_view text);

// Letters, digits and hyphens in the places where host names have them (RFC 1123).
bool is_plain_label(std::string_view label);

} // namespace etl::validate::schema
