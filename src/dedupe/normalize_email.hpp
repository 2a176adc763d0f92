// One form for all spellings of an e-mail address.
//
// The grammar is that of RFC 5321 and 5322 as far as addresses on the internet use it, with the characters beyond ASCII
// of RFC 6531: a local part of dots and letters, or in quotation marks, and a host name of at least two labels. Host
// names with other letters are written in Punycode (RFC 5891).
#pragma once

#include <memory_resource>
#include <string>
#include <string_view>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

// Empty where the text is no address. provider_rules: also what a few large providers take for one mailbox, parts from
// "+" on and, for Google, dots.
std::pmr::string normalize_email(std::string_view text, bool provider_rules, std::pmr::memory_resource* memory);

} // namespace etl::dedupe
