// The code of a name by the New York State Identification and Intelligence System: R. L. Taft, "Name search
// techniques", 1970. The original code has up to 6 letters. An empty text, or one without a letter from A to Z, has the
// empty code.
#pragma once

#include <string>
#include <string_view>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

std::string nysiis(std::string_view name, int max_length = 6);

} // namespace etl::dedupe
