// The header Content-Type: RFC 9110, section 8.3.
#pragma once

#include <string>
#include <string_view>

namespace etl {

// The parameter charset, without its quotes; empty where there is none.
std::string charset_of(std::string_view content_type);

} // namespace etl
